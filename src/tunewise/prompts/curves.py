"""Learning curves in a line each: what a person would say who looks at the plot."""

from __future__ import annotations

import math
from typing import Final

from tunewise.history import History, TrialRecord

__all__ = ["describe_curve", "say_curves"]

BEST, LATEST = 3, 3
"""The curves of so many of the best trials, and of the latest, are told."""
FEWEST: Final = 3
"""Values that make a curve."""
NOTABLE: Final = 0.1
"""Of the curve's range: smaller changes are noise."""


def say_curves(history: History) -> list[str]:
    """A heading, and a line for each of the trials that matter; empty where none reported enough values."""
    having = [trial for trial in history.told if len(trial.curve) >= FEWEST]
    best = [trial for trial in history.ranked if trial in having][:BEST]
    shown = sorted({trial.number: trial for trial in [*best, *having[-LATEST:]]}.items())
    lines = [f"trial {number}: {describe_curve(trial, history)}" for number, trial in shown]
    return ["Learning curves of the best and the latest trials:", *lines] if lines else []


def describe_curve(trial: TrialRecord, history: History) -> str:
    """How a trial's values went: how far, where the best one was, and what came after it.

    Args:
        trial: With at least one intermediate value.
        history: Of its study, which says whether small or large values are good.
    """
    sign = 1.0 if history.direction == "minimize" else -1.0
    last = trial.curve[-1][0]
    finite = [(step, value) for step, value in trial.curve if math.isfinite(value)]
    if not finite:
        return f"diverged at step {trial.curve[0][0]}"
    costs = [sign * value for _, value in finite]
    lowest = costs.index(min(costs))
    (step, value), spread = finite[lowest], max(costs) - min(costs)
    best = f"best {value:.4g} at step {step}"
    if len(finite) < len(trial.curve) and not math.isfinite(trial.curve[-1][1]):
        return f"{best}, diverged after step {finite[-1][0]}"
    if costs[-1] - costs[lowest] > NOTABLE * spread:
        return f"{best}, worse since: {finite[-1][1]:.4g} at step {last}"
    early = costs[: max(1, 3 * len(costs) // 4)]
    if min(early) - min(costs) > NOTABLE * spread:
        return f"{best}, still improving at step {last}"
    level = next(at for (at, _), cost in zip(finite, costs, strict=True) if cost - min(costs) <= NOTABLE * spread)
    return f"{best}, hardly better since step {level} of {last}"
