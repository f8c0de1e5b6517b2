"""Who is told of what happens in a study while it runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias, runtime_checkable

import optuna
from optuna.trial import FrozenTrial

from tunewise.history import History, TrialRecord
from tunewise.optuna_private import stored_trial

__all__ = ["Callback", "Listeners", "Watch"]


@runtime_checkable
class Watch(Protocol):
    """Is told what happens, for a display."""

    def proposed(self, trial: TrialRecord) -> None:
        """A configuration has been chosen and its evaluation begins."""
        ...

    def reported(self, number: int, step: int, value: float) -> None:
        """A trial has reported an intermediate value. Called by the thread that the value came from."""
        ...

    def told(self, trial: TrialRecord, history: History) -> None:
        """An evaluation has ended, and its result is stored."""
        ...


Callback: TypeAlias = Callable[[optuna.Study, FrozenTrial], object] | Watch
"""As Optuna's: called with study and trial when a trial has ended. Or a `Watch`, which is told more."""


class Listeners:
    """All that are told of one study, in the order in which they were given."""

    def __init__(self, study: optuna.Study, callbacks: Sequence[Callback]) -> None:
        self._study = study
        self._callbacks = callbacks
        self._watches = [callback for callback in callbacks if isinstance(callback, Watch)]

    def proposed(self, trial: optuna.Trial) -> None:
        """See `Watch`."""
        for watch in self._watches:
            watch.proposed(TrialRecord.from_optuna(stored_trial(self._study, trial)))

    def reported(self, number: int, step: int, value: float) -> None:
        """See `Watch`."""
        for watch in self._watches:
            watch.reported(number, step, value)

    def told(self, trial: optuna.Trial) -> None:
        """See `Watch`; and callbacks as Optuna calls them."""
        for callback in self._callbacks:
            frozen = stored_trial(self._study, trial)
            if isinstance(callback, Watch):
                callback.told(TrialRecord.from_optuna(frozen), History.from_study(self._study))
            else:
                callback(self._study, frozen)
