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
