"""Facts, logs, scripts, and texts for a terminal."""

from __future__ import annotations

import gzip
import io
import random
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewise.assistant.facts import gather
from tunewise.assistant.sources import LOG_TAIL, MAX_LINE, read_log, read_script
from tunewise.assistant.subject import Subject
from tunewise.errors import UsageError
from tunewise.text import StreamedText, without_commands


def known(*said: str) -> dict[str, str]:
    """Facts from words alone."""
    return {fact.name: fact.value for fact in gather(Subject(), said).known.values()}


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("I train an XGBClassifier", "model", "XGBClassifier"),
        ("my CNN in PyTorch", "model", "CNN"),
        ("my CNN in PyTorch", "framework", "PyTorch"),
        ("gradient boosting", "model", "gradient boosting"),
        ("train loss 0.01, val loss 2.5", "fit",
         "looks like overfitting: loss 0.01 in training against loss 2.5 in validation"),
        ("training accuracy is 62 %, validation accuracy: 61 %", "fit",
         "no sign of overfitting: accuracy 62% in training against accuracy 61% in validation; if both are bad, it "
         "underfits"),
        ("it gets 99% on the training set and 70% on my test set", "validation metric", "metric 70%"),
        ("train_loss=nan val_loss=nan", "fit", "cannot be told: loss nan in training against loss nan in validation"),
        ("lr=3e-4", "learning rate", "3e-4"),
        ("AdamW", "optimizer", "AdamW"),
    ],
)  # fmt: skip
def test_facts_are_found_in_words(text: str, name: str, value: str) -> None:
    assert known(text)[name] == value


@pytest.mark.parametrize("text", ["The accuracy is 60 %.", "It is slow.", "error 404", "a network problem", "epoch 3"])
def test_what_is_not_said_is_not_known(text: str) -> None:
    assert not known(text).keys() & {"model", "training metric", "validation metric", "fit", "learning rate"}


def test_the_kind_of_question_outlasts_an_answer_to_a_question_of_ours() -> None:
    asked = ("My accuracy is low, what should I tune?", "It is a random forest in sklearn.")
    assert gather(Subject(), asked).deciding == ["the metric on the training data", "the metric on validation data"]
    assert gather(Subject(), ["Hello"]).deciding == []


