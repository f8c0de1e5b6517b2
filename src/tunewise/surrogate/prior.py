"""What somebody believes about where the optimum lies, as a term of an acquisition [piBO]."""

# ruff: noqa: N803 - X, as the literature calls a matrix of points
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import pi, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from tunewise.space import Value
from tunewise.surrogate.lattice import Lattice

__all__ = ["Opinion", "Prior", "make_prior"]

Array = NDArray[np.float64]

STEP = 0.1
"""Spread of the bell around a choice, whose coordinate is 0 or 1: as good as nothing of it reaches the others."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """About one hyperparameter.

    Attributes:
        value: Its likeliest best value.
        spread: Standard deviation around it, in units of the cube; of no meaning for a category.
        confidence: In [0, 1): the share of the belief that lies there. The rest is even over the whole range, so that
            no place is ever ruled out.
    """

    value: Value
    spread: float
    confidence: float


@dataclass(frozen=True)
class Prior:
    """A product of one density for each of `g` hyperparameters, raised to a power, in logarithms.

    Each density is relative to an even one, a bell on an even ground; confidence 0 is exactly 0 everywhere. Of
    hyperparameters that do not exist at a point nothing is said.

    Attributes:
        lattice: The space.
        names: `g` hyperparameters.
        columns: `g` coordinates of the cube: of a number its own, of a category that of the choice.
        centers: `g` places of the bells.
        spreads: `g` standard deviations.
        heights: `g` heights, relative to an even density.
        confidences: `g` shares of the bells.
        power: The weight of it all, beta / n of [piBO].
    """

    lattice: Lattice
    names: tuple[str, ...]
    columns: NDArray[np.intp]
    centers: Array
    spreads: Array
    heights: Array
    confidences: Array
    power: float = 1.0

    def score(self, X: Array) -> Array:
        """`m` scores of `m x d` points."""
        result: Array = self.power * np.log1p(self.confidences * (self._bells(X)[0] - 1)).sum(axis=1)
        return result

    def score_with_gradient(self, X: Array) -> tuple[Array, Array]:
        """`m` scores and their `m x d` gradients."""
        bells, slopes = self._bells(X)
        density = 1 + self.confidences * (bells - 1)
        gradient = np.zeros_like(X)
        gradient[:, self.columns] = self.power * self.confidences * slopes / density
        return self.power * np.log(density).sum(axis=1), gradient

    def _bells(self, X: Array) -> tuple[Array, Array]:
        """`m x g` heights of the bells, 1 where nothing is said, and their slopes."""
        z = (X[:, self.columns] - self.centers) / self.spreads
        bells = self.heights * np.exp(-(z**2) / 2)
        slopes = -bells * z / self.spreads
        if any(h.when for h in self.lattice.space.values()):
            exists = self.lattice.exists(X)
            there = np.column_stack([exists[name] for name in self.names])
            bells, slopes = np.where(there, bells, 1.0), np.where(there, slopes, 0.0)
        return bells, slopes


def make_prior(lattice: Lattice, opinions: Mapping[str, Opinion], *, power: float = 1.0) -> Prior:
    """A prior out of opinions about some hyperparameters of a space, at least one."""
    space = lattice.space
    columns, centers, spreads, heights = [], [], [], []
    for name, opinion in opinions.items():
        place = space[name].encode([opinion.value])[0]
        if not space[name].ordered:
            columns.append(space.columns[name].start + int(place.argmax()))
            centers.append(1.0)
            spreads.append(STEP)
            heights.append(float(space[name].width))
        else:
            center, spread = float(place[0]), opinion.spread
            inside = float(ndtr((1 - center) / spread) - ndtr(-center / spread))
            columns.append(space.columns[name].start)
            centers.append(center)
            spreads.append(spread)
            heights.append(1 / (spread * sqrt(2 * pi) * inside))
    confidences = [opinion.confidence for opinion in opinions.values()]
    return Prior(
        lattice=lattice,
        names=tuple(opinions),
        columns=np.array(columns, dtype=np.intp),
        centers=np.array(centers),
        spreads=np.array(spreads),
        heights=np.array(heights),
        confidences=np.array(confidences),
        power=power,
    )
