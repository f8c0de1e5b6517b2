"""The grid around the best trial: what of it is untried, and of which configuration there a surrogate expects most."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
MOST_TIED: Final = 4
"""So many trials that tie for the best are looked around."""
MOST_AROUND: Final = 300
"""Where more configurations are next to the best, those that differ in one hyperparameter alone count."""


def find_nearest(
    context: ProposalContext, expect: Callable[[Sequence[Configuration]], list[Expected]]
) -> Nearest | None:
    """What is untried next to the best trial; None where the space is no small grid, or there is no best trial.

    Args:
        context: What is known.
        expect: What the surrogate expects of some configurations.
    """
    best, space = context.history.best, context.space
    if best is None or space.count > MOST_CELLS or not space.accepts(best.configuration):
        return None
    tied = [t.configuration for t in context.history.ranked[:MOST_TIED] if context.history.ties(t, best)]
    around: list[Configuration] = []
    for center in tied:
        around += [c for c in neighbours(space, center) if c not in around and c not in tied]
    untried = [c for c in around if not context.duplicate(c)]
    advice = None
    if untried:
        sign = 1.0 if context.history.direction == "minimize" else -1.0
        expected = expect(untried)
        first = min(range(len(untried)), key=lambda i: sign * expected[i].mean)
        advice = Advice(configuration=untried[first], expected=expected[first])
    tried = len(np.unique(space.encode_all([t.configuration for t in context.tried]).round(6), axis=0))
    return Nearest(cells=int(space.count), tried=tried, around=len(around), untried=len(untried), best=advice)


def neighbours(space: SearchSpace, center: Mapping[str, Value]) -> list[Configuration]:
    """Configurations at most a step away in every number, or with another choice of one category."""
    steps = {name: steps_from(space, name, center[name]) for name in space if name in center}
    size = np.prod([1 + len(values) for name, values in steps.items() if space[name].ordered])
    together = [name for name in steps if space[name].ordered] if size <= MOST_AROUND else []
    moved = product(*([center[name], *steps[name]] for name in together))
    found = [dict(center) | dict(zip(together, values, strict=True)) for values in moved]
    found += [dict(center) | {name: value} for name in steps if name not in together for value in steps[name]]
    return [c for c in found if c != center and space.accepts(c)]


def steps_from(space: SearchSpace, name: str, value: Value) -> list[Value]:
    """The next smaller and the next larger value of a number; all other choices of a category."""
    hyperparameter = space[name]
    values = list(hyperparameter.grid(MOST_VALUES))
    if not hyperparameter.ordered:
        return [v for v in values[:MOST_VALUES] if v != value]
    at = values.index(value) if value in values else -1
    return [values[i] for i in (at - 1, at + 1) if at >= 0 and 0 <= i < len(values)]
