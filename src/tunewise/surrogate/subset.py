"""Which trials the Gaussian process sees when there are many.

Its cost grows with the cube of the trials; what decides the next proposal is the neighbourhood of the best trials and
the outline of the rest. So beyond `LIMIT` it sees the best, the latest, and of the others those that lie farthest
apart. That keeps one surrogate for 3 and for 1,000 trials, with its gradients and its uncertainty, where a
random forest would be a second model with neither.
"""

# ruff: noqa: N803 - X, as the literature calls a matrix of points
from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

__all__ = ["LIMIT", "select"]

LIMIT: Final = 150
"""At most so many trials are fitted: two fifths the best, one fifth the latest, two fifths spread out."""


def select(X: NDArray[np.float64], y: NDArray[np.float64], *, limit: int = LIMIT) -> NDArray[np.intp]:
    """Indices, increasing, of at most `limit` of `n` trials.

    Args:
        X: `n x d` points of the unit cube, the latest last.
        y: `n` targets, to be minimized.
        limit: At least 1.
    """
    n = len(y)
    if n <= limit:
        return np.arange(n)
    chosen = np.zeros(n, dtype=bool)
    chosen[np.argsort(y, kind="stable")[: 2 * limit // 5]] = True
    chosen[n - limit // 5 :] = True
    nearest = cdist(X, X[chosen], "sqeuclidean").min(axis=1, initial=np.inf)
    for _ in range(limit - int(chosen.sum())):
        farthest = int(np.argmax(np.where(chosen, -1.0, nearest)))
        chosen[farthest] = True
        nearest = np.minimum(nearest, cdist(X, X[[farthest]], "sqeuclidean")[:, 0])
    return np.flatnonzero(chosen)
