"""Workers in several processes that are asked at the same moment get the same answer: who of them asks again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from optuna.trial import TrialState

from tunewise.history import History

if TYPE_CHECKING:
    from optuna.study import Study

    from tunewise.proposers.base import ProposalContext
    from tunewise.space import Configuration

__all__ = ["ATTEMPTS", "CALLS", "gives_way"]

ATTEMPTS: Final = 20
"""So often a worker asks without a model: others may be faster each time."""
CALLS: Final = 3
"""So often with one, as calls may be paid."""


def gives_way(study: Study, number: int, context: ProposalContext, configuration: Configuration) -> bool:
    """Whether a worker elsewhere has meanwhile proposed the same for a trial that goes before.

    Each stores its proposal and looks at the others' then, so of two that do so at the same time one at least sees the
    other. A lower number goes before; so does a trial that has its parameters or has ended, as its worker looks no
    more.
    """
    fresh = History.from_study(study, skip=number).planned_since(context.history)
    same = [trial for trial in fresh if context.same(trial.configuration, configuration)]
    if not same or any(trial.ended or trial.number < number for trial in same):
        return bool(same)
    running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    return not {trial.number for trial in same}.isdisjoint(trial.number for trial in running if trial.params)
