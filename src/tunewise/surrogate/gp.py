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

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
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
"""Mean and standard deviation of the log signal variance."""

NOISE: Final = (log(1e-5), 2.0)
"""Mean and standard deviation of the log noise variance."""

FARTHEST: Final = 6.0
"""Deviations from the mean of the prior within which a maximum is searched."""

JITTER: Final = 1e-9
"""Added to the diagonal, relative to the signal, so that a repeat can be factorized."""

OPTIONS: Final[Any] = {"maxiter": 60, "ftol": 1e-6, "gtol": 1e-3}
"""Of L-BFGS-B: more digits of the hyperparameters change no proposal."""


Loss = Callable[[Array], tuple[float, Array]]


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """What a fit decides, `s` times; all above 0.

    Attributes:
        length_scales: `s x g`, one for each group of columns, in units of the cube.
        signal: `s` variances of the function, in units of the standardized targets.
        noise: `s` variances of the observations around it, likewise.
    """

    length_scales: Array
    signal: Array
    noise: Array

    def to_logs(self) -> Array:
        """`s x (g + 2)` logarithms, the scale on which they are searched."""
        return np.log(np.column_stack([self.length_scales, self.signal, self.noise]))

    @classmethod
    def from_logs(cls, logs: Array) -> Hyperparameters:
        """The reverse of `to_logs`."""
        found = np.exp(np.atleast_2d(logs))
        return cls(found[:, :-2], found[:, -2], found[:, -1])


@dataclass(frozen=True)
class GP:
    """`s` processes over the same points, one for each sample of the hyperparameters; all computed at once.

    Attributes:
        X: `n x d` training points.
        y: `s x n` targets, standardized.
        center: `s`, what was subtracted from the targets.
        scale: `s`, by what they were then divided.
        groups: `d` indices: to which length scale each column belongs.
        hyperparameters: Of each process.
        inverse_factor: `s x n x n` inverses of the lower Cholesky factors of the covariances.
        weights: `s x n`, the covariances' inverses times the targets.
    """

    X: Array
    y: Array
    center: Array
    scale: Array
    groups: NDArray[np.intp]
    hyperparameters: Hyperparameters
    inverse_factor: Array
    weights: Array

    @cached_property
    def column_scales(self) -> Array:
        """`s x 1 x d`: what each column is divided by before distances are taken."""
        return column_scales(self.hyperparameters, self.groups)

    @cached_property
    def scaled(self) -> Array:
        """`s x n x d` training points, divided by them."""
        result: Array = self.X / self.column_scales
        return result

    def predict(self, X: Array) -> tuple[Array, Array]:
        """Mean and standard deviation of the functions, without noise.

        Args:
            X: `m x d` points of the unit cube.

        Returns:
            `s x m` means and standard deviations, in units of the targets.
        """
        mean, std = self._posterior(self._covariance(self._squared_distances(X)))
        return self._unscaled(mean), self.scale[:, None] * std

    def joint(self, X: Array) -> tuple[Array, Array]:
        """Mean (`s x m`) and covariance (`s x m x m`) of the functions at `m x d` points, in units of the targets."""
        covariance = self._covariance(self._squared_distances(X))
        mean, _ = self._posterior(covariance)
        scaled = X / self.column_scales
        prior = self._covariance(squared_distances(scaled, scaled))
        explained = covariance @ self.inverse_factor.transpose(0, 2, 1)
        left = prior - explained @ explained.transpose(0, 2, 1)
        return self._unscaled(mean), self.scale[:, None, None] ** 2 * left

    def predict_with_gradient(self, X: Array) -> tuple[Array, Array, Array, Array]:
        """`predict`, and the gradients (`s x m x d` each) of both with respect to the points."""
        correlation, slope = matern_with_slope(self._squared_distances(X))
        signal = self.hyperparameters.signal[:, None, None]
        covariance, slope = signal * correlation, 2 * signal * slope
        mean, std = self._posterior(covariance)
        solved = covariance @ self.inverse_factor.transpose(0, 2, 1) @ self.inverse_factor
        mean_gradient = self._chain(X, slope * self.weights[:, None])
        std_gradient = -self._chain(X, slope * solved) / std[:, :, None]
        scale = self.scale[:, None]
        return self._unscaled(mean), scale * std, scale[..., None] * mean_gradient, scale[..., None] * std_gradient

    def condition(self, X: Array, y: Array | None = None) -> GP:
        """The processes after more points, hyperparameters kept.

        Args:
            X: `m x d` points.
            y: `s x m` targets. None stands for what each process itself expects there (kriging believer [Ginsbourger]):
                the mean stays as it is, the uncertainty shrinks.
        """
        if not len(X):
            return self
        targets = self.predict(X)[0] if y is None else y
        joint_X = np.vstack([self.X, X])
        joint_y = np.hstack([self.y, (targets - self.center[:, None]) / self.scale[:, None]])
        inverse_factor, weights = factorize(joint_X, joint_y, self.groups, self.hyperparameters)
        return replace(self, X=joint_X, y=joint_y, inverse_factor=inverse_factor, weights=weights)

    def covariance(self, X: Array) -> Array:
        """`s x m x n` covariances of the functions at `m x d` points and at the training points, standardized."""
        return self._covariance(self._squared_distances(X))

    def covariance_gradient(self, X: Array, weights: Array) -> Array:
        """Gradients (`s x m x d`) with respect to the points of those covariances, summed with `s x m x n` weights."""
        _, slope = matern_with_slope(self._squared_distances(X))
        return self._chain(X, 2 * self.hyperparameters.signal[:, None, None] * slope * weights)

    def _unscaled(self, standardized: Array) -> Array:
        result: Array = self.center[:, None] + self.scale[:, None] * standardized
        return result

    def _squared_distances(self, X: Array) -> Array:
        return squared_distances(X / self.column_scales, self.scaled)

    def _covariance(self, squared: Array) -> Array:
        result: Array = self.hyperparameters.signal[:, None, None] * matern(squared)
        return result

    def _posterior(self, covariance: Array) -> tuple[Array, Array]:
        explained = ((covariance @ self.inverse_factor.transpose(0, 2, 1)) ** 2).sum(axis=2)
        signal = self.hyperparameters.signal[:, None]
        variance = np.maximum(signal - explained, 1e-12 * signal)
        return (covariance @ self.weights[:, :, None])[:, :, 0], np.sqrt(variance)

    def _chain(self, X: Array, weights: Array) -> Array:
        """Sum over the training points of weight times the gradient of the (halved) squared distance."""
        result: Array = (weights.sum(axis=2)[:, :, None] * X - weights @ self.X) / self.column_scales**2
        return result


