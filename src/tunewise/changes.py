"""What of a study may have changed since one looked last, so that a long one is not gone through for each new trial."""

from __future__ import annotations

import gc
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import WeakKeyDictionary

from optuna.trial import TrialState

from tunewise.optuna_private import id_of, id_of_study, storage_of

if TYPE_CHECKING:
    from datetime import datetime

    from optuna.storages import BaseStorage
    from optuna.study import Study
    from optuna.trial import FrozenTrial

__all__ = ["Changes", "Latest", "PerStudy", "collector_paused"]

ENDED = [state for state in TrialState if state.is_finished()]

Kept = TypeVar("Kept")


class Changes:
    """Which trials of one study have changed: new ones, and those that had not ended. What has ended stays.

    Storages never change a trial that they have handed out, they put another one in its place.
    """

    def __init__(self) -> None:
        self.open: dict[int, FrozenTrial] = {}  # those that had not ended, by number
        self._looked = 0  # how many trials there were
        self._last: tuple[int, int, datetime | None] | None = None  # the latest that had ended: number, id, when

    def since(self, count: int, trial: Callable[[int], FrozenTrial]) -> list[int]:
        """Numbers of the trials to look at, in order; from now on they are looked at.

        All trials where the study has taken the place of another one that was deleted.

        Args:
            count: How many trials the study has.
            trial: Each by its number.
        """
        if count < self._looked or (self._last and mark(trial(self._last[0])) != self._last):
            self._looked, self.open, self._last = 0, {}, None
        numbers = [number for number, before in self.open.items() if trial(number) is not before]
        numbers += range(self._looked, count)
        for number in numbers:
            now = trial(number)
            if now.state.is_finished():
                self.open.pop(number, None)
            else:
                self.open[number] = now
        self._last = next((mark(trial(n)) for n in reversed(numbers) if n not in self.open), self._last)
        self._looked = count
        return numbers


class Latest:
    """The trials of one study as they are now; of a long one only what may have changed is looked at."""

    def __init__(self) -> None:
        self._changes = Changes()
        self._trials: list[FrozenTrial] = []

    @staticmethod
    def knows(states: Container[TrialState] | None) -> bool:
        """Whether trials in these states can be told without going through all of them."""
        return states is None or not any(state in states for state in ENDED)

    def read(
        self, count: int, trial: Callable[[int], FrozenTrial], states: Container[TrialState] | None
    ) -> list[FrozenTrial]:
        """All trials by number, or those in some states in which a trial has not ended.

        Args:
            count: How many trials the study has.
            trial: Each by its number.
            states: See `knows`.
        """
        for number in self._changes.since(count, trial):
            self._trials[number : number + 1] = [trial(number)]
        if states is None:
            return self._trials.copy()
        return [self._trials[number] for number in self._changes.open if self._trials[number].state in states]


def mark(trial: FrozenTrial) -> tuple[int, int, datetime | None]:
    """What tells an ended trial from that of another study."""
    return trial.number, id_of(trial), trial.datetime_complete


class PerStudy(Generic[Kept]):
    """Something that is kept for each study, as long as its storage is.

    Args:
        make: Makes it.
    """

    def __init__(self, make: Callable[[], Kept]) -> None:
        self._make = make
        self._kept: WeakKeyDictionary[BaseStorage, dict[int, Kept]] = WeakKeyDictionary()

    def of(self, study: Study) -> Kept:
        """What is kept for a study; made at the first time."""
        of_storage = self._kept.setdefault(storage_of(study), {})
        key = id_of_study(study)
        if key not in of_storage:
            of_storage[key] = self._make()
        return of_storage[key]


@contextmanager
def collector_paused() -> Iterator[None]:
    """Make thousands of objects that stay, without Python's collector of cycles looking through them again and again.

    A quarter of the time in which a long study is read.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
