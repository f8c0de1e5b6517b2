"""How much a model deserves to be heard: a pure function of how its trials turned out beside those of others.

Credit is the probability that the model is a capable one. Each of its trials multiplies the odds by how much likelier
its outcome is with a capable model than with a useless one. The ratios are from recorded studies of a capable reader on
32 tabular tasks, and from random points there (`benchmarks/credit_numbers.py`).
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tunewise.history import History, TrialRecord
from tunewise.objectives import norm
from tunewise.proposers.base import PRIOR, ProposalContext

__all__ = ["DOUBT", "LEAST", "fair_value", "read_credit", "stale_for"]

RATIO: Final = 3.0
"""Of the odds when a trial beats all others: a capable reader's first trial beats the default in 49 of 64 studies, a
random point in a fifth of cases. When it beats none, the inverse; half of them, 1."""
TIMID, TIMID_RATIO, FIRST = 0.1, 0.1, 3
"""A trial within this share of every range from the default, among the first so many, and its ratio: 6 of 192 of a
capable reader's are, and nearly all of a model that has no idea of its own."""
WASTED: Final = 0.5
"""Ratio of a call that brought nothing usable."""
DOUBT: Final = 0.5
"""Below this credit the model's share of all trials is its credit, and the surrogate's the rest, which gives outcomes
to compare with."""
LEAST: Final = 0.1
"""Below this credit the model is not asked any more: where it lost to all others three times."""
MOST: Final = 0.98
"""Credit that is never exceeded, so that a model that stops being of use is found out."""


def read_credit(context: ProposalContext, *, prior: float = PRIOR) -> float:
    """The probability, in [0, 1], that the model is a capable one, as far as the trials tell.

    Only what ran counts, and calls that brought nothing. Where all trials fail, nobody is the worse for it.
    """
    history, default = context.history, context.space.default
    others = [t for t in history.told if not t.by_model]
    odds, limit, run = prior / (1 - prior), MOST / (1 - MOST), 0
    for trial in history:
        if trial.proposal.decision.failure:
            odds *= WASTED
        if trial.by_model and trial.state != "running":
            run += 1
            odds *= RATIO ** (2 * beaten(trial, beside(trial, others), history) - 1)
            if run <= FIRST and default and context.distance(trial.configuration, default) < TIMID:
                odds *= TIMID_RATIO
            odds = min(odds, limit)
    return odds / (1 + odds)


def beside(trial: TrialRecord, others: list[TrialRecord]) -> list[TrialRecord]:
    """Those that a trial is compared with: all before it, and the next one; later ones have learned from it."""
    before = [t for t in others if t.number < trial.number]
    return [*before, *others[len(before) : len(before) + 1]]


def beaten(trial: TrialRecord, others: list[TrialRecord], history: History) -> float:
    """Which share of others a trial beats, by what it was to make small; a tie is half a win; 0.5 without others."""
    costs = costs_for(trial, [*others, trial], history)
    if not others or costs is None:
        return 0.5
    return float((costs[:-1] > costs[-1]).mean() + (costs[:-1] == costs[-1]).mean() / 2)


def costs_for(trial: TrialRecord, trials: list[TrialRecord], history: History) -> NDArray[np.float64] | None:
    """What each of some trials is worth by what one of them was to make small; None where that cannot be said.

    Returns:
        Infinity for those that failed or violate a constraint.
    """
    scalarization, now = trial.proposal.scalarization, history.scalarization
    if scalarization and scalarization.feasibility:
        return np.array([math.inf if t.state == "failed" else t.violation for t in trials])
    if scalarization and now and len(now.weights) == len(scalarization.weights):  # on the scale of today's front
        measured = np.array([len(t.values) == len(now.objectives) for t in trials])
        costs = np.full(len(trials), math.inf)
        known = [t for t, has in zip(trials, measured, strict=True) if has]
        costs[measured] = norm(now.scaled(known) * scalarization.weights)
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
