"""The grids of the tables: every combination of a few values for each hyperparameter, bounds included.

A table has values at grid points only. So its space is made of hyperparameters that take those values and no others:
whatever proposes is given the point that will be looked up, sees it in its history, and can tell a repeat.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tunewise.space import Configuration, Float, Hyperparameter, Int, SearchSpace, Value
from tunewise.space.numbers import Number
from tunewise.space.values import exactly

__all__ = ["FACT", "GRIDS", "Grid", "OnGrid"]


LISTED: Final = 25
"""Up to so many values are listed: readers who were told that each is 1.616 times the one before repeated some."""
DIGITS: Final = 3
"""Of a listed real number, as many as a table of trials has; the bounds are exact."""
NOTHING: Final[Mapping[str, Mapping[float, float]]] = {}


@dataclass(frozen=True, init=False)
class OnGrid(Number):
    """A number that takes a few values within its bounds, evenly spread on its scale.

    Attributes:
        levels: The values, ascending; the bounds are the first and the last of them.
        meant: Of levels that come to the same as an earlier one, which that is.
    """

    levels: tuple[float, ...]
    meant: Mapping[float, float]

    def __init__(
        self, low: float, high: float, *, levels: tuple[float, ...], meant: Mapping[float, float], **more: Any
    ) -> None:
        """Check and keep; further arguments as for `Float` and `Int`."""
        object.__setattr__(self, "levels", levels)
        object.__setattr__(self, "meant", meant)
        super().__init__(low, high, **more)  # type: ignore[call-arg]  # of `Float` or `Int`

    @property
    def different(self) -> tuple[float, ...]:
        """The levels that do not come to the same as an earlier one."""
        return tuple(level for level in self.levels if level not in self.meant)

    @property
    def count(self) -> float:
        """How many different levels there are."""
        return len(self.different)

    def grid(self, most: int) -> Sequence[Value]:
        """All different levels, when they are at most so many."""
        return self.different if self.count <= most else ()

    def coerce(self, given: object) -> tuple[Value, str]:
        """The level nearest on the transformed scale, of two equally near ones the smaller; as what it comes to."""
        value, rule = super().coerce(given)
        at: NDArray[np.float64] = self.encode([value, *self.levels])[:, 0]
        level = self.levels[int(np.argmin(np.abs(at[1:] - at[0]).round(12)))]
        return self.meant.get(level, level), rule

    def describe(self) -> str:
        """All values where they are few, else how one follows from the other."""
        first, *between, last = self.different
        shown = [
            exactly(first),
            *(f"{v:.{DIGITS}g}" if isinstance(v, float) else exactly(v) for v in between),
            exactly(last),
        ]
        if len(set(shown)) == len(shown) <= LISTED:
            return f"{self.word}, one of {', '.join(shown)}{', logarithmic scale' if self.log else ''}"
        logs = np.log(self.levels) if self.log else np.array(self.levels)
        step = float(np.diff(logs).mean())
        rule = f"each {np.exp(step):.4g} times the one before" if self.log else f"{step:.4g} apart"
        return f"{self.word}, one of {len(shown)} values from {shown[0]} to {shown[-1]}, {rule}"


@dataclass(frozen=True, init=False)
class FloatOnGrid(OnGrid, Float):
    """A real number on a grid."""


@dataclass(frozen=True, init=False)
class IntOnGrid(OnGrid, Int):
    """A whole number on a grid."""


@dataclass(frozen=True)
class Grid:
    """All combinations of `axes`, numbered with the last axis running fastest."""

    axes: Mapping[str, tuple[float, ...]]

    @cached_property
    def points(self) -> tuple[Configuration, ...]:
        """Every configuration, in the order of its number."""
        return tuple(dict(zip(self.axes, values, strict=True)) for values in product(*self.axes.values()))

    def restrict(self, space: SearchSpace, meant: Mapping[str, Mapping[float, float]] = NOTHING) -> SearchSpace:
        """The same space with the values of the grid alone; a default moves to the nearest of them.

        Args:
            space: The space.
            meant: By hyperparameter: of values that come to the same as an earlier one, which that is.
        """
        return SearchSpace({name: on_grid(h, self.axes[name], meant.get(name, {})) for name, h in space.items()})

    def index(self, configuration: Mapping[str, Value]) -> int:
        """The number of the grid point that a configuration of the restricted space is."""
        places = [values.index(configuration[name]) for name, values in self.axes.items()]
        return int(np.ravel_multi_index(places, [len(values) for values in self.axes.values()]))


FACT: Final = (
    "Other values than those of the search space are moved to the nearest of them; trials are listed with the values "
    "that were evaluated."
)
"""What whoever proposes must know about a grid."""


def on_grid(hyperparameter: Hyperparameter, levels: tuple[float, ...], meant: Mapping[float, float]) -> OnGrid:
    """A number with these values alone."""
    kind = IntOnGrid if isinstance(hyperparameter, Int) else FloatOnGrid
    own = {f.name: getattr(hyperparameter, f.name) for f in fields(hyperparameter)}
    return kind(**own, levels=levels, meant=meant)


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
