"""Grids for libraries that know none on a logarithmic scale: they are given the positions of the values instead.

The values of a table's grid are evenly spread, so a whole number that counts them is the same hyperparameter. Whoever
is compared thus learns from what was evaluated, and knows what there is to evaluate.
"""

from __future__ import annotations

from collections.abc import Mapping

from tunewise.bench.problems.grids import OnGrid
from tunewise.space import NO_DEFAULT, Configuration, Hyperparameter, Int, SearchSpace, Value

__all__ = ["counted", "counts", "uncounted"]


def counted(space: SearchSpace) -> SearchSpace:
    """The space with positions, from 0, in place of values on a grid."""
    found: dict[str, Hyperparameter] = {}
    for name, h in space.items():
        if isinstance(h, OnGrid):
            default = NO_DEFAULT if h.default is NO_DEFAULT else h.levels.index(h.default)
            found[name] = Int(0, len(h.levels) - 1, default=default, when=h.when)
        else:
            found[name] = h
    return SearchSpace(found)


def counts(space: SearchSpace, configuration: Mapping[str, Value]) -> Configuration:
    """A configuration in terms of positions."""
    return {n: h.levels.index(v) if isinstance(h := space[n], OnGrid) else v for n, v in configuration.items()}


def uncounted(space: SearchSpace, configuration: Mapping[str, Value]) -> Configuration:
    """The reverse of `counts`."""
    found: Configuration = {}
    for name, value in configuration.items():
        h = space[name]
        found[name] = h.levels[int(value)] if isinstance(h, OnGrid) and isinstance(value, int) else value
    return found
