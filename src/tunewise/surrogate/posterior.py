"""Samples of all that a fit would decide, in place of one best guess.

A few values do not tell length scales, noise and scale: many fit equally well, and the one that fits best is sure of
far too much. So all are kept: samples of the posterior, each with a process of its own, whose expectations are mixed
[Snoek]. The prior is normal in logarithms, so elliptical slices draw from the posterior without any step size
[Murray].
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
    Prior,
    group_distances,
    make_gp,
    matern,
    maximize_posterior,
    negative_log_likelihood,
    standardized,
)
from tunewise.surrogate.warp import Warp

__all__ = ["fit_posterior"]

Array = NDArray[np.float64]

SAMPLES: Final = 8
"""At most so many samples are kept: more change no proposal that was tried."""

VALUES: Final = 160
"""The more values, the less is left open: so many, summed over the samples, and two samples at least."""

THIN: Final = 5
"""Every so manieth step of the chain is kept."""

NARROW: Final = 1e-6
"""An angle below which a slice has shrunk to where the chain stands."""

STRENGTH: Final = (0.5, 1.5)
"""Mean and standard deviation of the log strength of the warp."""


def fit_posterior(
    X: Array, values: Array, *, groups: NDArray[np.intp], seed: int = 0, start: Array | None = None
) -> tuple[Warp, GP]:
    """Warps and processes, drawn from their posterior.

    Args:
        X: `n x d` points of the unit cube.
        values: `n` finite values.
        groups: As in `fit_gp`.
        seed: Of the chain.
        start: Logarithms of an earlier fit, to begin from.
    """
    base = Prior.of(groups)
    prior = Prior(np.append(base.means, STRENGTH[0]), np.append(base.deviations, STRENGTH[1]))
    chain = np.repeat(prior.means[None], SAMPLES, axis=0)
    if len(values) > 1:
        target = Target(X, values, groups)
        first = maximize_posterior(target.loss, prior, [prior.means if start is None else start])
        count = min(SAMPLES, max(2, VALUES // len(values)))
        chain = elliptical_slices(target.log_likelihood, first, prior, count, seed)
    warp = Warp.of(values, np.exp(chain[:, -1]))
    made = [standardized(warped) for warped in warp.forward(values)]
    y, center, scale = (np.array(part) for part in zip(*made, strict=True))
    return warp, make_gp(X, y, center, scale, groups, Hyperparameters.from_logs(chain[:, :-1]))


class Target:
    """The likelihood of values, for the logarithms of length scales, signal, noise and strength of the warp.

    Attributes:
        distances: `g x n*n` squared distances in each group.
        away: `n` distances of the values from the best, in the unit of the warp.
    """

    def __init__(self, X: Array, values: Array, groups: NDArray[np.intp]) -> None:
        warp = Warp.of(values, np.ones(1))
        self.distances = group_distances(X, groups)
        self.away = (values - warp.best) / warp.unit

    def log_likelihood(self, logs: Array) -> float:
        """Up to a constant; minus infinity where it cannot be computed."""
        grown, y, scale = self._warped(logs[-1])
        n = len(y)
        covariance = np.exp(logs[-3]) * matern(np.exp(-2 * logs[:-3]) @ self.distances).reshape(n, n)
        covariance[np.diag_indices(n)] += np.exp(logs[-2]) + JITTER * np.exp(logs[-3])
        factor, failed = dpotrf(covariance, lower=1, clean=1)
        if failed:
            return -np.inf
        solved, _ = dtrtrs(factor, y, lower=1)
        return float(-0.5 * solved @ solved - np.log(factor.diagonal()).sum() - n * log(scale) - grown.sum())

    def loss(self, logs: Array) -> tuple[float, Array]:
        """The negative logarithm of the same, and its gradient."""
        grown, y, scale = self._warped(logs[-1])
        value, gradient, slope = negative_log_likelihood(logs[:-1], self.distances, y)
        strength = np.exp(logs[-1])
        inner = self.away / (1 + strength * self.away)
        outer = (slope - slope.mean() - y * (slope @ y) / len(y) + y) / scale
        total = value + len(y) * log(scale) + grown.sum()
        return total, np.append(gradient, outer @ (inner - grown / strength) + strength * inner.sum())

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
