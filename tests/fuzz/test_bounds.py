"""Every example of every fuzz test is judged by its processor time and memory."""

from __future__ import annotations

import gc
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.bounds import bounded

pytestmark = pytest.mark.fuzz


def works(seconds: float) -> None:
    """Compute for so long."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_what_computes_too_long_fails_and_what_waits_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("support.bounds.MOST_S", 0.2)
    with pytest.raises(AssertionError, match="s of processor time"):
        bounded(works)(0.3)
    bounded(time.sleep)(0.3)


def test_the_collector_waits() -> None:
    assert gc.isenabled()
    assert bounded(gc.isenabled)() is False
    assert gc.isenabled()


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="this system keeps no peak that can be reset")
def test_what_takes_too_much_memory_fails_though_it_gives_it_back() -> None:
    with pytest.raises(AssertionError, match="MB"):
        bounded(lambda: len(b"x" * (250 << 20)))()
    bounded(lambda: len(b"x" * (100 << 20)))()


@given(st.none())
def test_the_examples_of_a_fuzz_test_are_judged(nothing: None) -> None:
    assert sys._getframe(1).f_code.co_filename == bounded.__code__.co_filename
