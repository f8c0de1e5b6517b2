"""What a person sees while a study runs."""

from __future__ import annotations

import io

from rich.console import Console

from tunewise.history import History, TrialRecord
from tunewise.llm.ledger import Totals
from tunewise.cli.progress import Progress


def told(*trials: tuple[float, float]) -> str:
    """What is shown of trials with a value and a constraint."""
    out = io.StringIO()
    records: list[TrialRecord] = []
    with Progress(Console(file=out, width=200, highlight=False), len(trials), "loss", lambda: Totals.of([])) as shown:
        for number, (value, limit) in enumerate(trials):
            records.append(TrialRecord(number, "finished", {"x": value}, value, constraints={"memory": limit}))
            shown.told(records[-1], History(tuple(records)))
    return out.getvalue()


def test_a_trial_that_violates_a_constraint_is_never_the_best() -> None:
    first, second, third = told((1.0, 5.0), (3.0, 0.0), (2.0, 1.0)).splitlines()
    assert "no trial meets the constraints yet" in first
    assert "new best" in second
    assert "best 3 (trial 1)" in third