def fit_gp(
    X: Array,
    y: Array,
    *,
    groups: NDArray[np.intp] | None = None,
    center: float | None = None,
    noise: tuple[float, float] = NOISE,
) -> GP:
    """Fit one Gaussian process to a few points.

    Args:
        X: `n x d` points of the unit cube; repeats are allowed, and `n` may be 0.
        y: `n` finite targets.
        groups: `d` indices from 0 on: columns with the same index (the choices of a category) share a length scale.
            None gives each column its own.
        center: What is expected far from all points; None takes the mean of the targets.
        noise: Mean and standard deviation of the prior of the log noise variance, in units of the targets' spread.

    Returns:
        The process at the hyperparameters of largest posterior density.
    """
    groups = np.arange(X.shape[1]) if groups is None else groups
    targets, center, scale = standardized(y, center)
    prior = Prior.of(groups, noise)
    logs = prior.means
    if len(y) > 1:
        distances = group_distances(X, groups)
        shorter = logs - np.append(np.ones(len(distances)), (0, 0))
        logs, _ = maximize_posterior(
            partial(negative_log_likelihood, distances=distances, y=targets), prior, (logs, shorter)
        )
    return make_gp(X, targets[None], np.array([center]), np.array([scale]), groups, Hyperparameters.from_logs(logs))


def make_gp(
    X: Array, y: Array, center: Array, scale: Array, groups: NDArray[np.intp], hyperparameters: Hyperparameters
) -> GP:
    """The processes of given hyperparameters; arguments are the attributes of `GP`."""
    inverse_factor, weights = factorize(X, y, groups, hyperparameters)
    return GP(X, y, center, scale, groups, hyperparameters, inverse_factor, weights)


def standardized(y: Array, center: float | None = None) -> tuple[Array, float, float]:
    """Targets, their mean (or what is given) and their spread around it."""
    if center is None:
        center = float(np.mean(y)) if len(y) else 0.0
    scale = float(np.sqrt(np.mean((y - center) ** 2))) if len(y) else 1.0
    scale = scale if scale > 1e-12 * max(1.0, abs(center)) else 1.0
    return (y - center) / scale, center, scale


@dataclass(frozen=True, slots=True)
class Prior:
    """Independent normal distributions of the logarithms of the hyperparameters.

    Attributes:
        means: `g + 2`.
        deviations: `g + 2`.
    """

    means: Array
    deviations: Array

    @classmethod
    def of(cls, groups: NDArray[np.intp], noise: tuple[float, float] = NOISE) -> Prior:
        """For a space: see the top of this file."""
        sizes = np.bincount(groups)
        numeric = LENGTH_SCALE[0] + LENGTH_SCALE[1] * log(len(sizes))
        means = [*np.where(sizes > 1, CATEGORY[0], numeric), SIGNAL[0], noise[0]]
        deviations = [*np.where(sizes > 1, CATEGORY[1], LENGTH_SCALE[2]), SIGNAL[1], noise[1]]
        return cls(np.array(means), np.array(deviations))


