"""The fit of process and warp: the best one, and samples of all that fit.

Where to look next is asked of the best fit, which is quick and bold. What to expect there is not: a few values do not
tell length scales, noise and scale, many fit equally well, and the one that fits best is sure of far too much. So
expectations are those of samples of the posterior, each with a process of its own [Snoek]. The prior is normal in
logarithms, so elliptical slices draw from the posterior without any step size [Murray].
"""

# ruff: noqa: N803 - X, as the literature calls a matrix of points
from __future__ import annotations

from collections.abc import Callable
from math import log, pi
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dtrtrs

from tunewise.surrogate.gp import (
    GP,
    JITTER,
    Hyperparameters,
    Loss,
    Prior,
    group_distances,
    make_gp,
    matern,
    maximize_posterior,
    negative_log_likelihood,
    standardized,
)
from tunewise.surrogate.warp import Warp

__all__ = ["fit_best", "sample_posterior"]

Array = NDArray[np.float64]

SAMPLES: Final = 8
"""At most so many samples are kept: more change no proposal that was tried."""

VALUES: Final = 160
"""The more values, the less is left open: so many, summed over the samples, and two samples at least."""

THIN: Final = 5
"""Every so manieth step of the chain is kept."""

NARROW: Final = 1e-6
"""An angle below which a slice has shrunk to where the chain stands."""

STRENGTHS: Final = (0.01, 1.0, 5.0, 25.0)
"""The strengths among which the best fit is searched; the first is a line."""

SIGNAL: Final = (0.0, 1.0)
"""Mean and standard deviation of the log signal variance, in units of the targets' spread."""

NOISE: Final = (log(1e-3), 2.0)
"""Mean and standard deviation of the log noise variance, in the same unit: a training run counts few rows, once."""

STRENGTH: Final = (0.5, 1.5)
"""Mean and standard deviation of the log strength of the warp."""


def fit_best(X: Array, values: Array, *, groups: NDArray[np.intp]) -> tuple[Warp, GP]:
    """The warp and the process that fit best.

    Args:
        X: `n x d` points of the unit cube.
        values: `n` finite values.
        groups: As in `fit_gp`.
    """
    target = Target(X, values, groups)
    prior = Prior.of(groups)
    if len(values) < 2:
        return target.processes(np.append(prior.means, log(STRENGTHS[0]))[None])
    shorter = prior.means - np.append(np.ones(len(target.distances)), (0, 0))
    starts = [prior.means, shorter]
    found = []
    for strength in STRENGTHS if len(np.unique(values)) > 2 else STRENGTHS[:1]:
        best, loss = maximize_posterior(target.loss(log(strength)), prior, starts)
        starts = [best]  # near the next one, so that one search is enough
        found.append((loss, np.append(best, log(strength))))
    return target.processes(min(found, key=lambda one: one[0])[1][None])


def sample_posterior(X: Array, values: Array, best: Array, *, groups: NDArray[np.intp]) -> tuple[Warp, GP]:
    """Warps and processes, drawn from their posterior.

    Args:
        X: `n x d` points of the unit cube.
        values: `n` finite values.
        best: Where the chain begins: `g + 3` logarithms, of the hyperparameters and of the warp's strength.
        groups: As in `fit_gp`.
    """
    base = Prior.of(groups)
    prior = Prior(
        np.array([*base.means[:-2], SIGNAL[0], NOISE[0], STRENGTH[0]]),
        np.array([*base.deviations[:-2], SIGNAL[1], NOISE[1], STRENGTH[1]]),
    )
    count = min(SAMPLES, max(2, VALUES // max(1, len(values))))
    target = Target(X, values, groups)
    return target.processes(elliptical_slices(target.log_likelihood, best, prior, count, seed=0))


class Target:
    """The likelihood of values, for the logarithms of length scales, signal, noise and strength of the warp.

    Attributes:
        X: `n x d` points of the unit cube.
        values: `n` finite values.
        groups: As in `fit_gp`.
        distances: `g x n*n` squared distances in each group.
        away: `n` distances of the values from the best, in the unit of the warp.
    """

    def __init__(self, X: Array, values: Array, groups: NDArray[np.intp]) -> None:
        warp = Warp.of(values, np.ones(1))
        self.X, self.values, self.groups = X, values, groups
        self.distances = group_distances(X, groups)
        self.away = (values - warp.best) / warp.unit

    def processes(self, logs: Array) -> tuple[Warp, GP]:
        """The warps and processes of `s x (g + 3)` logarithms."""
        warp = Warp.of(self.values, np.exp(logs[:, -1]))
        made = [standardized(warped) for warped in warp.forward(self.values)]
        y, center, scale = (np.array(part) for part in zip(*made, strict=True))
        return warp, make_gp(self.X, y, center, scale, self.groups, Hyperparameters.from_logs(logs[:, :-1]))

    def log_likelihood(self, logs: Array) -> float:
        """Of `g + 3` logarithms, up to a constant; minus infinity where it cannot be computed."""
        grown, y, scale = self._warped(logs[-1])
        n = len(y)
        if n < 2:
            return 0.0
        covariance = np.exp(logs[-3]) * matern(np.exp(-2 * logs[:-3]) @ self.distances).reshape(n, n)
        covariance[np.diag_indices(n)] += np.exp(logs[-2]) + JITTER * np.exp(logs[-3])
        factor, failed = dpotrf(covariance, lower=1, clean=1)
        if failed:
            return -np.inf
        solved, _ = dtrtrs(factor, y, lower=1)
        return float(-0.5 * solved @ solved - np.log(factor.diagonal()).sum() - n * log(scale) - grown.sum())

    def loss(self, log_strength: float) -> Loss:
        """The negative logarithm of the same at one strength, for the first `g + 2` logarithms, with its gradient."""
        grown, y, scale = self._warped(log_strength)
        spread, bend = len(y) * log(scale), float(grown.sum())

        def of(logs: Array) -> tuple[float, Array]:
            value, gradient = negative_log_likelihood(logs, self.distances, y)
            return value + spread + bend, gradient

        return of

    def _warped(self, log_strength: float) -> tuple[Array, Array, float]:
        """Logarithms of the warp's inverse slopes at the values, the warped values, standardized, and their spread."""
        strength = np.exp(log_strength)
        grown = np.log1p(strength * self.away)
        y, _, scale = standardized(grown / strength)
        return grown, y, scale


def elliptical_slices(
    log_likelihood: Callable[[Array], float], start: Array, prior: Prior, count: int, seed: int
) -> Array:
    """Samples of a normal prior times a likelihood [Murray].

    Args:
        log_likelihood: Of `p` logarithms.
        start: `p` logarithms to begin from, likely ones.
        prior: Of the logarithms.
        count: How many.
        seed: Of the chain.

    Returns:
        `count x p` logarithms.
    """
    rng = np.random.default_rng(seed)
    x, height = start - prior.means, log_likelihood(start)
    chain = np.empty((count * THIN, len(x)))
    for row in range(len(chain)):
        other = prior.deviations * rng.standard_normal(len(x))
        threshold = height + log(rng.random())
        angle = rng.uniform(0, 2 * pi)
        low, high = angle - 2 * pi, angle
        moved = x * np.cos(angle) + other * np.sin(angle)
        while (height := log_likelihood(prior.means + moved)) <= threshold and high - low > NARROW:
            low, high = (angle, high) if angle < 0 else (low, angle)
            angle = rng.uniform(low, high)
            moved = x * np.cos(angle) + other * np.sin(angle)
        chain[row] = x = moved
    return prior.means + chain[THIN - 1 :: THIN]
