"""Several objectives, and constraints, as one number to be minimized.

With several objectives each proposal has weights of its own, by which the objectives, each on its range, become one
number [ParEGO]; over many proposals every part of the Pareto front has its turn. While no trial meets the constraints,
that number is the violation alone. Proposers and the surrogate see nothing but a score that should be small; what a
proposal was to make small is stored with it, so that its outcome is judged by the same number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from tunewise.task import Direction

if TYPE_CHECKING:
    import optuna


__all__ = [
    "Measured",
    "Objective",
    "Scalarization",
    "draw_weights",
    "find_scalarization",
    "non_dominated",
    "objectives_of",
]

MAX_NAME = 60
LARGEST = 1e100
"""Values beyond are cut off: their differences still are finite."""
SUM_SHARE = 0.05
"""Share of the weighted sum beside the weighted maximum, as in [ParEGO]: of two trials with the same maximum the one
that is better elsewhere wins, so that the best trial of any weights is on the front."""


class Measured(Protocol):
    """What counts here of a trial."""

    @property
    def values(self) -> tuple[float, ...]:
        """Of each objective; empty where there are none."""
        ...

    @property
    def violation(self) -> float:
        """By how much constraints are violated, 0 if none is."""
        ...

    @property
    def feasible(self) -> bool:
        """Whether none is."""
        ...


@dataclass(frozen=True, slots=True)
class Objective:
    """One of the numbers that a trial returns.

    Attributes:
        name: As told to the model.
        direction: Whether it should be small or large.
    """

    name: str
    direction: Direction = "minimize"

    @property
    def sign(self) -> float:
        """Turns it into something to minimize."""
        return 1.0 if self.direction == "minimize" else -1.0

    @property
    def wish(self) -> str:
        """What is wanted, in two words."""
        return f"{'low' if self.direction == 'minimize' else 'high'} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalarization:
    """The one number that a proposal tries to make small, of several objectives or of constraints.

    Attributes:
        objectives: The study's, one or more.
        weights: Of each, 1 in all; none: to meet the constraints comes first.
        ideal: The best value of each so far, where the scale of that objective is 0.
        nadir: The worst on the front so far, where it is 1; never equal to the best.
    """

    objectives: tuple[Objective, ...]
    weights: tuple[float, ...] = ()
    ideal: tuple[float, ...] = ()
    nadir: tuple[float, ...] = ()

    @property
    def feasibility(self) -> bool:
        """Whether nothing counts yet but to meet the constraints."""
        return not self.weights

    @property
    def measure(self) -> str:
        """Name of the number."""
        return "constraint violation" if self.feasibility else "trade-off"

    def score(self, trial: Measured) -> float | None:
        """The number, 0 at best: the violation, or the augmented Chebyshev norm of the weighted distances to the ideal.

        Returns:
            None where a trial has no values; infinity where one of them is not finite.
        """
        if not trial.values:
            return None
        if self.feasibility:
            return trial.violation
        if len(trial.values) != len(self.weights):
            return math.inf
        return float(norm(self.scaled([trial]) * self.weights)[0])

    def scaled(self, trials: Sequence[Measured]) -> NDArray[np.float64]:
        """`n x k` values, 0 at the ideal and 1 at the nadir; infinite where one is not finite."""
        values = np.array([t.values for t in trials], dtype=float).reshape(len(trials), len(self.objectives))
        shares = (np.clip(values, -LARGEST, LARGEST) - self.ideal) / np.subtract(self.nadir, self.ideal)
        return np.where(np.isfinite(values), shares, np.inf)


def objectives_of(study: optuna.Study, metric: str) -> tuple[Objective, ...]:
    """A study's objectives: a single one under the metric's name, several as the study names them, or Optuna would."""
    count = len(study.directions)
    names = [metric] if count == 1 else study.metric_names or [f"objective {k}" for k in range(count)]
    directions: list[Direction] = ["maximize" if d.name == "MAXIMIZE" else "minimize" for d in study.directions]
    shown = (" ".join(str(name).split())[:MAX_NAME] for name in names)
    return tuple(Objective(name, direction) for name, direction in zip(shown, directions, strict=True))


def draw_weights(count: int, number: int, entropy: Sequence[int]) -> tuple[float, ...]:
    """The weights of one trial: a random point of the simplex.

    Independent draws leave gaps among few trials, so that the study draws once, and each trial goes a step on in a
    Kronecker sequence: any run of trials covers the simplex evenly.

    Args:
        count: Of objectives.
        number: Of the trial, from 0; its weights are the same in every process.
        entropy: The study's randomness.
    """
    ratio = 2.0
    for _ in range(30):  # the golden ratio for two objectives, its kin in more dimensions
        ratio = (1 + ratio) ** (1 / count)
    steps = ratio ** -np.arange(1.0, count)
    cuts = (np.random.default_rng([*entropy, count]).random(count - 1) + number * steps) % 1
    return tuple(round(float(weight), 6) for weight in np.diff([0.0, *sorted(cuts), 1.0]))


def find_scalarization(
    finished: Sequence[Measured],
    objectives: tuple[Objective, ...],
    weights: tuple[float, ...],
) -> Scalarization | None:
    """What the next proposal is to make small; None: the one metric, as it is.

    Args:
        finished: The study's trials that have values.
        objectives: Its objectives.
        weights: Of this proposal.
    """
    if finished and not any(t.feasible for t in finished):
        return Scalarization(objectives=objectives)
    if len(objectives) == 1:
        return None
    costs = as_costs([t for t in finished if t.feasible], objectives)
    costs = costs[np.isfinite(costs).all(axis=1)]
    if not len(costs):
        costs = np.zeros((1, len(objectives)))
    ideal, nadir = costs.min(axis=0), costs[non_dominated(costs)].max(axis=0)
    nadir = np.where(nadir > ideal, nadir, costs.max(axis=0))  # one trial is best in everything
    nadir = np.where(nadir > ideal, nadir, ideal + np.maximum(np.abs(ideal), 1.0))
    signs = [o.sign for o in objectives]
    return Scalarization(
        objectives=objectives,
        weights=weights,
        ideal=tuple((ideal * signs).tolist()),
        nadir=tuple((nadir * signs).tolist()),
    )


def as_costs(trials: Sequence[Measured], objectives: Sequence[Objective]) -> NDArray[np.float64]:
    """Their values, `n x k`, each to be minimized."""
    values = np.array([t.values for t in trials], dtype=float).reshape(len(trials), len(objectives))
    return np.clip(values, -LARGEST, LARGEST, where=np.isfinite(values), out=values) * [o.sign for o in objectives]


def non_dominated(costs: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of `n` points in `n x k` costs no other beats: is no worse in everything and better in something."""
    kept = np.zeros(len(costs), dtype=bool)
    left = np.lexsort(costs.T)  # none is beaten by a later one
    while len(left):
        first, left = left[0], left[1:]
        kept[first] = True
        beaten = (costs[first] <= costs[left]).all(axis=1) & (costs[first] < costs[left]).any(axis=1)
        left = left[~beaten]
    return kept


def norm(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """The augmented Chebyshev norm of each row of weighted costs, `n x k`."""
    result: NDArray[np.float64] = parts.max(axis=1) + SUM_SHARE * parts.sum(axis=1)
    return result
