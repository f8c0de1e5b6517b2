"""The grid around the best trial: what of it is untried, and of which configuration there a surrogate expects most."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import product
from typing import Final

import numpy as np

from tunewise.prompts.advised import Nearest
from tunewise.proposers.base import ProposalContext
from tunewise.record import Advice, Expected
from tunewise.space import Configuration, SearchSpace, Value

__all__ = ["find_nearest"]

MOST_CELLS: Final = 100_000
"""A space of more configurations is no grid to count."""
MOST_VALUES: Final = 64
"""Nor is a hyperparameter of more values a grid to step on."""
MOST_CENTERS: Final = 5
"""So many of the best trials are looked around."""
NAMED: Final = 3
"""So many untried configurations are named."""
MOST_MERGED: Final = 5_000
"""In a space of more configurations those that come to the same are not looked for."""
MOST_AROUND: Final = 300
"""Where more configurations are next to the best, those that differ in one hyperparameter alone count."""


def find_nearest(
    context: ProposalContext,
    expect: Callable[[Sequence[Configuration]], list[Expected]],
    known: Callable[[Configuration], bool],
    canonical: Callable[[Configuration], Hashable],
) -> Nearest | None:
    """What is untried next to the best trials; None where the space is no small grid, or there is no best trial.

    Args:
        context: What is known.
        expect: What the surrogate expects of some configurations.
        known: Whether a configuration was tried, or one that comes to the same.
        canonical: What configurations that come to the same have in common.
    """
    best, space, history = context.history.best, context.space, context.history
    if best is None or space.count > MOST_CELLS or not space.accepts(best.configuration):
        return None
    few = [t for t in history.ranked if space.accepts(t.configuration)][:MOST_CENTERS]
    level = [t.configuration for t in few if history.ties(t, best)]
    around = distinct(around_all(space, level), canonical, without=level)
    wider = around_all(space, [t.configuration for t in few])
    sign = 1.0 if history.direction == "minimize" else -1.0
    steps = 1 if any(not known(c) for c in around) else 2
    if steps > 1:
        wider += [c for c in around_all(space, level, steps) if c not in wider]
    open_ones = distinct([c for c in wider if not known(c)], canonical)
    expected = zip(open_ones, expect(open_ones), strict=True) if open_ones else ()
    ordered = sorted(expected, key=lambda one: sign * one[1].mean)[:NAMED]
    cells, tried = int(space.count), [t.configuration for t in context.tried]
    every = distinct(all_of(space), canonical) if cells <= MOST_MERGED else ()
    merged = 0 < len(every) < cells
    return Nearest(
        cells=len(every) if merged else cells,
        tried=len(distinct(tried, canonical) if merged else np.unique(space.encode_all(tried).round(6), axis=0)),
        merged=merged,
        around=len(around),
        untried=sum(not known(c) for c in around),
        steps=steps,
        best=tuple(Advice(configuration=c, expected=e) for c, e in ordered),
    )


def all_of(space: SearchSpace) -> list[Configuration]:
    """All configurations of a grid."""
    grids = [list(hyperparameter.grid(MOST_MERGED)) for hyperparameter in space.values()]
    found = [dict(zip(space, values, strict=True)) for values in product(*grids)]
    return [c for c in found if space.accepts(c)]


def distinct(
    configurations: Sequence[Configuration],
    canonical: Callable[[Configuration], Hashable],
    *,
    without: Sequence[Configuration] = (),
) -> list[Configuration]:
    """The first of those that come to the same."""
    seen = {canonical(c) for c in without}
    first = {canonical(c): c for c in reversed(configurations)}
    return [c for c in configurations if first[key := canonical(c)] is c and key not in seen]


def around_all(space: SearchSpace, centers: Sequence[Configuration], steps: int = 1) -> list[Configuration]:
    """What is so many steps around some configurations, without these."""
    found: list[Configuration] = []
    for center in centers:
        found += [c for c in neighbours(space, center, steps) if c not in found and c not in centers]
    return found


def neighbours(space: SearchSpace, center: Mapping[str, Value], steps: int = 1) -> list[Configuration]:
    """Configurations at most so many steps away in every number, or with another choice of one category."""
    near = {name: steps_from(space, name, center[name], steps) for name in space if name in center}
    size = np.prod([1 + len(values) for name, values in near.items() if space[name].ordered])
    together = [name for name in near if space[name].ordered] if size <= MOST_AROUND else []
    moved = product(*([center[name], *near[name]] for name in together))
    found = [dict(center) | dict(zip(together, values, strict=True)) for values in moved]
    found += [dict(center) | {name: value} for name in near if name not in together for value in near[name]]
    return [c for c in found if c != center and space.accepts(c)]


def steps_from(space: SearchSpace, name: str, value: Value, steps: int) -> list[Value]:
    """The next smaller and larger values of a number, so many of each; all other choices of a category."""
    hyperparameter = space[name]
    values = list(hyperparameter.grid(MOST_VALUES))
    if not hyperparameter.ordered:
        return [v for v in values[:MOST_VALUES] if v != value]
    at = values.index(value) if value in values else -1
    return [values[i] for i in range(max(0, at - steps), min(len(values), at + steps + 1)) if at >= 0 and i != at]
