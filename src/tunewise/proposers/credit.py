"""How much a model deserves to be heard: a pure function of where it went, and how that turned out beside others.

Credit is the probability that the model is a capable one. Who reads the trials goes where they were good: that is seen
in a proposal before it runs. And the model's trials are compared with those that others proposed at about the same
time. The odds are multiplied by how much likelier each observation is with a capable model than with a useless one. The
ratios are from recorded studies of a capable reader on 32 tabular tasks, and from random points there
(`benchmarks/credit_numbers.py`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import takewhile
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tunewise.history import History, TrialRecord
from tunewise.objectives import Scalarization, norm
from tunewise.proposers.base import PRIOR, ProposalContext
from tunewise.space import Value

__all__ = ["DOUBT", "LARGE", "LEAST", "fair_value", "read_credit"]

LARGE: Final = "large step"
"""A call that asked to leave what was tried. Where its proposal lies says nothing, what comes of it does."""

RATIO: Final = 3.0
"""Of the odds for each comparison, where the model wins all of them: a capable reader's first trial beats the default
in 49 of 64 studies, a random point in a fifth of cases. Where it loses all, the inverse; half of them, 1."""
NEAREST: Final = 3
"""Each trial of others is compared with so many of the model's that are nearest in time: who comes later knows more."""
PLACED: Final = 2.0
MISPLACED: Final = 1 / 6
"""For what a call proposes, by the earlier trial that is nearest to it: one of the better half, as in 87 % of a capable
reader's first ten calls and 32 % of random points, if not more than half share its value; or one of the worse half that
is also worse than the middle of what others ran, or shares the worst value with others, 2 % and 16 %, and nearly all of
a model that goes where it just lost. Else 1."""
STUCK: Final = 3
"""So many trials with the worst value of all are a place to leave: nothing is learned there."""
EARLY: Final = 10
"""Of so many of the first calls. Later the worse half of the trials is still good, and says little."""
TIMID, TIMID_RATIO, FIRST = 0.09, 0.1, 3
"""A proposal within this share of every range from the default, among the first so many, and its ratio: 6 of 192 of a
capable reader's are, and nearly all of a model that has no idea of its own. Once one went farther none counts:
where the default is nearly the best, a capable model comes back to it."""
FRUITLESS: Final = 8
"""So many trials of which none is better than what was there before the first of them have found nothing: 3 % of a
capable reader's studies begin so, a sixth of those of random points, and nearly all on a plateau that is not left."""
FLAT: Final = 5
"""So many do, where they and what was there before have at most two different values: a plateau. One of 626 recorded
studies of a capable reader begins so."""
GOOD: Final = 5
"""So many of the best of a prior study are told, so who proposes what is near one has read them."""
WASTED: Final = 0.5
"""Ratio of each of the latest calls in a row that brought nothing usable."""
UNREADABLE: Final = 0.5
"""Ratio of each reply in which no configuration can be found, for good: none of 16,010 recorded ones of a capable
reader is such, half of the rambler's are. A capable model that writes badly makes up for it by one proposal in a good
place."""
DOUBT: Final = 0.5
"""Below this credit c the surrogate has (1 - c) / c turns for each of the model's, which gives outcomes to compare."""
LEAST: Final = 0.05
"""Below this credit the model is not asked any more."""
DIGITS: Final = 3
"""Of credit, rounded here alone: what is stored and told is what decides."""
MOST: Final = 0.98
"""Credit that is never exceeded, so that a model that stops being of use is found out."""


def read_credit(
    context: ProposalContext, *, prior: float = PRIOR, candidate: Mapping[str, Value] | None = None
) -> float:
    """The probability, in [0, 1], that the model is a capable one, as far as the trials tell.

    What it proposed and what ran counts, and what brought nothing. Where all trials fail, nobody is the
    worse for it. Trials that lose to one good default again and again are one piece of evidence, not many: there are as
    many comparisons as the two sides have trials (their harmonic mean). What others reached long after the model was
    last heard says nothing about it. While every trial gives the same value, or many of the model's are no better than
    what was there before, they have found nothing, and lose.

    Args:
        context: What is known.
        prior: What is known about the model from elsewhere.
        candidate: What the model proposes now.
    """
    history = context.history
    own = [t for t in history.told if t.by_model]
    others = [t for t in history.told if not t.by_model and any(t.number <= o.number + NEAREST for o in own)]
    calls = [(number, c) for number, c in proposed(history) if set(c) <= set(context.space)]
    if candidate is not None and candidate not in (c for _, c in calls):
        calls.append((context.trial, candidate))
    odds = prior / (1 - prior) * math.prod(placement(c, number, context) for number, c in calls[:EARLY])
    odds = min(odds, MOST / (1 - MOST))
    odds *= WASTED ** failed_calls(history)
    odds *= UNREADABLE ** sum(t.proposal.decision.unreadable for t in history)
    odds *= TIMID_RATIO ** len(list(takewhile(lambda call: is_timid(call[1], context), calls[:FIRST])))
    compared = [(other, nearest_to(other, own)) for other in others if own]
    costs = Costs(history)
    won = [share for other, near in compared for share in wins(near, other, costs)]
    if won:
        lead = -1.0 if found_nothing(own, history) else 2 * sum(won) / len(won) - 1
        sides = len(others), len({trial.number for _, near in compared for trial in near})
        odds *= RATIO ** (2 * math.prod(sides) / sum(sides) * lead)
    return round(min(odds / (1 + odds), MOST), DIGITS)


