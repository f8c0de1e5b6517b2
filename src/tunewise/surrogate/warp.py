"""Targets on a scale on which a Gaussian process believes them.

Losses of training runs are skewed: most are near the best, and a few explode. On the plain scale the explosions set
the unit, and all good trials look the same. The family here is log(1 + a t) / a, where t is the distance from the
best value in units of the median's distance: a line for a near 0, a logarithm for a large a [Snelson]. Below the best
value, where nothing is known, it is a line for every a, of the same slope: so improvements are in one unit for all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Warp"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Warp:
    """`s` increasing maps of values.

    Attributes:
        best: The value that is mapped to 0.
        unit: What a distance from it is measured in, above 0.
        strength: `s`: how much large values are pulled in, above 0.
    """

    best: float
    unit: float
    strength: Array

    @classmethod
    def of(cls, values: Array, strength: Array) -> Warp:
        """The warps of some values, at given strengths."""
        if not len(values):
            return cls(0.0, 1.0, strength)
        best = float(values.min())
        return cls(best, float(np.median(values)) - best or float(values.max()) - best or 1.0, strength)

    def forward(self, values: Array) -> Array:
        """`s x n` warped values of `n` values; the slope at the best is 1 / unit."""
        away = (values - self.best) / self.unit
        strength = self.strength[:, None]
        result: Array = np.minimum(away, 0.0) + np.log1p(strength * np.maximum(away, 0.0)) / strength
        return result

    def inverse(self, warped: Array) -> Array:
        """The reverse, of `s x n` warped values on the whole real line; cut off before it overflows."""
        strength = self.strength[:, None]
        above = np.expm1(np.minimum(strength * np.maximum(warped, 0.0), 200.0)) / strength
        result: Array = self.best + self.unit * (np.minimum(warped, 0.0) + above)
        return result
