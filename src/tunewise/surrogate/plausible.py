"""Where good values usually lie, as a term of the acquisition that fades as values come.

Ranges of hyperparameters are wide, and most of them is bad; good values are near the usual ones. The default and what
somebody who knows the field would try, run or not, mark that region. With few values an acquisition alone goes to
the corners, where it knows least; a prior that is weighted with beta / n leaves the first proposals in the region and
gives the last word to the values [piBO].
"""

# ruff: noqa: N803 - X, as the literature calls a matrix of points
from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tunewise.surrogate.lattice import Lattice

__all__ = ["Plausible", "plausible_region"]

Array = NDArray[np.float64]

SPREAD: Final = 0.25
"""Standard deviation around each configuration, in units of the range."""

CATEGORY: Final = 1.0
"""Standard deviation around each choice of a category, whose choices are at distance 1."""

ELSEWHERE: Final = 0.05
"""Density of the rest of the space, relative to the middle of the region: nothing is ruled out."""

MOST: Final = 64
"""At most so many configurations mark the region, the latest."""


@dataclass(frozen=True, slots=True)
class Plausible:
    """A mixture of bells around some configurations on an even ground, raised to a power, in logarithms.

    Attributes:
        centers: `k x d` points.
        precision: `d` inverse variances.
        power: The weight of it all.
    """

    centers: Array
    precision: Array
    power: float

    def score(self, X: Array) -> Array:
        """`m` scores of `m x d` points."""
        return self.power * self._log_density(X)[0]

    def score_with_gradient(self, X: Array) -> tuple[Array, Array]:
        """`m` scores and their `m x d` gradients."""
        total, away, parts = self._log_density(X)
        shares = np.exp(parts[:, :-1] - total[:, None])
        gradient = -np.einsum("mk,mkd->md", shares, away) * self.precision
        return self.power * total, self.power * gradient

    def _log_density(self, X: Array) -> tuple[Array, Array, Array]:
        """`m` logarithms of the density, `m x k x d` differences, and `m x (k + 1)` parts, the ground last."""
        away = X[:, None] - self.centers
        bells = -0.5 * away**2 @ self.precision - np.log(len(self.centers))
        parts = np.column_stack([bells, np.full(len(X), np.log(ELSEWHERE))])
        return np.logaddexp.reduce(parts, axis=1), away, parts


def plausible_region(lattice: Lattice, X: Array, *, power: float) -> Plausible:
    """The region around `k x d` points, at least one."""
    wide = np.bincount(lattice.groups)[lattice.groups] > 1
    precision = np.where(wide, 0.5 / CATEGORY**2, 1 / SPREAD**2)
    return Plausible(np.unique(X[-MOST:], axis=0), precision, power)