def proposed(history: History) -> Iterator[tuple[int, Mapping[str, Value]]]:
    """What calls brought first, run or not, each thing once, and the number of the trial for which it was offered."""
    seen: list[Mapping[str, Value]] = []
    for trial in history:
        if offered := trial.proposal.decision.offered:
            first = offered[0].configuration
        elif trial.by_model and trial.proposal.method != "auto":
            first = trial.configuration
        else:
            continue
        if first not in seen and trial.proposal.decision.call != LARGE:
            yield trial.number, first
        seen.append(first)


def placement(configuration: Mapping[str, Value], number: int, context: ProposalContext) -> float:
    """The ratio for where a configuration lies, by the trials before some number; 1 where they do not say."""
    nearest, history = context.nearest(configuration, number), context.history
    if nearest is None:
        return 1.0
    earlier = [t for t in history.told if t.number < number]
    cost, *costs = costs_for(history.scalarization, [nearest, *earlier], history).tolist()
    if min(costs) == max(costs):
        return 1.0
    rank = np.mean([0.5 * (c <= cost) + 0.5 * (c < cost) for c in costs])
    if rank <= 0.5 or cost == min(costs):
        return PLACED if costs.count(cost) <= max(1.0, len(costs) / 2) else 1.0
    others = [c for c, t in zip(costs, earlier, strict=True) if not t.by_model]
    stuck = cost == max(costs) and costs.count(cost) >= STUCK
    return MISPLACED if stuck or (others and cost > np.median(others)) else 1.0


def failed_calls(history: History) -> int:
    """How many of the latest calls in a row brought nothing."""
    calls = [bool(t.proposal.decision.failure) for t in history if t.proposal.decision.call]
    return len(list(takewhile(bool, reversed(calls))))


def is_timid(configuration: Mapping[str, Value], context: ProposalContext) -> bool:
    """Whether a configuration hardly differs from the default, and is no nearer to what was good in a prior study."""
    default = context.space.default
    if default is None or (away := context.distance(configuration, default)) >= TIMID:
        return False
    good = [c for study in context.prior_studies for c in study.best(context.space, GOOD)]
    return all(context.distance(configuration, c) >= away for c in good)


def nearest_to(other: TrialRecord, own: list[TrialRecord]) -> list[TrialRecord]:
    """The model's trials that are nearest in time to another's."""
    return sorted(own, key=lambda trial: abs(trial.number - other.number))[:NEAREST]


class Costs:
    """What each ended trial is worth by what one of them was to make small; worked out once for each such aim.

    Attributes:
        numbers: Of the trials.
        row: Where a number stands.
        by_others: Which trials are not the model's.
    """

    def __init__(self, history: History) -> None:
        self.numbers = np.array([t.number for t in history.told])
        self.row = {number: row for row, number in enumerate(self.numbers.tolist())}
        self.by_others = np.array([not t.by_model for t in history.told])
        self.of = cache(lambda scalarization: costs_for(scalarization, history.told, history))


def wins(trials: list[TrialRecord], other: TrialRecord, costs: Costs) -> Iterator[float]:
    """For each of some trials whether it beats another, by what it was to make small: 1, 0, or 0.5 where they tie.

    Two that both left the best value as it was tie, too: a small step from the best ranks before a bold one, and is
    worth no more. Only a trial that is worse than all of others loses even then.
    """
    for trial in trials:
        pair = [costs.row[trial.number], costs.row[other.number]]
        before = costs.numbers < max(trial.number, other.number)
        before[pair] = False
        cost = costs.of(trial.proposal.scalarization)
        own, their = cost[pair]
        best = cost[before].min(initial=math.inf)
        worst = cost[before & costs.by_others].max(initial=their)
        tie = own == their or (best <= min(own, their) and own <= worst)
        yield 0.5 if tie else float(own < their)


def found_nothing(own: list[TrialRecord], history: History) -> bool:
    """Whether the model's trials led nowhere: all give what every trial gives, or many are no better than the start."""
    if history.scalarization:
        return False
    if all(history.ties(t, history.told[0]) for t in history.told):
        return True
    start = costs_for(None, [t for t in history.told if t.number < own[0].number], history).min(initial=math.inf)
    costs = [cost for cost in costs_for(None, own, history).tolist() if math.isfinite(cost)]
    few = len({start, *costs}) <= 2
    return len(costs) >= (FLAT if few else FRUITLESS) and start <= min(costs)


def costs_for(
    scalarization: Scalarization | None, trials: Sequence[TrialRecord], history: History
) -> NDArray[np.float64]:
    """What each of some trials is worth by what one of them was to make small.

    Returns:
        Infinity for those that failed or violate a constraint.
    """
    now = history.scalarization
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