def maximize_posterior(loss: Loss, prior: Prior, starts: Sequence[Array]) -> tuple[Array, float]:
    """The logarithms of largest posterior density that are reached from some starts.

    Args:
        loss: The negative log likelihood of logarithms, and its gradient.
        prior: Of the logarithms.
        starts: Where the search begins.

    Returns:
        The logarithms, and the negative logarithm of the density there, up to a constant.
    """

    def total(logs: Array) -> tuple[float, Array]:
        value, gradient = loss(logs)
        away = (logs - prior.means) / prior.deviations
        return value + 0.5 * float(away @ away), gradient + away / prior.deviations

    bounds = list(
        zip(prior.means - FARTHEST * prior.deviations, prior.means + FARTHEST * prior.deviations, strict=True)
    )
    found = [minimize(total, s, jac=True, method="L-BFGS-B", bounds=bounds, options=OPTIONS) for s in starts]
    best = min(found, key=lambda result: float(result.fun))
    return best.x, float(best.fun)


def negative_log_likelihood(logs: Array, distances: Array, y: Array) -> tuple[float, Array]:
    """Of `n` targets, up to a constant; with its gradient for the `g + 2` logarithms.

    Args:
        logs: `g` length scales, signal, noise.
        distances: `g x n*n` squared distances in each group.
        y: `n` targets.
    """
    n = len(y)
    inverse_squares = np.exp(-2 * logs[:-2])
    signal, noise = np.exp(logs[-2:])
    correlation, slope = (part.reshape(n, n) for part in matern_with_slope(inverse_squares @ distances))
    covariance = signal * correlation
    covariance[np.diag_indices(n)] += noise + JITTER * signal
    factor, failed = dpotrf(covariance, lower=1, clean=1)
    if failed:
        return 1e10, np.zeros_like(logs)
    lower, _ = dpotri(factor, lower=1)
    inverse = np.add(lower, lower.T, order="F")  # above the diagonal it is 0
    inverse[np.diag_indices(n)] *= 0.5
    weights = inverse @ y
    value = 0.5 * float(y @ weights) + float(np.log(factor.diagonal()).sum())
    outer = inverse - weights[:, None] * weights
    gradient = np.empty_like(logs)
    gradient[:-2] = -signal * inverse_squares * (distances @ (outer * slope).ravel())
    gradient[-2] = 0.5 * signal * float((outer * correlation).sum())
    gradient[-1] = 0.5 * noise * float(outer.trace())
    return value, gradient


def factorize(X: Array, y: Array, groups: NDArray[np.intp], hyperparameters: Hyperparameters) -> tuple[Array, Array]:
    """The inverses of the covariances' lower Cholesky factors, and the covariances' inverses times the targets."""
    scaled = X / column_scales(hyperparameters, groups)
    covariance = hyperparameters.signal[:, None, None] * matern(squared_distances(scaled, scaled))
    inverse_factor = np.zeros_like(covariance)
    for row, (one, signal, noise) in enumerate(
        zip(covariance, hyperparameters.signal, hyperparameters.noise, strict=True)
    ):
        for jitter in (JITTER, 1e-8, 1e-6, 1e-4):
            factor, failed = dpotrf(one + (noise + jitter * signal) * np.eye(len(X)), lower=1, clean=1)
            if not failed:
                break
        if len(factor):  # LAPACK complains on standard error about a matrix of no value
            inverse_factor[row], _ = dtrtri(factor, lower=1)
    weights = inverse_factor.transpose(0, 2, 1) @ (inverse_factor @ y[:, :, None])
    return inverse_factor, weights[:, :, 0]


def column_scales(hyperparameters: Hyperparameters, groups: NDArray[np.intp]) -> Array:
    """`s x 1 x d`: the length scale of each column, with the width of its group."""
    scales = hyperparameters.length_scales[:, groups] * np.sqrt(group_widths(groups))
    return scales[:, None]


def squared_distances(A: Array, B: Array) -> Array:
    """`s x m x n` between `s x m x d` and `s x n x d` points, by one product of matrices."""
    products = A @ B.transpose(0, 2, 1)
    result: Array = np.maximum((A**2).sum(axis=2)[:, :, None] + (B**2).sum(axis=2)[:, None] - 2 * products, 0.0)
    return result


def group_widths(groups: NDArray[np.intp]) -> Array:
    """`d`: 2 for the columns of a category, whose one-hot code puts two choices at squared distance 2, else 1."""
    return np.where(np.bincount(groups)[groups] > 1, 2.0, 1.0)


def group_distances(X: Array, groups: NDArray[np.intp]) -> Array:
    """`g x n*n` squared distances, at unit length scale."""
    scaled = X / np.sqrt(group_widths(groups))
    blocks = (scaled[:, groups == group] for group in range(int(groups.max()) + 1))
    return np.array([cdist(block, block, "sqeuclidean").ravel() for block in blocks])


def matern(squared: Array) -> Array:
    """Matern 5/2 correlation at a squared scaled distance."""
    root = ROOT_5 * np.sqrt(squared)
    result: Array = (1 + root * (1 + root / 3)) * np.exp(-root)
    return result


def matern_with_slope(squared: Array) -> tuple[Array, Array]:
    """`matern`, and its derivative for the squared distance."""
    root = ROOT_5 * np.sqrt(squared)
    decay = np.exp(-root)
    return (1 + root * (1 + root / 3)) * decay, -5 / 6 * (1 + root) * decay
