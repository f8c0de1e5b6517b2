"""A Gaussian process on the unit cube whose hyperparameters have priors.

Kernel: Matern 5/2 with one length scale for each hyperparameter, a signal variance and a noise variance
[Rasmussen], on targets brought to mean 0 and standard deviation 1. The columns of a category share one length scale,
and two different choices are at distance 1. Length scales, signal and noise are those of the largest posterior
density (MAP), found with L-BFGS-B and exact gradients, under these priors:

- length scale: log-normal, as in [Hvarfner]. Theirs grows with the square root of the number of dimensions; here it
  hardly grows, because budgets are 10 to 30 trials, and a process that is sure of long distances spends them in
  corners (measured on 16 problems of 2 to 20 dimensions: mean normalized regret at 30 trials .07 to .12 with the
  root, .04 without). A category's is longer than a number's: what was learned at one choice counts at the others;
- signal variance: log-normal around 1, the variance of the targets;
- noise variance: log-normal, small, and wide enough to follow the data.

Why not scikit-learn's `GaussianProcessRegressor`: it knows no priors, and at 3 to 10 points the likelihood alone picks
length scales at a bound; and it has no gradient of the prediction, which the acquisition needs.
"""

# ruff: noqa: N803, N806 - X, as the literature calls a matrix of points
from __future__ import annotations

from dataclasses import dataclass, replace
from math import log, sqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dpotri, dtrtri
from scipy.optimize import minimize
from scipy.spatial.distance import cdist

__all__ = ["GP", "Hyperparameters", "fit_gp"]

Array = NDArray[np.float64]

ROOT_5: Final = sqrt(5.0)

LENGTH_SCALE: Final = (-0.5, 0.1, 1.0)
"""Of the log length scale of a number: mean in one dimension, growth with the log of their count, deviation."""

CATEGORY: Final = (0.7, 1.0)
"""Mean and standard deviation of the log length scale of a category."""

SIGNAL: Final = (0.0, 1.0)
"""The same of the log signal variance."""

NOISE: Final = (log(1e-5), 2.0)
"""The same of the log noise variance."""

BOUNDS: Final = {"length_scale": (log(0.02), log(100.0)), "signal": (log(0.05), log(50.0)), "noise": (log(1e-6), 0.0)}

OPTIONS: Final[Any] = {"maxiter": 60, "ftol": 1e-6, "gtol": 1e-3}
"""Of L-BFGS-B: more digits of the hyperparameters change no proposal."""


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """What a fit decides; all above 0.

    Attributes:
        length_scales: `g`, one for each group of columns, in units of the cube.
        signal: Variance of the function, in units of the standardized targets.
        noise: Variance of the observations around it, likewise.
    """

    length_scales: Array
    signal: float
    noise: float

    def to_logs(self) -> Array:
        """`g + 2` logarithms, the scale on which they are optimized."""
        return np.log([*self.length_scales, self.signal, self.noise])

    @classmethod
    def from_logs(cls, logs: Array) -> Hyperparameters:
        """The reverse of `to_logs`."""
        *length_scales, signal, noise = np.exp(logs)
        return cls(np.array(length_scales), float(signal), float(noise))


