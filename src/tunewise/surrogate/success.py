"""How likely a configuration is to finish, learned from the trials that failed.

Success (1) and failure (0) are regressed with the same Gaussian process as the targets, so its length scales say
which hyperparameters decide about failures. Its mean, far from data, is an optimistic share of successes (a Beta
prior's), so a few failures lower the acquisition near themselves and hardly elsewhere. A failed trial has
no value, and no huge one is made up for it: that would bend the surrogate of the targets everywhere.
"""

# ruff: noqa: N803 - X, as the literature calls a matrix of points
from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tunewise.surrogate.gp import GP, fit_gp

__all__ = ["SuccessProbability", "fit_success"]

Array = NDArray[np.float64]

PRIOR: Final = (2.0, 0.5)
"""Successes and failures that are counted beside the observed ones."""

LEAST: Final = 1e-4
"""No configuration is given less."""


NOISE: Final = (log(0.05), 0.5)
"""Of the labels: a step from success to failure is no smooth function, and must not shorten the length scales."""


@dataclass(frozen=True, slots=True)
class SuccessProbability:
    """The probability that a trial finishes, over the unit cube."""

    gp: GP

    def probability(self, X: Array) -> Array:
        """`m` probabilities in [`LEAST`, 1] at `m x d` points."""
        result: Array = np.clip(self.gp.predict(X)[0][0], LEAST, 1.0)
        return result

    def score(self, X: Array) -> Array:
        """`m` logarithms of the probability, as a term of an acquisition."""
        result: Array = np.log(self.probability(X))
        return result

    def score_with_gradient(self, X: Array) -> tuple[Array, Array]:
        """`m` scores and their `m x d` gradients."""
        (mean,), _, (gradient,), _ = self.gp.predict_with_gradient(X)
        clipped = np.clip(mean, LEAST, 1.0)
        return np.log(clipped), np.where((mean == clipped)[:, None], gradient / clipped[:, None], 0.0)


def fit_success(finished: Array, failed: Array, *, groups: NDArray[np.intp]) -> SuccessProbability:
    """Learn where trials fail.

    Args:
        finished: `n x d` points of the unit cube whose trials gave a value.
        failed: `m x d` points whose trials gave none.
        groups: As in `fit_gp`.
    """
    success = np.append(np.ones(len(finished)), np.zeros(len(failed)))
    expected = (len(finished) + PRIOR[0]) / (len(success) + sum(PRIOR))
    return SuccessProbability(
        fit_gp(np.vstack([finished, failed]), success, groups=groups, center=expected, noise=NOISE)
    )
