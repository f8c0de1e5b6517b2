"""Asynchronous successive halving [ASHA]: of `factor` trials at a fidelity one goes on to the next.

A trial that has to wait has ended (pruned), so that its worker is free. When more trials have come as far and it is
among the best of them, a new trial with its configuration takes its place and goes on where it stood. So many
trials begin, a bad one costs the lowest fidelity, and no good one is lost because it came early. The first to come to a
fidelity goes on at once: with one worker the default, up to the top, which gives a finished trial and values to compare
with.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from optuna.pruners import BasePruner
from optuna.trial import TrialState

from tunewise.history import History, TrialRecord
from tunewise.study.again import queue_again

if TYPE_CHECKING:
    import optuna

    from tunewise.evaluate.fidelity import Fidelity

__all__ = ["Promotion", "to_promote"]


@dataclass(frozen=True, slots=True)
class Promotion(BasePruner):
    """Decides who goes on: a pruner, which also takes up again what was stopped.

    Attributes:
        fidelity: From where to where.
    """

    fidelity: Fidelity

    def prune(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> bool:
        """Whether a trial has to wait at the fidelity that it has come to."""
        rung = trial.last_step
        if rung is None or goes_beyond(study, trial, rung):
            return False
        history = History.from_study(study, skip=trial.number)
        others = [cost for _, cost in sorted_at(history, rung)]
        value = trial.intermediate_values[rung]
        cost = value if history.direction == "minimize" else -value
        places = (len(others) + 1) // self.fidelity.factor if others else 1
        return math.isnan(value) or sum(other <= cost for other in others) >= places

    def take_up(self, study: optuna.Study, history: History, *, last: bool) -> bool:
        """Queue a trial that goes on where one waits; whether there is any.

        Args:
            study: To which it is added.
            history: Its trials as they are now.
            last: Whether no others follow: then the best at a fidelity goes on, however few came there.
        """
        found = to_promote(history, self.fidelity, last=last)
        if found is None:
            return False
        queue_again(study, found)
        return True


def to_promote(history: History, fidelity: Fidelity, *, last: bool = False) -> TrialRecord | None:
    """The trial that is to go on, of those that wait; at the highest fidelity first."""
    for rung in reversed(fidelity.rungs[:-1]):
        there = [trial for trial, _ in sorted_at(history, rung)]
        for trial in there[: max(len(there) // fidelity.factor, int(last))]:
            if trial.state == "pruned" and trial.curve[-1][0] == rung:
                return trial
    return None


def sorted_at(history: History, rung: int) -> list[tuple[TrialRecord, float]]:
    """The trials with a value at a fidelity and that value, to be minimized; the best first, then the earlier."""
    sign = 1.0 if history.direction == "minimize" else -1.0
    there = [(t, sign * value) for t in history if t.state != "failed" for at, value in t.curve if at == rung]
    return sorted((t for t in there if math.isfinite(t[1])), key=lambda one: one[1])


def goes_beyond(study: optuna.Study, trial: optuna.trial.FrozenTrial, rung: int) -> bool:
    """Whether it was decided already that a trial goes on from a fidelity."""
    repeats = TrialRecord.from_optuna(trial).repeats
    before = study.get_trials(deepcopy=False)[repeats[-1]] if repeats else None
    return before is not None and before.state == TrialState.PRUNED and rung in before.intermediate_values
