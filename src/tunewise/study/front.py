"""The front of a study with several objectives: what it has in place of a best trial."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tunewise.history import History
from tunewise.objectives import Objective, non_dominated
from tunewise.plain import Plain

__all__ = ["Front", "find_front"]

MAX_TOLD = 20


@dataclass(frozen=True)
class Front:
    """The trials that no other is at least as good as in every objective and better than in one.

    Attributes:
        objectives: `k` of them.
        values: `k` finite values of each trial that finished, by its number.
        best: Numbers of the trials on the front. Those that violate a constraint are not among them.
    """

    objectives: tuple[Objective, ...]
    values: Mapping[int, tuple[float, ...]]
    best: tuple[int, ...]

    def in_words(self) -> str:
        """One sentence."""
        if not self.best:
            return "None has finished with a value for each."
        shown = ", ".join(map(str, self.best[:MAX_TOLD])) + (", ..." if len(self.best) > MAX_TOLD else "")
        return f"Of {len(self.values)} finished ones, no other beats {len(self.best)} in everything (trial {shown})."

    def to_dict(self) -> Plain:
        """Plain data."""
        return {
            "objectives": [{"name": one.name, "direction": one.direction} for one in self.objectives],
            "trials": [{"trial": number, "values": list(self.values[number])} for number in self.best],
        }


def find_front(history: History, objectives: Sequence[Objective]) -> Front:
    """The front of the trials whose values are all finite and that meet the constraints."""
    complete = [t for t in history.finished if len(t.values) == len(objectives) and all(map(math.isfinite, t.values))]
    counted = [t for t in complete if t.feasible]
    costs = np.array([t.values for t in counted]).reshape(len(counted), len(objectives)) * [o.sign for o in objectives]
    best = tuple(t.number for t, kept in zip(counted, non_dominated(costs), strict=True) if kept)
    return Front(tuple(objectives), {t.number: t.values for t in complete}, best)
