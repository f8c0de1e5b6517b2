"""What is shown while a benchmark runs."""

from __future__ import annotations

import io
from collections import Counter, defaultdict

import pytest
from rich.console import Console

from tunewise.bench.progress import Progress, time_left
from tunewise.bench.records import RunKey


def test_each_method_counts_with_its_own_mean() -> None:
    took = defaultdict(list, {("tpe", 30): [1.0, 3.0], ("smac-gp", 30): [40.0]})
    left = Counter({("tpe", 30): 10, ("smac-gp", 30): 2, ("gp", 30): 1})
    # ten of 2 s, two of 40 s, and one of a method that has not run yet: the mean of the others, 21 s
    assert time_left(left, took, 2) == pytest.approx((10 * 2 + 2 * 40 + 21) / 2)
    assert time_left(left, defaultdict(list), 2) is None


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_and_a_log(terminal: bool) -> None:
    out = io.StringIO()
    keys = [RunKey("branin", "formula", "tpe", "", "", 10, seed) for seed in range(3)]
    with Progress(Console(file=out, force_terminal=terminal, width=100, highlight=False)) as progress:
        progress.begun(keys, 4, 2)
        progress.ended(keys[0], 2.0)
        shown = Console(width=100, record=True, file=io.StringIO())
        shown.print(progress._now())
        assert "1/3" in (text := shown.export_text())
        assert "2.0 s left" in text
    assert "3 runs, 4 are there already" in out.getvalue()
