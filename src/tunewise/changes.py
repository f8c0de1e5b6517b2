"""What of a study may have changed since one looked last, so that a long one is not gone through for each new trial."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import WeakKeyDictionary

from tunewise.optuna_private import id_of, id_of_study, storage_of

if TYPE_CHECKING:
    from datetime import datetime

    from optuna.storages import BaseStorage
    from optuna.study import Study
    from optuna.trial import FrozenTrial

__all__ = ["Changes", "PerStudy", "collector_paused"]

Kept = TypeVar("Kept")


class Changes:
    """Which trials of one study may have changed: new ones, and those that had not ended. What has ended stays."""

    def __init__(self) -> None:
        self._looked = 0  # how many trials there were
        self.open: list[int] = []  # numbers of those that had not ended
        self._last: tuple[int, int, datetime | None] | None = None  # the latest that had: number, id, when

    def since(self, count: int, trial: Callable[[int], FrozenTrial]) -> list[int]:
        """Numbers of the trials to look at, in order; from now on they are looked at.

        All trials where the study has taken the place of another one that was deleted.

        Args:
            count: How many trials the study has.
            trial: Each by its number.
        """
        if self._last and (count < self._looked or mark(trial(self._last[0])) != self._last):
            self._looked, self.open = 0, []
        numbers = [*self.open, *range(self._looked, count)]
        self.open = [number for number in numbers if not trial(number).state.is_finished()]
        ended = set(numbers).difference(self.open)
        if ended:
            self._last = mark(trial(max(ended)))
        self._looked = count
        return numbers


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
