"""Which points of the unit cube are configurations: whole arrays at once, where `SearchSpace.decode` takes one.

A grid of few values and a category are discrete here: the acquisition's maximizer steps between them. A grid of many
values counts as continuous until the end, when the configuration is decoded.
"""

# ruff: noqa: N803, N806 - X, as the literature calls a matrix of points
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tunewise.space import SearchSpace, Value

__all__ = ["FEW", "Dimension", "Lattice"]

Array = NDArray[np.float64]

FEW: Final = 16
"""Up to so many values a grid is discrete."""

MOST: Final = 64
"""At most so many values of one hyperparameter are stepped to at a time."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """A hyperparameter's columns and values.

    Attributes:
        name: Of the hyperparameter.
        columns: Its columns in the cube.
        values: `k x width` places that it can take, one for each value; `0 x width` when it is continuous.
        absent: `width` coordinates of a hyperparameter that does not exist.
        one_hot: Whether it is a category: of `k` values each has a coordinate.
        conditions: For each parent its name, and its places (`k x width`) at which this one exists.
    """

    name: str
    columns: slice
    values: Array
    absent: Array
    one_hot: bool
    conditions: tuple[tuple[str, Array], ...]


class Lattice:
    """The configurations of a space as points of the unit cube.

    Attributes:
        dimensions: The hyperparameters, parents first.
        groups: `d` indices: the hyperparameter of each column, in the order of the space.
    """

    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        made = {name: self._dimension(name) for name in space}
        done: dict[str, Dimension] = {}
        while len(done) < len(made):
            done |= {n: d for n, d in made.items() if n not in done and all(p in done for p in space[n].when)}
        self.dimensions = tuple(done.values())
        self.groups = np.concatenate([[i] * space[name].width for i, name in enumerate(space)]).astype(np.intp)

    def snap(self, X: Array) -> Array:
        """The nearest points (`m x d`) at which discrete hyperparameters take a value and absent ones are imputed."""
        return self._resolve(X)[0]

    def free(self, X: Array) -> NDArray[np.bool_]:
        """`m x d` flags: whether a gradient step makes sense, that is a continuous hyperparameter exists there."""
        exists = self.exists(X)
        flags = np.zeros(X.shape, dtype=bool)
        for dimension in self.dimensions:
            flags[:, dimension.columns] = exists[dimension.name][:, None] & (not len(dimension.values))
        return flags

    def exists(self, X: Array) -> dict[str, NDArray[np.bool_]]:
        """For each hyperparameter `m` flags: whether it exists at the points (`m x d`)."""
        return self._resolve(X)[1]

    def _resolve(self, X: Array) -> tuple[Array, dict[str, NDArray[np.bool_]]]:
        X = np.clip(X, 0.0, 1.0)
        exists: dict[str, NDArray[np.bool_]] = {}
        for dimension in self.dimensions:
            block = X[:, dimension.columns]
            if dimension.one_hot:
                block = np.equal.outer(block.argmax(axis=1), np.arange(block.shape[1])).astype(float)
            elif len(dimension.values):
                block = dimension.values[squared_distances(block, dimension.values).argmin(axis=1)]
            there = np.ones(len(X), dtype=bool)
            for parent, places in dimension.conditions:
                away = squared_distances(X[:, self.space.columns[parent]], places).min(axis=1)
                there &= exists[parent] & (away < 1e-12)
            X[:, dimension.columns] = np.where(there[:, None], block, dimension.absent)
            exists[dimension.name] = there
        return X, exists

    def round(self, X: Array) -> Array:
        """Places (`m x d`) of the configurations that points decode to; only long grids still move after `snap`."""
        return self.space.encode_all([self.space.decode(x) for x in X])

    def neighbours(self, x: Array, rng: np.random.Generator) -> Array:
        """Points (`m x d`) that differ from `x` in one discrete hyperparameter, whatever follows from it included.

        Of a hyperparameter with many values some are drawn: nothing is known about most of them anyway.
        """
        rows = []
        for dimension in self.dimensions:
            values = dimension.values
            if len(values) > MOST:
                values = values[rng.choice(len(values), MOST, replace=False)]
            changed = np.repeat(x[None], len(values), axis=0)
            changed[:, dimension.columns] = values
            rows.append(changed)
        snapped = self.snap(np.vstack(rows))
        different: Array = snapped[np.abs(snapped - x).max(axis=1) > 1e-9]
        return different

    def _dimension(self, name: str) -> Dimension:
        hyperparameter, columns = self.space[name], self.space.columns[name]
        values = hyperparameter.grid(FEW)
        conditions = tuple((parent, self._places(parent, allowed)) for parent, allowed in hyperparameter.when.items())
        absent = np.full(hyperparameter.width, hyperparameter.absent)
        return Dimension(name, columns, hyperparameter.encode(values), absent, not hyperparameter.ordered, conditions)

    def _places(self, name: str, allowed: Sequence[Value]) -> Array:
        return self.space[name].encode(allowed)


def squared_distances(A: Array, B: Array) -> Array:
    """`m x k` squared distances of `m` and `k` points, by one product of matrices: categories may have many choices."""
    result: Array = (A**2).sum(axis=1)[:, None] + (B**2).sum(axis=1) - 2 * A @ B.T
    return result
