"""Texts are cut, cleaned and explained by one module."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tunewise.text import clip, did_you_mean, duration, encodable, fit, money, nearest, on_one_line, printable, shorten


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("x" * 100, "x" * 57 + "..."),
        ([1, 2], "[1, 2]"),
        (10**6000, "an integer of 19932 bits"),
        ([10**6000], "a list that is too large to show"),
        (True, "True"),
    ],
    ids=["text", "list", "endless", "endless in a list", "true"],
)
def test_a_value_of_any_size_fits_in_a_message(value: object, shown: str) -> None:
    assert shorten(value) == shown


def test_cut_texts_say_that_they_are_cut() -> None:
    assert clip("a\n b  c", 5) == "a b c"
    assert clip("word " * 9, 10) == "word wo..."
    assert fit("abcdefgh", 8) == "abcdefgh"
    assert fit("a" * 50 + "b" * 50, 20) == "a" * 10 + "\n... 80 characters left out ...\n" + "b" * 10


def test_the_word_that_was_meant() -> None:
    assert nearest("Kernal", ["kernel", "gamma"]) == "kernel"
    assert nearest("C", ["kernel"]) == ""
    assert did_you_mean("low_", ["low", "high"], "no") == "Did you mean low?"
    assert did_you_mean("zzz", ["low", "high"], "There are: low, high.") == "There are: low, high."
    assert did_you_mean(10**6000, ["low"]) == ""


def test_what_only_a_terminal_sees_is_made_visible() -> None:
    assert printable("a\x1b[31m\u202eb\n") == "a\N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}b\n"
    assert on_one_line("a\x00\n\tb ") == "a b"
    assert encodable("a\ud800") == "a?"


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.04, "0.0 s"), (59.9, "59.9 s"), (61, "1 min 01 s"), (7260, "2 h 01 min")]
)
def test_durations(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("cost", "least", "shown"),
    [
        (0.0, 0.0, "$0"),
        (0.12345, 0.1, "$0.1235"),
        (None, 0.0, "cost unknown"),
        (None, 0.5, "cost unknown, at least $0.5000"),
    ],
)
def test_money(cost: float | None, least: float, shown: str) -> None:
    assert money(SimpleNamespace(cost_usd=cost, at_least_usd=least)) == shown
