"""How likely a configuration is to meet a constraint, learned from the constraint's own values [Gardner].

A constraint's value says how far from the limit a trial was, on either side, where success and failure alone say only
on which. So the limit is found between trials, and the best configuration often lies right at it.
"""

# ruff: noqa: N803 - X, as the literature calls a matrix of points
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from tunewise.surrogate.acquisition import LOG_ROOT_2_PI
from tunewise.surrogate.gp import GP, fit_gp

__all__ = ["Limit", "are_met", "fit_limits", "likely_met"]

Array = NDArray[np.float64]

FARTHEST: Final = -1e4
"""Standard deviations from the limit, beyond which the tail of the normal distribution loses its digits. There is no
other floor: after many trials a certain violation must weigh more than any improvement."""

FAR: Final = 3.0
"""Times as far from the limit as usual counts as just far."""

LARGEST: Final = 1e100


@dataclass(frozen=True, slots=True)
class Limit:
    """The probability that one constraint is met, over the unit cube.

    Attributes:
        gp: The process, of values that should not be above 0.
    """

    gp: GP

    def score(self, X: Array) -> Array:
        """`m` logarithms of the probability at `m x d` points, as a term of an acquisition."""
        (mean,), (std,) = self.gp.predict(X)
        result: Array = log_ndtr(np.maximum(-mean / std, FARTHEST))
        return result

    def score_with_gradient(self, X: Array) -> tuple[Array, Array]:
        """`m` scores and their `m x d` gradients."""
        (mean,), (std,), (mean_gradient,), (std_gradient,) = self.gp.predict_with_gradient(X)
        z = np.maximum(-mean / std, FARTHEST)
        score = log_ndtr(z)
        slope = np.exp(-(z**2) / 2 - LOG_ROOT_2_PI - score) / std
        return score, -slope[:, None] * (mean_gradient + z[:, None] * std_gradient)


def fit_limits(X: Array, constraints: Sequence[Mapping[str, float]], *, groups: NDArray[np.intp]) -> tuple[Limit, ...]:
    """One for each constraint that some trial has violated; the others limit nothing so far.

    Args:
        X: `n x d` points of the unit cube.
        constraints: Their constraints, as far as they are known; above 0 is violated.
        groups: As in `fit_gp`.
    """
    limits = []
    for name in dict.fromkeys(name for known in constraints for name in known):
        rows = [row for row, known in enumerate(constraints) if name in known]
        values = np.clip([constraints[row][name] for row in rows], -LARGEST, LARGEST)
        if (values > 0).any():
            limits.append(Limit(fit_gp(X[rows], flattened(values), groups=groups)))
    return tuple(limits)


def are_met(constraints: Sequence[Mapping[str, float]]) -> NDArray[np.bool_]:
    """Which of `n` trials violate no constraint that is known of them."""
    return np.array([not known or all(v <= 0 for v in known.values()) for known in constraints], dtype=bool)


def likely_met(limits: Sequence[Limit], X: Array) -> NDArray[np.bool_]:
    """At which of `m` points all constraints are rather met than not."""
    return np.asarray(sum((limit.score(X) for limit in limits), np.zeros(len(X))) > log(0.5))


def flattened(values: Array) -> Array:
    """In units of the usual distance from the limit, and cut off: one huge violation must not hide where it is."""
    unit = float(np.median(np.abs(values))) or 1.0
    return np.clip(values / unit, -FAR, FAR)
