"""Targets on a scale on which a Gaussian process believes them.

Losses of training runs are skewed: most are near the best, and a few explode. On the plain scale the explosions set
the unit, and all good trials look the same. The family here is log(1 + a t) / a, where t is the distance from the
best value in units of the median's distance: a line for a near 0, a logarithm for a large a. Which a, the evidence
of the process itself says [Snelson].
"""

# ruff: noqa: N803 - X, as the literature calls a matrix of points
from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tunewise.surrogate.gp import GP, Hyperparameters, fit_gp

__all__ = ["STRENGTHS", "Warp", "fit_warped_gp"]

Array = NDArray[np.float64]

STRENGTHS: Final = (0.01, 1.0, 5.0, 25.0)
"""The members of the family that are tried; the first is a line."""


@dataclass(frozen=True, slots=True)
class Warp:
    """An increasing map of values.

    Attributes:
        best: The value that is mapped to 0.
        unit: What a distance from it is measured in, above 0.
        strength: How much large values are pulled in, above 0.
    """

    best: float
    unit: float
    strength: float

    @classmethod
    def of(cls, values: Array, strength: float) -> Warp:
        """The warp of some values, at a strength."""
        if not len(values):
            return cls(0.0, 1.0, strength)
        best = float(values.min())
        return cls(best, float(np.median(values)) - best or float(values.max()) - best or 1.0, strength)

    def forward(self, values: Array) -> Array:
        """Values, none below the best, on the warped scale; the slope at the best is 1 / unit."""
        result: Array = np.log1p(self.strength * (values - self.best) / self.unit) / self.strength
        return result

    def inverse(self, warped: Array) -> Array:
        """The reverse, on the whole real line; cut off before it overflows."""
        result: Array = self.best + self.unit * np.expm1(np.minimum(self.strength * warped, 200.0)) / self.strength
        return result

    def log_slope(self, values: Array) -> float:
        """The sum of the logarithms of the slope at the values, up to a constant shared by all strengths."""
        return -float(np.log1p(self.strength * (values - self.best) / self.unit).sum())


def fit_warped_gp(
    X: Array, values: Array, *, groups: NDArray[np.intp], start: Hyperparameters | None = None
) -> tuple[Warp, GP]:
    """The warp with the largest evidence, and the process fitted to the warped values.

    Args:
        X: `n x d` points of the unit cube.
        values: `n` finite values.
        groups: As in `fit_gp`.
        start: As in `fit_gp`.
    """
    warps = [Warp.of(values, strength) for strength in (STRENGTHS if len(np.unique(values)) > 2 else STRENGTHS[:1])]
    fits: list[GP] = []
    for warp in warps:
        fits.append(fit_gp(X, warp.forward(values), groups=groups, start=start))
        start = fits[-1].hyperparameters  # near the next warp's, so that one search is enough
    evidence = [gp.evidence + warp.log_slope(values) for warp, gp in zip(warps, fits, strict=True)]
    chosen = int(np.argmax(evidence))
    return warps[chosen], fits[chosen]
