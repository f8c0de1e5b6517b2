"""Trials by what has become of them, each made of the one before by what has ended since."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING

from tunewise.history.trial import TrialRecord

if TYPE_CHECKING:
    from tunewise.task import Direction

__all__ = ["NUMBER", "Outcomes"]

NUMBER: Callable[[TrialRecord], int] = attrgetter("number")
FEW = 16
"""Up to so many are put into a sorted list one by one; more are sorted with it."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Trials by what has become of them, by number where nothing else is said.

    Attributes:
        direction: Whether small or large values are good.
        open: Those that have not ended.
        told: Those that have.
        finished: Those of them with a value.
        failed: Those without one.
        ranked: Finished ones that meet the constraints, the best value first, the earlier one where values are equal.
    """

    direction: Direction
    open: tuple[TrialRecord, ...] = ()
    told: tuple[TrialRecord, ...] = ()
    finished: tuple[TrialRecord, ...] = ()
    failed: tuple[TrialRecord, ...] = ()
    ranked: tuple[TrialRecord, ...] = ()

    def joined(self, trials: Sequence[TrialRecord]) -> Outcomes:
        """With further trials, and with open ones as they are now."""
        changed = {t.number for t in trials}
        ended = [t for t in trials if t.ended]
        finished = [t for t in ended if t.state == "finished"]
        return replace(
            self,
            open=merged(
                tuple(t for t in self.open if t.number not in changed), [t for t in trials if not t.ended], NUMBER
            ),
            told=merged(self.told, ended, NUMBER),
            finished=merged(self.finished, finished, NUMBER),
            failed=merged(self.failed, [t for t in ended if t.state == "failed"], NUMBER),
            ranked=merged(self.ranked, [t for t in finished if t.feasible], self._rank),
        )

    def _rank(self, trial: TrialRecord) -> tuple[float, int]:
        value = trial.value or 0.0
        return value if self.direction == "minimize" else -value, trial.number


def merged(
    known: tuple[TrialRecord, ...], more: Sequence[TrialRecord], key: Callable[[TrialRecord], int | tuple[float, int]]
) -> tuple[TrialRecord, ...]:
    """Sorted trials and some more, sorted."""
    if len(more) > FEW:
        return tuple(sorted((*known, *more), key=key))
    for trial in more:
        at = bisect_right(known, key(trial), key=key)
        known = (*known[:at], trial, *known[at:]) if at < len(known) else (*known, trial)
    return known
