"""The measures of the comparison, as pure functions on numbers.

Values are minimized throughout. A *task* is a problem under a protocol; `B` is a number of evaluations.

```python
improvement(expected_best(pool, 10), 0.2)
```
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Interval",
    "Paired",
    "area",
    "at_best",
    "best_so_far",
    "chances_of_best",
    "expected_best",
    "improvement",
    "interval",
    "mean_ranks",
    "normalized",
    "paired",
    "ranks",
    "resampled_best",
    "share_above_zero",
    "spread",
]

Array = NDArray[np.float64]

CLOSE = 1e-12
"""Values nearer than this are equal: errors are shares of a few hundred examples."""
RESAMPLES = 2000


def best_so_far(values: Sequence[float | None], *, budget: int, ceiling: float) -> Array:
    """The least value after each evaluation.

    Args:
        values: Of the evaluations in their order; None where one failed.
        budget: Length of the result; a shorter run keeps its last value.
        ceiling: What stands before the first value.
    """
    padded = [ceiling if value is None else value for value in values[:budget]]
    curve = np.minimum.accumulate(np.array([*padded, *[np.inf] * (budget - len(padded))], dtype=float))
    return np.asarray(np.minimum(curve, ceiling) if not padded else curve)


def at_best(values: ArrayLike, others: ArrayLike) -> Array:
    """After each evaluation, another number of the one with the least value; of equal values the first.

    Args:
        values: Of `n` evaluations.
        others: Their other numbers.
    """
    given = np.asarray(values, dtype=float)
    better = given[1:] < np.minimum.accumulate(given)[:-1]
    leaders = np.maximum.accumulate(np.where([True, *better], np.arange(len(given)), 0))
    return np.asarray(others, dtype=float)[leaders]


def chances_of_best(size: int, budget: int) -> Array:
    """How likely each of a pool's values, sorted, is the best of `budget` draws, each draw from the whole pool.

    This is what a bootstrap of the pool tends to, computed exactly: of `n` sorted values the best of `B` draws is the
    i-th or a later one with probability ((n - i) / n) ** B, i from 0.

    Args:
        size: `n`, at least 1.
        budget: `B`, at least 1.
    """
    at_least = (np.arange(size, -1, -1) / size) ** budget
    return np.asarray(at_least[:-1] - at_least[1:])


def expected_best(pool: ArrayLike, budget: int) -> float:
    """E[best of `budget` draws] from a pool of evaluated random configurations."""
    values = np.sort(np.asarray(pool, dtype=float))
    return float(values @ chances_of_best(len(values), budget))


def resampled_best(pool: ArrayLike, budget: int, *, repetitions: int, rng: np.random.Generator) -> Array:
    """Best so far of random search, `repetitions x budget`: each is drawn from the pool without repeats."""
    values = np.asarray(pool, dtype=float)
    draws = np.array([rng.choice(values, budget, replace=budget > len(values)) for _ in range(repetitions)])
    return np.asarray(np.minimum.accumulate(draws, axis=1))


def improvement(reference: float, value: ArrayLike) -> Array:
    """(reference - value) / reference; 0.2 is 20 % less error. Where the reference is 0: 0 for 0, else -infinity."""
    given = np.asarray(value, dtype=float)
    if abs(reference) < CLOSE:
        return np.where(np.abs(given) < CLOSE, 0.0, -np.inf)
    return np.asarray((reference - given) / abs(reference))


def share_above_zero(improvements: ArrayLike) -> float:
    """Share of tasks on which the improvement is positive; equal is not better."""
    return float(np.mean(np.asarray(improvements) > CLOSE))


def ranks(table: ArrayLike) -> Array:
    """Ranks from 1 along the last axis, small is good; those that tie share the mean of their ranks."""
    values = np.asarray(table, dtype=float)
    with np.errstate(invalid="ignore"):
        close = (np.abs(values[..., :, None] - values[..., None, :]) < CLOSE) | (
            values[..., :, None] == values[..., None, :]
        )
    below = (values[..., :, None] > values[..., None, :]) & ~close
    return np.asarray(below.sum(axis=-1) + (close.sum(axis=-1) + 1) / 2)


def mean_ranks(table: ArrayLike) -> Array:
    """Mean over tasks of the ranks of methods.

    Args:
        table: `tasks x methods`.
    """
    return np.asarray(ranks(table).mean(axis=0))


def normalized(curve: ArrayLike, *, best: float, first: float) -> Array:
    """Normalized regret: 0 is the best known value, 1 what one random point is expected to have; 0 at the least.

    Args:
        curve: Best so far.
        best: Best known value.
        first: E[first random point].
    """
    scale = first - best
    regret = np.maximum(0.0, np.asarray(curve, dtype=float) - best)
    return np.asarray(regret / scale if scale > CLOSE else np.zeros_like(regret))


def area(curve: ArrayLike) -> float:
    """Area under a curve over the evaluations, divided by their number: its mean."""
    return float(np.mean(np.asarray(curve, dtype=float)))


@dataclass(frozen=True, slots=True)
class Interval:
    """A number and what lies around it, for example a statistic with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


def interval(by_task: Sequence[ArrayLike], statistic: Callable[[Array], Array]) -> Interval:
    """A statistic over tasks, with an interval by bootstrap over tasks and over the seeds within each.

    Args:
        by_task: For each task its `seeds` numbers, whose mean is the task's.
        statistic: From `... x tasks` to `...`, for example the mean over the last axis.
    """
    rng = np.random.default_rng(0)
    arrays = [np.atleast_1d(np.asarray(numbers, dtype=float)) for numbers in by_task]
    means = np.array([array.mean() for array in arrays])
    drawn = np.stack(
        [array[rng.integers(len(array), size=(RESAMPLES, len(array)))].mean(axis=1) for array in arrays], axis=1
    )
    tasks = rng.integers(len(arrays), size=(RESAMPLES, len(arrays)))
    resampled = statistic(np.take_along_axis(drawn, tasks, axis=1))
    low, high = np.quantile(resampled, [0.025, 0.975], method="nearest")  # infinities have no values between them
    return Interval(float(statistic(means)), float(low), float(high))


def spread(values: ArrayLike, chances: ArrayLike) -> Interval:
    """The mean of a number that takes these values with these chances, and its middle 80 %."""
    given, weights = np.asarray(values, dtype=float), np.asarray(chances, dtype=float)
    order = np.argsort(given)
    below = np.cumsum(weights[order])
    low, high = given[order][np.searchsorted(below, [0.1, 0.9], side="left").clip(max=len(given) - 1)]
    return Interval(float(given @ weights), float(low), float(high))


@dataclass(frozen=True, slots=True)
class Paired:
    """Two methods on the same tasks.

    Attributes:
        won: Tasks on which the first has the smaller value.
        tied: Tasks on which both are equal.
        lost: The rest.
        p: Of Wilcoxon's signed-rank test, two-sided; 1 where all tie.
    """

    won: int
    tied: int
    lost: int
    p: float


def paired(first: ArrayLike, second: ArrayLike) -> Paired:
    """Compare two methods task by task.

    Args:
        first: A value for each task.
        second: The other's, in the same order.
    """
    from scipy.stats import wilcoxon

    gaps = np.asarray(first, dtype=float) - np.asarray(second, dtype=float)
    gaps = np.where(np.abs(gaps) < CLOSE, 0.0, gaps)
    won, lost = int((gaps < 0).sum()), int((gaps > 0).sum())
    p = float(wilcoxon(gaps, zero_method="wilcox").pvalue) if won + lost else 1.0
    return Paired(won, len(gaps) - won - lost, lost, p)
