"""What earlier studies expect, as the prior of a study that has few trials.

This study is like earlier ones, or like none. Like them means a weighted sum of them plus something of its own:

    y(x) = c + sum_i w_i m_i(x) + d(x),    w_i ~ N(1 / k, t^2 / k)

where `m_i` is what the process of prior study i expects, on that study's own scale; `d` is the process of this study
alone; and `c`, the level, follows the values. So units and levels of the metrics need not agree. The weights are
learned with everything else: studies that rank the trials as they turned out gain, others lose. As values come, `d`
says more, and the prior less. A study that ranks them wrongly is left out (`trusted`). The acquisition function is the
mean of those in both cases, each by its probability (`log_shares`).
"""

# ruff: noqa: N803, N806 - X, as the literature calls a matrix of points
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from tunewise.prior_studies import PriorStudy
from tunewise.space import SearchSpace
from tunewise.surrogate.gp import GP
from tunewise.surrogate.lattice import Lattice
from tunewise.surrogate.posterior import fit_best
from tunewise.surrogate.subset import select

__all__ = ["Informed", "Lesson", "inform", "learn", "log_shares", "trusted"]

Array = NDArray[np.float64]

SPREAD: Final = 0.6
"""The `t` above: how far a study's weight may be from its equal share. On the tables of
`benchmarks/transfer.py` .3, .6 and 1 differ by no more than chance."""

ALONE: Final = 3.0
"""How much likelier it is beforehand that a study is like none, than that it is like one earlier study of weight 1. So
one that stands alone is checked against what is plausible without it, and several that were chosen are followed."""

NOISE: Final = 0.05
"""Standard deviation of a value, in units of the spread of this study's values."""


@dataclass(frozen=True)
class Lesson:
    """What a prior study expects over the unit cube of this one.

    Attributes:
        gp: The process of its trials.
        columns: Those of the cube that it knows about.
        weight: As of the study.
    """

    gp: GP
    columns: NDArray[np.intp]
    weight: float = 1.0

    def expect(self, X: Array) -> Array:
        """`m` values at `m x d` points, in units of its trials' spread."""
        mean: Array = (self.gp.predict(X[:, self.columns])[0][0] - self.gp.center[0]) / self.gp.scale[0]
        return mean

    def slope(self, X: Array) -> Array:
        """The gradients (`m x d`) of the same."""
        gradient = np.zeros_like(X)
        gradient[:, self.columns] = self.gp.predict_with_gradient(X[:, self.columns])[2][0] / self.gp.scale[0]
        return gradient


LESSONS: WeakKeyDictionary[PriorStudy, dict[tuple[str, ...], Lesson]] = WeakKeyDictionary()
"""What was learned, so that it is learned once."""


def learn(study: PriorStudy, space: SearchSpace) -> Lesson | None:
    """Fit a process to a prior study; None where it says nothing about this part of a space."""
    known = LESSONS.setdefault(study, {})
    names = tuple(name for name in space if name in study.shared)
    if not names:
        return None
    if tuple(space) not in known:
        columns = np.concatenate([np.arange(space.width)[space.columns[name]] for name in names])
        X = space.encode_all([trial.configuration for trial in study.trials])[:, columns]
        y = np.array(study.costs)
        kept = select(X, y)
        groups = np.unique(Lattice(space).groups[columns], return_inverse=True)[1].astype(np.intp)
        known[tuple(space)] = Lesson(fit_best(X[kept], y[kept], groups=groups)[1], columns, study.weight)
    return known[tuple(space)]


def trusted(lessons: Sequence[Lesson], X: Array, y: Array) -> list[Lesson]:
    """The prior studies that do not rank the trials of this one wrongly.

    Each pair of trials with different values speaks for a study that ranks it so, and against one that does not. The
    other studies speak for it with a pair each, so of several the weights decide first. For one that stands alone
    nobody speaks: it leads the first trial, and then only while it ranks the trials better than chance does, by a
    standard deviation of Kendall's statistic. So it must be right about all of three, and an unrelated one costs a
    trial.

    Args:
        lessons: `k` prior studies.
        X: `n x d` points.
        y: `n` values, to be minimized.
    """
    one, other = np.triu_indices(len(y), 1)
    really = np.sign(y[one] - y[other])
    if not really.any():
        return list(lessons)
    expected_ranks = [np.sign(known[one] - known[other]) for known in (lesson.expect(X) for lesson in lessons)]
    vouched = len(lessons) - 1
    chance = (len(y) * (len(y) - 1) * (2 * len(y) + 5) / 18) ** 0.5
    needed = chance if sum(lesson.weight for lesson in lessons) <= 1 else 0.0
    kept = [float(really @ ranks) + vouched > needed for ranks in expected_ranks]
    return [lesson for lesson, is_kept in zip(lessons, kept, strict=True) if is_kept]


