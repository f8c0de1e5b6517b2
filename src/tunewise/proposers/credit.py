"""What the history says about who deserves to be listened to: a pure function of what is stored with each trial."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tunewise.history import History, TrialRecord

if TYPE_CHECKING:
    from tunewise.proposers.auto import AutoOptions

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


def policy_of(trial: TrialRecord) -> Mapping[str, Any]:
    """What `auto` has stored with a trial; empty for trials of others."""
    stored = trial.proposal.get("policy", {})
    return stored if isinstance(stored, Mapping) else {}


def read_evidence(history: History, options: AutoOptions) -> Evidence:
    """Count what each side achieved, measured with one yardstick.

    The yardstick of a trial is the value that the surrogate expected of its own best point at that moment: a model's
    pick that beats it was worth the evaluation that it took, whatever the model thought.
    """
    model: list[tuple[float, float]] = []
    own: list[tuple[float, float]] = []
    for trial in history:
        policy = policy_of(trial)
        if wasted := policy.get("wasted", 0.0):
            model.append((0.0, wasted))
        bar = policy.get("bar")
        answers = trial.by_model or trial.source == "prior"  # where the surrogate is led by the model, the model is
        worthless = trial.value is None or not math.isfinite(trial.value)  # and that is a failure whatever was expected
        if (bar is not None or worthless) and trial.state != "running" and (answers or trial.source == "acquisition"):
            (model if answers else own).append((float(beats(trial, bar, history)), 1.0))
    wins, losses = counted(model, options.memory)
    own_wins, own_losses = counted(own, options.memory)
    share = (options.trust + wins) / (options.trust + wins + losses)
    least = options.ambition * (1 + own_wins) / (2 + own_wins + own_losses)
    return Evidence((wins, losses), (own_wins, own_losses), max(0.0, (share - least) / (1 - least)))


def counted(events: Iterable[tuple[float, float]], memory: float) -> tuple[float, float]:
    """Wins and losses, oldest first, each further one making the earlier ones count less."""
    wins = losses = 0.0
    for won, weight in events:
        wins, losses = memory * wins + won * weight, memory * losses + (1 - won) * weight
    return wins, losses


def beats(trial: TrialRecord, bar: float | None, history: History) -> bool:
    """Whether a trial did better than a value; a failed one never does."""
    if trial.state != "finished" or trial.value is None or bar is None:
        return False
    return trial.value < bar if history.direction == "minimize" else trial.value > bar


def stale_for(history: History) -> int:
    """How many trials have ended since the best one."""
    return len(history.told) - 1 - history.told.index(history.best) if history.best else 0


def fair_value(trial: TrialRecord, history: History) -> float | None:
    """What a pruned trial would have been worth: a rank among the finished ones, no better than the middle.

    Its last value comes from an early step and says nothing on the scale of the others' last values; compared with
    theirs at that step it says where the trial stood.

    Returns:
        A value in the metric's unit; None while nothing has finished to compare it with.
    """
    finals = [t.value for t in history.finished if t.value is not None and math.isfinite(t.value)]
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
