"""What the history says about who deserves to be listened to: a pure function of what is stored with each trial."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tunewise.history import History, TrialRecord
from tunewise.objectives import norm

if TYPE_CHECKING:
    from tunewise.proposers.options import AutoOptions

__all__ = ["Evidence", "fair_value", "policy_of", "read_evidence", "stale_for"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Discounted counts.

    Attributes:
        model: Picks of the model that did better than the surrogate expected of its own, and those that did not;
            a call that gave nothing is one of the latter.
        own: The same of the surrogate's picks.
        credit: What follows for the model, in [0, 1].
    """

    model: tuple[float, float]
    own: tuple[float, float]
    credit: float


STORED: dict[str, type | tuple[type, ...]] = {
    "credit": (int, float),  # the model's, at that moment
    "bar": (int, float),  # what the surrogate expected of its own next point
    "expected": dict,  # what it expected of the point that ran
    "alternative": dict,  # its own next point, where the model's ran in its place
    "call": str,  # that a call was made, and what was asked
    "offered": list,  # what it brought
    "wasted": (int, float),  # what it cost in credit
    "failure": str,  # why it brought nothing
    "refused": list,  # objections to what could not be used
    "prior": dict,  # that the model was asked for a prior, and what it said of each hyperparameter
    "trust": (int, float),  # in that prior, where it led the surrogate
    "aim": dict,  # what it aimed at, where that was not the one metric
}
"""What `auto` keeps with a trial, all of it optional."""


def policy_of(trial: TrialRecord) -> Mapping[str, Any]:
    """What `auto` has stored with a trial; empty for trials of others. What somebody has tampered with is left out."""
    stored = trial.proposal.get("policy")
    if not isinstance(stored, Mapping):
        return {}
    known = {name: value for name, kind in STORED.items() if isinstance(value := stored.get(name), kind)}
    return {name: value for name, value in known.items() if not isinstance(value, float) or math.isfinite(value)}


def read_evidence(history: History, options: AutoOptions) -> Evidence:
    """Count what each side achieved, measured with one yardstick.

    The yardstick of a trial is the value that the surrogate expected of its own best point at that moment: a model's
    pick that beats it was worth the evaluation that it took, whatever the model thought. Of several objectives the
    yardstick is whatever trial was the best before for the same trade-off: an expectation would be on the scale of the
    front at that moment, on which all that widens the front looks bad.
    """
    better = improving(history)
    model: list[tuple[float, float]] = []
    own: list[tuple[float, float]] = []
    for trial in history:
        policy = policy_of(trial)
        if wasted := policy.get("wasted", 0.0) or options.unwanted * unwanted(trial, history):
            model.append((0.0, wasted))
        bar = policy.get("bar")
        worthless = trial.value is None or not math.isfinite(trial.value)  # and that is a failure whatever was expected
        if (
            (bar is not None or worthless)
            and trial.state != "running"
            and (trial.led_by_model or trial.source == "acquisition")
        ):
            (model if trial.led_by_model else own).append((float(beats(trial, bar, history, better)), 1.0))
    wins, losses = counted(model, options.memory)
    own_wins, own_losses = counted(own, options.memory)
    share = (options.trust + wins) / (options.trust + wins + losses)
    least = options.ambition * (1 + own_wins) / (2 + own_wins + own_losses)
    return Evidence((wins, losses), (own_wins, own_losses), max(0.0, (share - least) / (1 - least)))


def unwanted(trial: TrialRecord, history: History) -> bool:
    """Whether a call for a trial brought candidates, and no later decision found one of them good enough."""
    offered = [c.get("configuration") for c in policy_of(trial).get("offered", ()) if isinstance(c, Mapping)]
    later = [t for t in history if t.number >= trial.number]
    return bool(offered) and len(later) > 1 and not any(t.by_model and t.configuration in offered for t in later)


def counted(events: Iterable[tuple[float, float]], memory: float) -> tuple[float, float]:
    """Wins and losses, oldest first, each further one making the earlier ones count less."""
    wins = losses = 0.0
    for won, weight in events:
        wins, losses = memory * wins + won * weight, memory * losses + (1 - won) * weight
    return wins, losses


def beats(trial: TrialRecord, bar: float | None, history: History, better: frozenset[int]) -> bool:
    """Whether a trial did better than a value, by what it aimed at; one that failed or does not count never does."""
    if trial.state != "finished" or trial.value is None or bar is None:
        return False
    if aim := policy_of(trial).get("aim"):
        return trial.number in better if aim.get("weights") else trial.violation < bar
    if not trial.feasible:
        return False
    return trial.value < bar if history.direction == "minimize" else trial.value > bar


def improving(history: History) -> frozenset[int]:
    """Numbers of the trials that were better than all before them for the trade-off that each aimed at."""
    if not history.aim or history.aim.feasibility:
        return frozenset()
    aim, found = history.aim, set()
    trials = [t for t in history.finished if t.feasible and len(t.values) == len(aim.objectives)]
    costs = aim.scaled(trials)
    for row, trial in enumerate(trials):
        weights = policy_of(trial).get("aim", {}).get("weights")
        if is_weights(weights, len(aim.objectives)):
            numbers = norm(costs[: row + 1] * weights)
            if numbers[-1] < numbers[:-1].min(initial=math.inf):
                found.add(trial.number)
    return frozenset(found)


def is_weights(stored: object, count: int) -> bool:
    """Whether what is stored are the weights of so many objectives."""
    return (
        isinstance(stored, list)
        and len(stored) == count
        and all(isinstance(weight, int | float) and 0 <= weight <= 1 for weight in stored)
    )


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
        A value in the metric's unit; None while nothing has finished to compare it with.
    """
    finals = [t.value for t in history.ranked if t.value is not None and math.isfinite(t.value)]
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
