"""Problems made from other problems, one property each: controls for contamination and for robustness.

Whoever does well because the problem was in the training data does worse on its `shifted` and `renamed` forms; on
`permuted` labels nobody can be good, and whoever is has seen what it should not. They compose, and the registry
knows them by name: `get("svm:credit-g+renamed+noisy")` is `noisy(renamed(get("svm:credit-g")))`.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np

from tunewise.bench.problems.base import Problem
from tunewise.bench.problems.grids import OnGrid
from tunewise.bench.problems.hpobench import LiveTask
from tunewise.bench.problems.lookup import look_up
from tunewise.errors import StudyError, TrialFailed
from tunewise.evaluate.base import Evaluation
from tunewise.space import NO_DEFAULT, Float, Hyperparameter, Int, SearchSpace, Value
from tunewise.task import Task

__all__ = ["WRAPPERS", "Failing", "Noisy", "Renamed", "Shifted", "failing", "noisy", "permuted", "renamed", "shifted"]

Amount = int | float


@dataclass(frozen=True)
class Wrapper:
    """A problem that is the inner one in all that it does not say."""

    inner: Problem

    @property
    def name(self) -> str:
        """The inner name and what was done."""
        return f"{self.inner.name}+{type(self).__name__.lower()}"

    @property
    def space(self) -> SearchSpace:
        """Of the inner problem."""
        return self.inner.space

    @property
    def task(self) -> Task:
        """Of the inner problem."""
        return self.inner.task

    @property
    def best(self) -> float | None:
        """Of the inner problem."""
        return self.inner.best

    @property
    def protocol(self) -> str:
        """Of the inner problem."""
        return self.inner.protocol


@dataclass(frozen=True)
class Shifted(Wrapper):
    """f(x - by), on a box that moved as well: the optimum has other coordinates and the same value.

    Attributes:
        by: How far each named hyperparameter is moved: a factor for a float on the logarithmic scale, else a summand.
    """

    by: Mapping[str, Amount]

    @cached_property
    def space(self) -> SearchSpace:
        """Bounds and defaults moved."""
        return SearchSpace(
            {name: moved(h, self.by[name]) if name in self.by else h for name, h in self.inner.space.items()}
        )

    def evaluate(self, configuration: Mapping[str, Value]) -> Evaluation:
        """The value at the place that was there before."""
        inner = self.inner.space
        back = {n: move(inner[n], v, self.by[n], -1) if n in self.by else v for n, v in configuration.items()}
        return self.inner.evaluate(back)


@dataclass(frozen=True)
class Renamed(Wrapper):
    """Neutral names (x1, x2, ...) without descriptions, and a task that names neither model nor data."""

    @cached_property
    def names(self) -> Mapping[str, str]:
        """From inner names to neutral ones."""
        return {name: f"x{i}" for i, name in enumerate(self.inner.space, 1)}

    @cached_property
    def space(self) -> SearchSpace:
        """The ranges and defaults of the inner space, under other names."""
        return SearchSpace(
            {
                self.names[name]: replace(h, description="", when={self.names[p]: v for p, v in h.when.items()})
                for name, h in self.inner.space.items()
            }
        )

    @property
    def task(self) -> Task:
        """Metric, direction, budget, hardware; of the data only their size."""
        task = self.inner.task
        return replace(
            task, model="", library="", facts=(), data=task.data and replace(task.data, name="", description="")
        )

    def evaluate(self, configuration: Mapping[str, Value]) -> Evaluation:
        """The inner value."""
        inner = {neutral: name for name, neutral in self.names.items()}
        return self.inner.evaluate({inner[name]: value for name, value in configuration.items()})


@dataclass(frozen=True)
class Noisy(Wrapper):
    """Values with Gaussian noise; the same configuration has the same noise, so that a resumed run repeats itself.

    `best` stays that of the values without noise, which `extra` holds as `noiseless`.

    Attributes:
        scale: Standard deviation of the noise.
        seed: Of the noise.
    """

    scale: float = 0.01
    seed: int = 0

    def evaluate(self, configuration: Mapping[str, Value]) -> Evaluation:
        """The inner value and noise."""
        found = self.inner.evaluate(configuration)
        place = zlib.crc32(json.dumps(dict(configuration), sort_keys=True).encode())
        noise = self.scale * float(np.random.default_rng([self.seed, place]).standard_normal())
        return Evaluation(found.value + noise, {**found.extra, "noiseless": found.value})


@dataclass(frozen=True)
class Failing(Wrapper):
    """No value inside a region; `best` stays that of the whole, which may lie inside.

    Attributes:
        region: For each named hyperparameter the range, both included; a configuration within all of them fails.
        reason: What the failure says.
    """

    region: Mapping[str, tuple[float, float]]
    reason: str = "Out of memory."

    def evaluate(self, configuration: Mapping[str, Value]) -> Evaluation:
        """The inner value, outside the region.

        Raises:
            TrialFailed: Inside.
        """
        if all(within(configuration.get(name), bounds) for name, bounds in self.region.items()):
            raise TrialFailed(self.reason)
        return self.inner.evaluate(configuration)


def shifted(problem: Problem, *, seed: int = 0) -> Shifted:
    """Move every numeric hyperparameter up by 20 to 50 % of its range."""
    rng = np.random.default_rng(seed)
    return Shifted(problem, {n: amount(h, rng.uniform(0.2, 0.5)) for n, h in problem.space.items() if h.ordered})


def renamed(problem: Problem) -> Renamed:
    """Take names and descriptions away."""
    return Renamed(problem)


def noisy(problem: Problem, *, scale: float = 0.01, seed: int = 0) -> Noisy:
    """Add noise of standard deviation `scale` to the values.

    Raises:
        StudyError: The scale is negative or not finite.
    """
    if not 0 <= scale < np.inf:
        raise StudyError(f"scale = {scale} is no standard deviation. Give a finite number of at least 0.")
    return Noisy(problem, scale, seed)


def failing(problem: Problem, region: Mapping[str, tuple[float, float]] | None = None) -> Failing:
    """Let evaluations inside a region fail; None: the upper quarter of the first numeric hyperparameter.

    Raises:
        StudyError: The region names an unknown hyperparameter, or none.
    """
    if region is None:
        name, first = next((n, h) for n, h in problem.space.items() if h.ordered)
        low, high = (first.decode([place]) for place in (0.75, 1.0))
        assert isinstance(low, Amount)
        assert isinstance(high, Amount)
        region = {name: (low, high)}
    if not region:
        raise StudyError("The region is empty, so that everything would fail. Name a hyperparameter and its range.")
    for name in region:
        look_up(name, problem.space, "hyperparameter")
    return Failing(problem, region)


def permuted(problem: Problem, *, seed: int = 0) -> LiveTask:
    """Shuffle the labels of a live task's examples before they are split, so that there is nothing to learn.

    Raises:
        StudyError: It is no live task.
    """
    if not isinstance(problem, LiveTask):
        raise StudyError(f"{problem.name} has no labels to permute. Take a task of HPOBench in mode live.")
    return replace(problem, data=replace(problem.data, permuted=seed))


WRAPPERS: Final[Mapping[str, Callable[[Problem], Problem]]] = {
    "shifted": shifted,
    "renamed": renamed,
    "permuted": permuted,
    "noisy": noisy,
    "failing": failing,
}
"""By the name that stands behind a plus sign."""


def amount(hyperparameter: Hyperparameter, share: float) -> Amount:
    """By how much to move so as to move by a share of the range."""
    match hyperparameter:
        case Float(low=low, high=high, log=True):
            return float((high / low) ** share)
        case Float(low=low, high=high, step=step):
            return float(share * (high - low) if step is None else step * round(share * (high - low) / step))
        case Int(low=low, high=high, step=step):
            return int(step * max(1, round(share * (high - low) / step)))
    raise AssertionError(hyperparameter)


def move(hyperparameter: Hyperparameter, value: Value, by: Amount, sign: int = 1) -> Amount:
    """A value moved there, or with sign -1 back, in which case it is an allowed one."""
    assert isinstance(value, Amount)
    is_factor = isinstance(hyperparameter, Float) and hyperparameter.log
    place = value * by**sign if is_factor else value + sign * by
    if sign < 0:
        place = hyperparameter.coerce(place)[0]  # rounding may have left the range
        assert isinstance(place, Amount)
    return place


def moved(hyperparameter: Hyperparameter, by: Amount) -> Hyperparameter:
    """The hyperparameter with its bounds and its default moved."""
    assert isinstance(hyperparameter, Float | Int)
    default = hyperparameter.default
    changes: dict[str, Any] = {key: move(hyperparameter, getattr(hyperparameter, key), by) for key in ("low", "high")}
    if default is not NO_DEFAULT:
        changes["default"] = move(hyperparameter, default, by)
    if isinstance(hyperparameter, OnGrid):
        changes["levels"] = tuple(move(hyperparameter, level, by) for level in hyperparameter.levels)
    return replace(hyperparameter, **changes)


def within(value: Value, bounds: tuple[float, float]) -> bool:
    """Whether a number lies in a range, bounds included."""
    return isinstance(value, Amount) and bounds[0] <= value <= bounds[1]
