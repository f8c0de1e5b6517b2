"""Where to look next: the logarithm of the expected improvement, and its maximizer.

Expected improvement itself is 0 in floating point over most of the cube once a good point is known, and then has no
gradient to follow; its logarithm, computed without cancellation, always has one [Ament].
"""

# ruff: noqa: N803, N806 - X, as the literature calls a matrix of points
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import log, pi, sqrt
from typing import Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import erfcx, log_ndtr, ndtr

from tunewise.surrogate.lattice import Lattice

__all__ = [
    "Acquisition",
    "Average",
    "LogExpectedImprovement",
    "Nearby",
    "Process",
    "Total",
    "fresh",
    "log_improvement",
    "maximize",
    "perturb",
    "step_width",
]

Array = NDArray[np.float64]

LOG_ROOT_2_PI: Final = 0.5 * log(2 * pi)

POOL: Final = 512
"""How many points of a Sobol sequence are scored before the best are refined."""

NEARBY: Final = 128
"""How many perturbations of the best trials are scored beside them."""

STARTS: Final = 4
"""How many of all these are refined."""

ROUNDS: Final = 2
"""How often the gradient and the steps between discrete values take turns."""

SAME: Final = 1e-4
"""Points that differ by no more in any coordinate are one: to try both would tell nothing new."""

AT_ONCE: Final = 64
"""Of how many points it is looked up whether they are known; one of the first is nearly always new."""

STAIR: Final = 0.05
"""The widest step of a metric that is believed in, as a share of a range."""


class Process(Protocol):
    """What an acquisition needs to know of a Gaussian process; see `GP`."""

    def predict(self, X: Array) -> tuple[Array, Array]:
        """Means and standard deviations, `s x m` each."""
        ...

    def predict_with_gradient(self, X: Array) -> tuple[Array, Array, Array, Array]:
        """Means and standard deviations, `s x m` each, and their gradients, `s x m x d` each."""
        ...

    def condition(self, X: Array, y: Array | None = None) -> Self:
        """The process after more points."""
        ...


class Acquisition(Protocol):
    """A score of points of the unit cube; the larger, the sooner they should be tried."""

    def score(self, X: Array) -> Array:
        """`m` scores of `m x d` points."""
        ...

    def score_with_gradient(self, X: Array) -> tuple[Array, Array]:
        """`m` scores and their `m x d` gradients."""
        ...


@dataclass(frozen=True, slots=True)
class LogExpectedImprovement:
    """Logarithm of the mean of max(best - f(x), 0) under Gaussian processes, averaged over them.

    Attributes:
        gp: `s` processes, of values to be minimized.
        best: `s` values to improve on.
    """

    gp: Process
    best: Array

    def score(self, X: Array) -> Array:
        """`m` scores of `m x d` points, in the logarithm of the values' unit."""
        mean, std = self.gp.predict(X)
        heights = np.log(std) + log_improvement((self.best[:, None] - mean) / std)
        result: Array = np.logaddexp.reduce(heights, axis=0) - log(len(heights))
        return result

    def score_with_gradient(self, X: Array) -> tuple[Array, Array]:
        """`m` scores and their `m x d` gradients."""
        mean, std, mean_gradient, std_gradient = self.gp.predict_with_gradient(X)
        z = (self.best[:, None] - mean) / std
        height = log_improvement(z)
        heights = np.log(std) + height
        total = np.logaddexp.reduce(heights, axis=0)
        share = np.exp(heights - total) / std
        mean_slope = -np.exp(log_ndtr(z) - height) * share
        std_slope = np.exp(-(z**2) / 2 - LOG_ROOT_2_PI - height) * share
        gradient = (mean_slope[..., None] * mean_gradient + std_slope[..., None] * std_gradient).sum(axis=0)
        return total - log(len(heights)), gradient