@dataclass(frozen=True, slots=True)
class GP:
    """A fitted process.

    Attributes:
        X: `n x d` training points.
        y: `n` targets, standardized.
        center: What was subtracted from the targets.
        scale: By what they were then divided.
        groups: `d` indices: to which length scale each column belongs.
        hyperparameters: As fitted.
        inverse_factor: `n x n` inverse of the lower Cholesky factor of the covariance.
        weights: `n`, the covariance's inverse times the targets.
        evidence: Logarithm of the posterior density of hyperparameters and targets, in the targets' own unit, up to a
            constant.
    """

    X: Array
    y: Array
    center: float
    scale: float
    groups: NDArray[np.intp]
    hyperparameters: Hyperparameters
    inverse_factor: Array
    weights: Array
    evidence: float

    @property
    def column_scales(self) -> Array:
        """`d`: what each column is divided by before distances are taken."""
        return self.hyperparameters.length_scales[self.groups] * np.sqrt(group_widths(self.groups))

    def predict(self, X: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of the function, without noise.

        Args:
            X: `m x d` points of the unit cube.

        Returns:
            `m` means and `m` standard deviations, in units of the targets given to `fit_gp`.
        """
        covariance = self.hyperparameters.signal * matern(self._squared_distances(X))
        mean, std = self._posterior(covariance)
        return self.center + self.scale * mean, self.scale * std

    def joint(self, X: Array) -> tuple[Array, Array]:
        """Mean (`m`) and covariance (`m x m`) of the function at `m x d` points, in units of the targets."""
        covariance = self.hyperparameters.signal * matern(self._squared_distances(X))
        mean, _ = self._posterior(covariance)
        scales = self.column_scales
        prior = self.hyperparameters.signal * matern(cdist(X / scales, X / scales, "sqeuclidean"))
        explained = covariance @ self.inverse_factor.T
        return self.center + self.scale * mean, self.scale**2 * (prior - explained @ explained.T)

    def draw(self, X: Array, count: int, rng: np.random.Generator) -> Array:
        """Functions drawn from the process: `count x m` values at `m x d` points, in units of the targets."""
        return rng.multivariate_normal(*self.joint(X), count, check_valid="ignore", method="svd")

    def predict_with_gradient(self, X: Array) -> tuple[Array, Array, Array, Array]:
        """`predict`, and the gradients (`m x d` each) of both with respect to the points."""
        squared = self._squared_distances(X)
        covariance = self.hyperparameters.signal * matern(squared)
        slope = 2 * self.hyperparameters.signal * matern_slope(squared)
        mean, std = self._posterior(covariance)
        solved = covariance @ self.inverse_factor.T @ self.inverse_factor
        mean_gradient = self._chain(X, slope * self.weights)
        std_gradient = -self._chain(X, slope * solved) / std[:, None]
        return (
            self.center + self.scale * mean,
            self.scale * std,
            self.scale * mean_gradient,
            self.scale * std_gradient,
        )

    def condition(self, X: Array, y: Array | None = None) -> GP:
        """The process after more points, hyperparameters kept.

        Args:
            X: `m x d` points.
            y: `m` targets. None stands for what the process itself expects there (kriging believer [Ginsbourger]): the
                mean stays as it is, the uncertainty shrinks.
        """
        if not len(X):
            return self
        targets = self.predict(X)[0] if y is None else y
        joint_X = np.vstack([self.X, X])
        joint_y = np.append(self.y, (targets - self.center) / self.scale)
        inverse_factor, weights = factorize(joint_X, joint_y, self.groups, self.hyperparameters)
        return replace(self, X=joint_X, y=joint_y, inverse_factor=inverse_factor, weights=weights)

    def _squared_distances(self, X: Array) -> Array:
        scales = self.column_scales
        return cdist(X / scales, self.X / scales, "sqeuclidean")

    def _posterior(self, covariance: Array) -> tuple[Array, Array]:
        explained = ((covariance @ self.inverse_factor.T) ** 2).sum(axis=1)
        variance = np.maximum(self.hyperparameters.signal - explained, 1e-12 * self.hyperparameters.signal)
        return covariance @ self.weights, np.sqrt(variance)

    def _chain(self, X: Array, weights: Array) -> Array:
        """Sum over the training points of weight times the gradient of the (halved) squared distance."""
        result: Array = (weights.sum(axis=1)[:, None] * X - weights @ self.X) / self.column_scales**2
        return result


def fit_gp(
    X: Array,
    y: Array,
    *,
    groups: NDArray[np.intp] | None = None,
    center: float | None = None,
    noise: tuple[float, float] = NOISE,
    start: Hyperparameters | None = None,
) -> GP:
    """Fit a Gaussian process to a few points.

    Args:
        X: `n x d` points of the unit cube; repeats are allowed, and `n` may be 0.
        y: `n` finite targets.
        groups: `d` indices from 0 on: columns with the same index (the choices of a category) share a length scale.
            None gives each column its own.
        center: What is expected far from all points; None takes the mean of the targets.
        noise: Mean and standard deviation of the prior of the log noise variance, in units of the targets' spread.
        start: Hyperparameters of an earlier fit over the same groups, to begin from.

    Returns:
        The process at the hyperparameters of largest posterior density.
    """
    groups = np.arange(X.shape[1]) if groups is None else groups
    if center is None:
        center = float(np.mean(y)) if len(y) else 0.0
    scale = float(np.sqrt(np.mean((y - center) ** 2))) if len(y) else 1.0
    scale = scale if scale > 1e-12 * max(1.0, abs(center)) else 1.0
    targets = (y - center) / scale
    hyperparameters, evidence = maximize_posterior(X, targets, groups, noise, start)
    inverse_factor, weights = factorize(X, targets, groups, hyperparameters)
    evidence -= len(y) * log(scale)
    return GP(X, targets, center, scale, groups, hyperparameters, inverse_factor, weights, evidence)


def maximize_posterior(
    X: Array, y: Array, groups: NDArray[np.intp], noise: tuple[float, float], start: Hyperparameters | None
) -> tuple[Hyperparameters, float]:
    """The hyperparameters of largest posterior density, from two starts or from a given one."""
    sizes = np.bincount(groups)
    count = len(sizes)
    numeric = LENGTH_SCALE[0] + LENGTH_SCALE[1] * log(count)
    means = np.array([*np.where(sizes > 1, CATEGORY[0], numeric), SIGNAL[0], noise[0]])
    deviations = np.array([*np.where(sizes > 1, CATEGORY[1], LENGTH_SCALE[2]), SIGNAL[1], noise[1]])
    bounds = [BOUNDS["length_scale"]] * count + [BOUNDS["signal"], BOUNDS["noise"]]
    if len(y) < 2:
        return Hyperparameters.from_logs(means), 0.0
    distances = group_distances(X, groups).reshape(count, -1)

    def loss(logs: Array) -> tuple[float, Array]:
        value, gradient = negative_log_likelihood(logs, distances, y)
        away = (logs - means) / deviations
        return value + 0.5 * float(away @ away), gradient + away / deviations

    if start is None:
        shorter = means.copy()
        shorter[:count] -= 1.0
        starts = [means, shorter]
    else:
        starts = [start.to_logs()]
    found = [minimize(loss, s, jac=True, method="L-BFGS-B", bounds=bounds, options=OPTIONS) for s in starts]
    best = min(found, key=lambda result: float(result.fun))
    return Hyperparameters.from_logs(best.x), -float(best.fun)


def negative_log_likelihood(logs: Array, distances: Array, y: Array) -> tuple[float, Array]:
    """Of `n` targets, up to a constant; with its gradient for the `g + 2` logarithms.

    Args:
        logs: `Hyperparameters.to_logs`.
        distances: `g x n*n` squared distances in each group.
        y: `n` targets.
    """
    n = len(y)
    inverse_squares = np.exp(-2 * logs[:-2])
    signal, noise = np.exp(logs[-2:])
    squared = inverse_squares @ distances
    correlation = matern(squared).reshape(n, n)
    covariance = signal * correlation
    covariance[np.diag_indices(n)] += noise
    factor, failed = dpotrf(covariance, lower=1, clean=1)
    if failed:
        return 1e10, np.zeros_like(logs)
    inverse, _ = dpotri(factor, lower=1)
    inverse += np.tril(inverse, -1).T
    weights = inverse @ y
    value = 0.5 * float(y @ weights) + float(np.log(factor.diagonal()).sum())
    outer = inverse - weights[:, None] * weights
    gradient = np.empty_like(logs)
    gradient[:-2] = -signal * inverse_squares * (distances @ (outer.ravel() * matern_slope(squared)))
    gradient[-2] = 0.5 * signal * float((outer * correlation).sum())
    gradient[-1] = 0.5 * noise * float(outer.trace())
    return value, gradient


def factorize(X: Array, y: Array, groups: NDArray[np.intp], hyperparameters: Hyperparameters) -> tuple[Array, Array]:
    """The inverse of the covariance's lower Cholesky factor, and the covariance's inverse times the targets."""
    n = len(X)
    if not n:
        return np.zeros((0, 0)), np.zeros(0)
    scales = hyperparameters.length_scales[groups] * np.sqrt(group_widths(groups))
    covariance = hyperparameters.signal * matern(cdist(X / scales, X / scales, "sqeuclidean"))
    for jitter in (0.0, 1e-8, 1e-6, 1e-4):
        noisy = covariance + (hyperparameters.noise + jitter * hyperparameters.signal) * np.eye(n)
        factor, failed = dpotrf(noisy, lower=1, clean=1)
        if not failed:
            break
    inverse_factor, _ = dtrtri(factor, lower=1)
    return inverse_factor, inverse_factor.T @ (inverse_factor @ y)


def group_widths(groups: NDArray[np.intp]) -> Array:
    """`d`: 2 for the columns of a category, whose one-hot code puts two choices at squared distance 2, else 1."""
    return np.where(np.bincount(groups)[groups] > 1, 2.0, 1.0)


def group_distances(X: Array, groups: NDArray[np.intp]) -> Array:
    """`g x n x n` squared distances, at unit length scale."""
    scaled = X / np.sqrt(group_widths(groups))
    blocks = (scaled[:, groups == group] for group in range(int(groups.max()) + 1))
    return np.array([cdist(block, block, "sqeuclidean") for block in blocks])


def matern(squared: Array) -> Array:
    """Matern 5/2 correlation at a squared scaled distance."""
    root = ROOT_5 * np.sqrt(squared)
    result: Array = (1 + root + root**2 / 3) * np.exp(-root)
    return result


def matern_slope(squared: Array) -> Array:
    """Derivative of `matern` for the squared distance."""
    root = ROOT_5 * np.sqrt(squared)
    result: Array = -5 / 6 * (1 + root) * np.exp(-root)
    return result