@dataclass(frozen=True)
class Informed:
    """A process with prior studies behind it; it predicts as `GP` does, one sample of it.

    Attributes:
        gp: The process of this study alone: its points, values and hyperparameters.
        lessons: `k` prior studies.
        level: What stands at the values' level.
        weights: `n`, the inverse of the covariance times what the prior does not explain.
        inverse: `n x n`, of the covariance.
    """

    gp: GP
    lessons: tuple[Lesson, ...]
    level: float
    weights: Array
    inverse: Array

    @property
    def scale(self) -> Array:
        """Of the values, as `GP` has it."""
        return self.gp.scale

    def predict(self, X: Array) -> tuple[Array, Array]:
        """Mean and standard deviation (`1 x m` each) without noise, in units of the targets."""
        known = expected(self.lessons, X)
        covariance = self._covariance(X, known)
        mean = known.mean(axis=1) + self.level + covariance @ self.weights
        return self._scaled(mean), self.gp.scale[:, None] * self._deviation(known, covariance)

    def predict_with_gradient(self, X: Array) -> tuple[Array, Array, Array, Array]:
        """`predict`, and the gradients (`1 x m x d` each) of both."""
        known, slopes = expected(self.lessons, X), np.stack([lesson.slope(X) for lesson in self.lessons], axis=1)
        covariance = self._covariance(X, known)
        mean = known.mean(axis=1) + self.level + covariance @ self.weights
        std = self._deviation(known, covariance)

        def chain(weights: Array) -> Array:
            """The gradients (`m x d`) of a sum of covariances with the `n` trials, weighted by `m x n`."""
            mixed = self._share * np.einsum("mk,mkd->md", weights @ self._known, slopes)
            total: Array = self.gp.covariance_gradient(X, weights[None])[0] + mixed
            return total

        mean_gradient = slopes.mean(axis=1) + chain(np.broadcast_to(self.weights, covariance.shape))
        explained = chain(covariance @ self.inverse)
        std_gradient = (self._share * np.einsum("mk,mkd->md", known, slopes) - explained) / std[:, None]
        scale = self.gp.scale[:, None]
        return self._scaled(mean), scale * std, scale[..., None] * mean_gradient, scale[..., None] * std_gradient

    def condition(self, X: Array, y: Array | None = None) -> Informed:
        """The process after more points, as `GP.condition`: what it expects there by itself, or `1 x m` values."""
        if not len(X):
            return self
        return inform(self.gp.condition(X, self.predict(X)[0] if y is None else y), self.lessons)

    @cached_property
    def _known(self) -> Array:
        """What the prior studies expect at the trials, `n x k`."""
        return expected(self.lessons, self.gp.X)

    @property
    def _share(self) -> float:
        """Variance of the weight of each prior study."""
        return float(SPREAD**2 / len(self.lessons))

    def _covariance(self, X: Array, known: Array) -> Array:
        result: Array = self.gp.covariance(X)[0] + self._share * known @ self._known.T
        return result

    def _deviation(self, known: Array, covariance: Array) -> Array:
        signal = float(self.gp.hyperparameters.signal[0])
        variance = signal + self._share * (known**2).sum(axis=1)
        left = variance - ((covariance @ self.inverse) * covariance).sum(axis=1)
        deviation: Array = np.sqrt(np.maximum(left, 1e-12 * signal))
        return deviation

    def _scaled(self, standardized: Array) -> Array:
        scaled: Array = self.gp.center[:, None] + self.gp.scale[:, None] * standardized
        return scaled


def inform(gp: GP, lessons: Sequence[Lesson]) -> Informed:
    """Put prior studies behind a process.

    Args:
        gp: Of this study alone, one sample.
        lessons: At least one.
    """
    inverse, left, level = explain(gp, lessons)
    return Informed(gp, tuple(lessons), level, inverse @ left, inverse)


def explain(gp: GP, lessons: Sequence[Lesson]) -> tuple[Array, Array, float]:
    """How the values look to whoever knows `k` prior studies.

    Returns:
        The inverse of their covariance (`n x n`), what the prior leaves of them (`n`), and their level.
    """
    covariance, left = gp.covariance(gp.X)[0], gp.y[0]
    if lessons:
        known = expected(lessons, gp.X)
        covariance = covariance + SPREAD**2 / len(lessons) * known @ known.T
        left = left - known.mean(axis=1)
    covariance[np.diag_indices(len(left))] += gp.hyperparameters.noise[0] + NOISE**2
    inverse = np.linalg.inv(covariance)
    level = float(inverse.sum(axis=0) @ left / inverse.sum()) if len(left) else 0.0
    return inverse, left - level, level


def log_shares(gp: GP, lessons: Sequence[Lesson]) -> tuple[float, float]:
    """Logarithms of the probabilities that a study is like none, and like prior ones.

    Args:
        gp: Of the study alone, one sample.
        lessons: The prior ones, at least one.
    """
    alone = float(np.log(ALONE)) + log_likelihood(gp, ())
    like = float(np.log(sum(lesson.weight for lesson in lessons))) + log_likelihood(gp, lessons)
    total = np.logaddexp(alone, like)
    return float(alone - total), float(like - total)


def log_likelihood(gp: GP, lessons: Sequence[Lesson]) -> float:
    """Of the values of a study that is like prior ones, up to a constant; one value says nothing."""
    if len(gp.X) < 2:
        return 0.0
    inverse, left, _ = explain(gp, lessons)
    return 0.5 * float(np.linalg.slogdet(inverse)[1] - left @ inverse @ left)


def expected(lessons: Sequence[Lesson], X: Array) -> Array:
    """What `k` prior studies expect at `m x d` points, `m x k`."""
    return np.stack([lesson.expect(X) for lesson in lessons], axis=1)