def test_a_log_with_nan_says_so_itself(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("step 1 loss: 9\nstep 2 loss: nan\n")
    subject = Subject(logs=(read_log(str(tmp_path / "a.log")),))
    facts = gather(subject, ["What happened?"])
    assert (facts.kind, facts.known["divergence"].origin) == ("divergence", "log 2")
    assert facts.deciding == ["which optimizer", "which learning rate"]


def test_a_guard_in_a_script_is_no_event(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("if loss is nan:  # val accuracy: 0.99\n    raise ValueError('loss = nan')\n")
    facts = gather(Subject(scripts=(read_script(str(tmp_path / "train.py")),)), ["What does it do?"])
    assert facts.kind == "other"
    assert not {"divergence", "validation metric"} & facts.known.keys()


def test_the_end_of_a_log_keeps_its_line_numbers(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("".join(f"line {k}\n" for k in range(1, LOG_TAIL + 101)))
    log = read_log(str(tmp_path / "a.log"))
    assert (log.first, log.last, log.lines[0]) == (101, LOG_TAIL + 100, "line 101")
    assert log.numbered(1, 102) == "log 101| line 101\nlog 102| line 102"
    assert log.numbered(99_999, 99_999) == ""


def test_progress_bars_colours_and_long_lines_are_tamed(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"\x1b[31m10%\r50%\r\x1b[0m100%\r\nnext\xff\n" + b"x" * 3_000_000 + b"\nlast")
    log = read_log(str(tmp_path / "a.log"))
    assert log.lines[:2] == ("100%", "next\N{REPLACEMENT CHARACTER}")
    assert (len(log.lines[2]), log.lines[3], log.last) == (MAX_LINE, "last", 4)


def test_empty_and_missing_files(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("")
    log = read_log(str(tmp_path / "empty"))
    assert (log.lines, log.first, log.last) == ((), 1, 0)
    (tmp_path / "binary").write_bytes(b"\0\1")
    (tmp_path / "utf-16").write_text("loss 1\n" * 20, "utf-16")
    (tmp_path / "zipped").write_bytes(gzip.compress(random.Random(0).randbytes(10_000)))
    for wrong, read in (
        ("none", read_log),
        ("none", read_script),
        (".", read_log),
        (".", read_script),
        ("binary", read_script),
        ("binary", read_log),
        ("utf-16", read_log),
        ("zipped", read_log),
    ):
        with pytest.raises(UsageError, match="Name a "):
            read(str(tmp_path / wrong))


def test_a_log_of_a_machine_that_lost_power_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"step 1 loss: 2.5 \xfc\n" * 50 + b"\0" * 30)
    assert read_log(str(tmp_path / "a.log")).lines[0] == "step 1 loss: 2.5 \N{REPLACEMENT CHARACTER}"


def test_what_cannot_be_opened_is_a_sentence(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for read in (read_log, read_script):
        with pytest.raises(UsageError, match="cannot be read: "):
            read(str(loop))
        with pytest.raises(UsageError, match="cannot be read: "):
            read("~nobody-of-this-name/a.log")


def test_a_log_of_a_megabyte_is_read_in_a_moment(tmp_path: Path) -> None:
    secret = "api_key = 'abcdefghijkl' \x1b]0;owned\x07"
    (tmp_path / "a.log").write_text("".join(f"epoch {k} loss: {1 / (k + 1):.5f} {secret}\n" for k in range(20_000)))
    began = time.process_time()
    log = read_log(str(tmp_path / "a.log"))
    facts = gather(Subject(logs=(log,)), ["Why is my accuracy low?"])
    assert time.process_time() - began < 3
    assert (log.last, len(log.lines)) == (20_000, LOG_TAIL)
    assert log.lines[-1] == "epoch 19999 loss: 0.00005 api_key = '***' "
    assert facts.known.keys() == set()


def test_a_log_comes_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a\nb\n")))
    assert read_log("-").lines == ("a", "b")


def test_a_private_key_in_a_script_is_masked_over_its_lines(tmp_path: Path) -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMIIBVgIBADANBg\nkqhkiG9w0BAQEF\n-----END PRIVATE KEY-----\n"
    (tmp_path / "a.py").write_text(f"import x\nk = '''{key}'''\nlr = 0.1\n")
    script = read_script(str(tmp_path / "a.py"))
    assert "MIIB" not in "".join(script.lines)
    assert script.lines[6] == "lr = 0.1"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mred\x1b[0mb", "aredb"),
        ("a\x1b]0;title\x07b", "ab"),
        ("a\x1b]52;c;c2VjcmV0\x1b\\b", "ab"),
        ("a\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\b", "alinkb"),
        ("a\x9b31mb", "ab"),
        ("a\x1bcb", "ab"),
        ("a\u202eb", "a\N{REPLACEMENT CHARACTER}b"),
        ("a\rb\x08", "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"),
        ("plain\n\ttext é 汉", "plain\n\ttext é 汉"),
        ("a\x1b[31", "a\N{REPLACEMENT CHARACTER}[31"),
    ],
)
def test_commands_to_the_terminal_are_taken_out_also_in_pieces(text: str, shown: str) -> None:
    assert without_commands(text) == shown
    for size in (1, 2, 3):
        cleaner = StreamedText()
        pieces = [cleaner(text[k : k + size]) for k in range(0, len(text), size)]
        assert "".join(pieces) + cleaner.rest() == shown


@given(st.lists(st.text(st.sampled_from("ab\x1b[]0;m\x07\\\n\x9b"), max_size=6)))
def test_no_command_survives_in_pieces(pieces: list[str]) -> None:
    cleaner = StreamedText()
    assert not {"\x1b", "\x07", "\x9b"} & set("".join(map(cleaner, pieces)) + cleaner.rest())


@pytest.mark.parametrize("size", [1, 2, 5, 7, 40])
def test_secrets_that_come_in_pieces_are_masked(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEATHER_SECRET", "plumage Blue seventeen")
    text = "I saw plumage Blue seventeen\nand password: hunter2222 and sk-abcdefghijklmnop1234 there, plumage too."
    cleaner = StreamedText()
    shown = "".join(cleaner(text[k : k + size]) for k in range(0, len(text), size)) + cleaner.rest()
    assert shown == "I saw ***\nand password: *** and *** there, plumage too."


def test_a_command_without_an_end_is_text_in_the_end() -> None:
    cleaner = StreamedText()
    shown = cleaner("\x1b]0;" + "x" * 10_000) + cleaner("y") + cleaner.rest()
    assert shown.endswith("xy")
