"""The grids of the tables: every combination of a few values for each hyperparameter, bounds included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tunewise.space import Configuration, SearchSpace, Value

__all__ = ["GRIDS", "Grid"]


@dataclass(frozen=True)
class Grid:
    """All combinations of `axes`, numbered with the last axis running fastest."""

    axes: Mapping[str, tuple[float, ...]]

    @cached_property
    def points(self) -> tuple[Configuration, ...]:
        """Every configuration, in the order of its number."""
        return tuple(dict(zip(self.axes, values, strict=True)) for values in product(*self.axes.values()))

    def nearest(self, space: SearchSpace, configuration: Mapping[str, Value]) -> int:
        """The number of the point nearest on the transformed scale; of two equally near ones the smaller value."""
        places = [self._nearest_on_axis(space, name, configuration[name]) for name in self.axes]
        return int(np.ravel_multi_index(places, [len(values) for values in self.axes.values()]))

    def _nearest_on_axis(self, space: SearchSpace, name: str, value: Value) -> int:
        at: NDArray[np.float64] = space[name].encode([value, *self.axes[name]])[:, 0]
        return int(np.argmin(np.abs(at[1:] - at[0]).round(12)))


GRIDS: Final[Mapping[str, Grid]] = {
    "svm": Grid({name: tuple(2.0**k for k in range(-10, 11)) for name in ("C", "gamma")}),
    "lr": Grid({name: tuple(float(10 ** (-5 + 5 * k / 24)) for k in range(25)) for name in ("alpha", "eta0")}),
    "rf": Grid(
        {
            "max_depth": (1, 2, 5, 10, 22, 50),
            "min_samples_split": (2, 8, 32, 128),
            "max_features": (0.0, 0.25, 0.5, 0.75, 1.0),
            "min_samples_leaf": (1, 7, 14, 20),
        }
    ),
}
"""21 x 21, 25 x 25 and 6 x 4 x 5 x 4 points, spread evenly on the transformed scale; rf's default is one of them."""
