"""How much a model deserves to be heard: a pure function of how its trials turned out beside all others."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from tunewise.history import History, TrialRecord
from tunewise.objectives import norm

__all__ = ["LEAST", "fair_value", "read_credit", "stale_for"]

PRIOR: Final = 0.7
"""Probability that a model of which nothing is known is a capable one."""
IMPROVED, GOOD, POOR, USELESS = 2.0, 1.0, 0.6, 0.3
"""How much likelier an outcome is with a capable model than with a useless one: better than all before, in the better
half of them, in the worse half, no better than any."""
WASTED = 0.4
"""The same of a call that brought nothing usable."""
LEAST: Final = 0.25
"""Below this credit the model is not asked any more."""
MOST: Final = 0.98
"""Credit that is never exceeded, so that a model that stops being of use is found out."""


def read_credit(history: History) -> float:
    """The probability, in [0, 1], that the model is a capable one, as far as the trials tell.

    Only what ran counts, and calls that brought nothing. A failed trial counts against the model only where trials of
    others have finished: an objective that always fails says nothing about who proposes.
    """
    odds, limit = PRIOR / (1 - PRIOR), MOST / (1 - MOST)
    for trial in history:
        if trial.proposal.decision.failure:
            odds *= WASTED
        if trial.by_model and trial.state != "running":
            odds = min(limit, odds * likelihood_ratio(trial, history))
    return odds / (1 + odds)


def likelihood_ratio(trial: TrialRecord, history: History) -> float:
    """What the outcome of one of the model's trials says about it."""
    earlier = [t for t in history.finished if t.number < trial.number]
    if trial.state == "failed":
        return USELESS if any(not t.by_model for t in history.finished) else 1.0
    costs = costs_for(trial, [*earlier, trial], history)
    if not earlier or costs is None:
        return 1.0
    share = float((costs[:-1] <= costs[-1]).mean())
    return IMPROVED if share == 0 else GOOD if share <= 0.5 else POOR if share < 1 else USELESS


def costs_for(
    trial: TrialRecord, trials: list[TrialRecord], history: History
) -> np.ndarray[tuple[int], np.dtype[np.float64]] | None:
    """What each of some trials is worth by what a trial was to make small; None where that cannot be said."""
    scalarization, now = trial.proposal.scalarization, history.scalarization
    if scalarization and scalarization.feasibility:
        return np.array([t.violation for t in trials])
    if scalarization and now and len(now.weights) == len(scalarization.weights):  # on the scale of today's front
        counted = [t if len(t.values) == len(now.objectives) else None for t in trials]
        if any(t is None for t in counted):
            return None
        costs = norm(now.scaled(trials) * scalarization.weights)
    else:
        sign = 1.0 if history.direction == "minimize" else -1.0
        worth = [fair_value(t, history) if t.state == "pruned" else history.score(t) for t in trials]
        costs = np.array([math.inf if w is None or not math.isfinite(w) else sign * w for w in worth])
    return np.where([t.feasible for t in trials], costs, math.inf)


def stale_for(history: History) -> int:
    """How many trials have ended since the best one, or since the front moved."""
    if not history.best:
        return 0
    newest = max(history.front, default=history.best.number)
    return sum(t.number > newest for t in history.told)


def fair_value(trial: TrialRecord, history: History) -> float | None:
    """What a pruned trial would have been worth: a rank among the finished ones, no better than the middle.

    Its last value comes from an early step and says nothing on the scale of the others' last values; compared with
    theirs at that step it says where the trial stood.

    Returns:
        A score; None while nothing has finished to compare it with.
    """
    scores = [history.score(t) for t in history.ranked]
    finals = [score for score in scores if score is not None and math.isfinite(score)]
    if not finals:
        return None
    sign = 1.0 if history.direction == "minimize" else -1.0
    share = 0.75
    if trial.curve and math.isfinite(trial.curve[-1][1]):
        step, value = trial.curve[-1]
        others = [v for t in history.finished if (v := value_at(t, step)) is not None]
        if others:
            share = max(0.5, sum(sign * v < sign * value for v in others) / len(others))
    return sign * float(np.quantile(sign * np.array(finals), share))


def value_at(trial: TrialRecord, step: int) -> float | None:
    """The latest intermediate value up to a step."""
    before = [value for at, value in trial.curve if at <= step]
    return before[-1] if before else None