@dataclass(frozen=True, slots=True)
class Nearby:
    """A bell around a point, in logarithms, which keeps the first proposals from the corners.

    With one or two trials the farthest corner is the least known place, and for a training run it is nearly always
    a bad one. What has been run is known to work, so a prior around the best of it weights the acquisition, and
    fades with the trials as in [piBO].

    Attributes:
        center: `d` coordinates.
        precision: `d` inverse variances; 0 along what the prior says nothing about.
    """

    center: Array
    precision: Array

    def score(self, X: Array) -> Array:
        """`m` scores of `m x d` points."""
        result: Array = -0.5 * (X - self.center) ** 2 @ self.precision
        return result

    def score_with_gradient(self, X: Array) -> tuple[Array, Array]:
        """`m` scores and their `m x d` gradients."""
        return self.score(X), -self.precision * (X - self.center)


@dataclass(frozen=True, slots=True)
class Total:
    """The sum of acquisitions in logarithms: improvement, times probability of success, times a prior."""

    terms: tuple[Acquisition, ...]

    def score(self, X: Array) -> Array:
        """`m` scores of `m x d` points."""
        result: Array = np.sum([term.score(X) for term in self.terms], axis=0)
        return result

    def score_with_gradient(self, X: Array) -> tuple[Array, Array]:
        """`m` scores and their `m x d` gradients."""
        scores, gradients = zip(*(term.score_with_gradient(X) for term in self.terms), strict=True)
        return np.sum(scores, axis=0), np.sum(gradients, axis=0)


@dataclass(frozen=True, slots=True)
class Average:
    """The mean of acquisitions in logarithms, each with a share.

    Attributes:
        terms: `k` acquisitions.
        log_shares: Logarithms of their shares.
    """

    terms: tuple[Acquisition, ...]
    log_shares: tuple[float, ...]

    def score(self, X: Array) -> Array:
        """`m` scores of `m x d` points."""
        heights = [term.score(X) + share for term, share in zip(self.terms, self.log_shares, strict=True)]
        result: Array = np.logaddexp.reduce(heights, axis=0)
        return result

    def score_with_gradient(self, X: Array) -> tuple[Array, Array]:
        """`m` scores and their `m x d` gradients."""
        scores, gradients = zip(*(term.score_with_gradient(X) for term in self.terms), strict=True)
        heights = np.array(scores) + np.array(self.log_shares)[:, None]
        total = np.logaddexp.reduce(heights, axis=0)
        return total, (np.exp(heights - total)[..., None] * np.array(gradients)).sum(axis=0)


def log_improvement(z: Array) -> Array:
    """log(phi(z) + z Phi(z)), for standard normal density phi and distribution Phi, accurate for every z [Ament]."""
    z = np.asarray(z, dtype=float)
    result = np.empty_like(z)
    large, tiny = z > -1.0, z < -1e5
    between = ~large & ~tiny
    a = z[large]
    result[large] = np.log(np.exp(-(a**2) / 2 - LOG_ROOT_2_PI) + a * ndtr(a))
    a = z[between]
    ratio = np.log(-a) + np.log(erfcx(-a / sqrt(2)) * sqrt(pi / 2))  # log of |z| Phi(z) / phi(z), below 0
    result[between] = -(a**2) / 2 - LOG_ROOT_2_PI + np.log(-np.expm1(ratio))
    a = z[tiny]
    result[tiny] = -(a**2) / 2 - LOG_ROOT_2_PI - 2 * np.log(-a)
    return result


