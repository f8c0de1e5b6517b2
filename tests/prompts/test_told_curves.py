"""What the model is told of learning curves."""

from __future__ import annotations

import math

import pytest

from tunewise.history import History, TrialRecord
from tunewise.prompts.curves import describe_curve, say_curves
from tunewise.task import Direction

CURVES = {
    "still improving": ([1.0, 0.8, 0.6, 0.4, 0.2], "best 0.2 at step 4, still improving at step 4"),
    "level": ([1.0, 0.3, 0.21, 0.2, 0.205, 0.2, 0.2, 0.2], "best 0.2 at step 3, hardly better since step 2 of 7"),
    "overfits": ([1.0, 0.4, 0.2, 0.5, 0.7], "best 0.2 at step 2, worse since: 0.7 at step 4"),
    "diverges": ([1.0, 0.4, math.nan], "best 0.4 at step 1, diverged after step 1"),
    "never finite": ([math.inf, math.nan, math.nan], "diverged at step 0"),
    "recovers": ([1.0, math.nan, 0.4, 0.2], "best 0.2 at step 3, still improving at step 3"),
    "constant": ([0.5, 0.5, 0.5], "best 0.5 at step 0, hardly better since step 0 of 2"),
}


def trial(number: int, values: list[float]) -> TrialRecord:
    last = values[-1]
    state = "finished" if math.isfinite(last) else "failed"
    return TrialRecord(
        number,
        state,  # type: ignore[arg-type]
        {"x": 0.1 * number},
        last if math.isfinite(last) else None,
        curve=tuple(enumerate(values)),
    )


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("name", CURVES)
def test_a_curve_in_words(name: str, direction: Direction) -> None:
    values, said = CURVES[name]
    if direction == "maximize":
        values = [-value for value in values]
        said = said.replace("best 0", "best -0").replace("since: 0", "since: -0")
    assert describe_curve(trial(0, values), History(direction=direction)) == said


def test_the_best_and_the_latest_are_told() -> None:
    trials = [trial(k, [1.0, 0.9, 0.1 * k + 0.1]) for k in range(20)]
    told = say_curves(History(tuple(trials)))
    assert [line.partition(":")[0] for line in told[1:]] == [f"trial {k}" for k in (0, 1, 2, 17, 18, 19)]


def test_short_curves_are_no_curves() -> None:
    assert say_curves(History((trial(0, [1.0, 0.5]),))) == []
    assert say_curves(History()) == []
