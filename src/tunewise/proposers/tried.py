"""What has been tried in a space, and where in it that lies; kept from one trial to the next."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunewise.history import History, TrialRecord
from tunewise.prompts.findings import noise_of
from tunewise.space import SearchSpace

__all__ = ["ABSENT", "Tried", "TriedBefore", "all_begun", "nothing_left"]

ABSENT = 2.0
"""Coordinate of a hyperparameter that does not exist in a configuration: far from the cube."""
SPACES = 16
"""So many spaces are remembered, the latest: where parameters are asked for one by one, each is a space."""


@dataclass(frozen=True)
class Tried:
    """Trials that gave a value to some hyperparameter of a space.

    Attributes:
        space: The space.
        looked: All trials that were looked at, by number.
        trials: `n` of them that did.
        points: `n x d` coordinates in the unit cube, `ABSENT` for what does not exist.
        unused: `n x d`, whether a coordinate was proposed and the ended trial never asked for it, so that another value
            would have been the same trial.
    """

    space: SearchSpace
    looked: tuple[TrialRecord, ...]
    trials: tuple[TrialRecord, ...]
    points: NDArray[np.float64]
    unused: NDArray[np.bool_]

    @classmethod
    def nothing(cls, space: SearchSpace) -> Tried:
        """No trial at all."""
        return cls(space, (), (), np.empty((0, space.width)), np.empty((0, space.width), dtype=bool))

    def joined(self, more: Sequence[TrialRecord]) -> Tried:
        """With further trials."""
        if not more:
            return self
        fitting = [t for t in more if any(name in t.configuration for name in self.space)]
        points = self.space.encode_all([t.configuration for t in fitting], absent=ABSENT)
        unused = np.zeros(points.shape, dtype=bool)
        for row, trial in zip(unused, fitting, strict=True):
            for name in trial.proposal.configuration if trial.ended else ():
                if name in self.space and name not in trial.configuration:
                    row[self.space.columns[name]] = True
        return Tried(
            self.space,
            (*self.looked, *more),
            (*self.trials, *fitting),
            np.vstack([self.points, points]),
            np.vstack([self.unused, unused]),
        )

    def common(self, trials: Sequence[TrialRecord]) -> Tried:
        """The part up to where other trials begin to differ. Both are by number, so that only their ends can."""
        same = min(len(self.looked), len(trials))
        while same and self.looked[same - 1] is not trials[same - 1]:
            same -= 1
        if same == len(self.looked):
            return self
        kept = bisect_left(self.trials, self.looked[same].number, key=lambda trial: trial.number)
        return Tried(self.space, self.looked[:same], self.trials[:kept], self.points[:kept], self.unused[:kept])


class TriedBefore:
    """What had been tried when it was asked last, in each of the latest spaces."""

    def __init__(self) -> None:
        self._known: list[Tried] = []

    def of(self, space: SearchSpace, told: Sequence[TrialRecord]) -> Tried:
        """What has been tried in a space.

        Args:
            space: The space.
            told: Trials that have ended, by number.
        """
        described = list(space.items())
        known = next((t for t in self._known if list(t.space.items()) == described), Tried.nothing(space)).common(told)
        tried = known.joined(told[len(known.looked) :])
        self._known = [tried, *(t for t in self._known if list(t.space.items()) != described)][:SPACES]
        return tried


def all_begun(space: SearchSpace, history: History) -> bool:
    """Whether every configuration has begun, nobody wants a repeat, and repeats are not known to differ."""
    if space.count > len(history):
        return False
    begun = [t.configuration for t in history if t.state != "waiting" and space.accepts(t.configuration)]
    waits = any(t.state == "waiting" for t in history.open)
    return len({frozenset(c.items()) for c in begun}) >= space.count and not waits and not noise_of(history)


def nothing_left(space: SearchSpace, history: History) -> str:
    """Why no further trial would tell anything, in a sentence; empty while one might.

    None would where every configuration has begun, one of them has finished, and repeats are not known to differ.
    """
    if not history.finished or not all_begun(space, history):
        return ""
    if space.count == 1:
        return "The space has one configuration, and it has been tried."
    return f"All {space.count:,} configurations of the space have been tried."