def maximize(
    acquisition: Acquisition,
    lattice: Lattice,
    rng: np.random.Generator,
    *,
    best: Array,
    avoid: Array,
    apart: float = SAME,
    candidates: Array,
) -> Array:
    """The configuration with the largest score that was found.

    A Sobol pool, perturbations of the best trials and the candidates are scored; the best of them are refined, by
    gradient along what is continuous and by single changes of what is discrete, in turns.

    Args:
        acquisition: What is maximized.
        lattice: The space.
        rng: Randomness of pool and perturbations.
        best: `k x d` points whose neighbourhood is searched, usually the best trials.
        avoid: `m x d` points that are not proposed again, unless nothing else is left.
        apart: By how much a point must differ from those in some coordinate.
        candidates: `m x d` further points to consider.

    Returns:
        `d` coordinates of a configuration.
    """
    from scipy.stats import qmc  # takes half a second, which who only looks at a study need not wait for

    width = lattice.space.width
    pool = qmc.Sobol(width, rng=rng).random(POOL)
    pool = lattice.snap(np.vstack([pool, perturb(best, rng), best, candidates]))
    scores = acquisition.score(pool)
    starts = pool[np.argsort(-scores, kind="stable")[:STARTS]]
    stepwise = any(len(dimension.values) for dimension in lattice.dimensions)
    for _ in range(ROUNDS if stepwise else 1):
        starts = climb(acquisition, lattice, starts)
        starts = np.array([step(acquisition, lattice, x, rng) for x in starts])
    refined = lattice.round(starts)
    every = np.vstack([refined, pool])
    order = np.argsort(-np.append(acquisition.score(refined), scores), kind="stable")
    return next(fresh(lattice, every[order], avoid, apart), lattice.round(every[order[:1]])[0])


def fresh(lattice: Lattice, X: Array, avoid: Array, apart: float) -> Iterator[Array]:
    """Configurations of those points, in their order, that are not near one to avoid, as they are and rounded.

    Where thousands of trials fill the space, thousands of points are near one. So they are looked up, some at a time.
    """
    from scipy.spatial import KDTree

    known = KDTree(avoid) if len(avoid) else None

    def far(some: Array) -> NDArray[np.bool_]:
        away = np.asarray(known.query(some, p=np.inf)[0]) if known else np.full(len(some), np.inf)
        return away > apart

    for k in range(0, len(X), AT_ONCE):
        some = X[k : k + AT_ONCE]
        for x in some[far(some)]:
            rounded = lattice.round(x[None])
            if far(rounded)[0]:
                yield rounded[0]


def step_width(X: Array, y: Array) -> float:
    """How near to each other two points tell the same, in units of the cube; `SAME` where values do not repeat.

    A metric that counts, such as an accuracy on 200 examples, is a staircase: two of the better half of the points that
    are close and gave the very same value lie on one step, and the next point on it would give that value again.
    """
    if not len(y):
        return SAME
    good = (y < np.median(y)) | (y == y.min())
    X, y = X[good], y[good]
    distances = np.abs(X[:, None] - X[None]).max(axis=2, initial=0.0)
    on_one_step = (y[:, None] == y[None]) & (distances <= STAIR)
    return float(distances[on_one_step].max(initial=SAME))


def perturb(best: Array, rng: np.random.Generator) -> Array:
    """Points (`NEARBY x d`) around the best trials: some coordinates are moved, by steps of several sizes."""
    if not len(best):
        return best
    centers = best[rng.integers(len(best), size=NEARBY)]
    moved = rng.random(centers.shape) < max(0.3, 1.5 / centers.shape[1])
    sizes = 10 ** rng.uniform(-3, -0.5, (NEARBY, 1))
    result: Array = centers + moved * sizes * rng.standard_normal(centers.shape)
    return result


def climb(acquisition: Acquisition, lattice: Lattice, starts: Array) -> Array:
    """Follow the gradient from each of the starts (`k x d`) along what is continuous there."""
    free = lattice.free(starts)
    if not free.any():
        return starts

    def loss(flat: Array) -> tuple[float, Array]:
        X = starts.copy()
        X[free] = flat
        scores, gradient = acquisition.score_with_gradient(X)
        return -float(scores.sum()), -gradient[free]

    bounds = [(0.0, 1.0)] * int(free.sum())
    found = minimize(loss, starts[free], jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 50})
    X = starts.copy()
    X[free] = found.x
    better = acquisition.score(X) > acquisition.score(starts)
    result: Array = np.where(better[:, None], X, starts)
    return result


def step(acquisition: Acquisition, lattice: Lattice, x: Array, rng: np.random.Generator) -> Array:
    """The best point among `x` and those that differ from it in one discrete hyperparameter."""
    around = np.vstack([x, lattice.neighbours(x, rng)])
    best: Array = around[int(np.argmax(acquisition.score(around)))]
    return best
