"""Hypothesis strategies: search spaces of every kind, and configurations of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from tunewise import Categorical, Float, Int, SearchSpace
from tunewise.space import Configuration, Hyperparameter, Value

names = st.text("abcdefgXYZ_ é", min_size=1, max_size=8).filter(str.strip)
texts = st.text(max_size=12)
scalars = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.floats(-9, 9), texts)


def unequal(choices: list[Value]) -> list[Value]:
    """Without those that Python finds equal (1, 1.0 and True)."""
    return [choice for i, choice in enumerate(choices) if choice not in choices[:i]]


@st.composite
def hyperparameters(draw: st.DrawFn, parents: dict[str, Hyperparameter] | None = None) -> Hyperparameter:
    """Any kind, with or without a default and a condition on one of `parents`."""
    options: dict[str, Any] = {"description": draw(texts)}
    if parents and draw(st.booleans()):
        name = draw(st.sampled_from(sorted(parents)))
        options["when"] = {name: unequal(draw(st.lists(values_of(parents[name]), min_size=1, max_size=2)))}
    made = draw(st.one_of(floats(options), ints(options), categories(options)))
    if draw(st.booleans()):
        return made
    return Hyperparameter(made.distribution, draw(values_of(made)), made.description, made.when)


def floats(options: dict[str, Any]) -> st.SearchStrategy[Hyperparameter]:
    """Plain, logarithmic or stepped; a point, sometimes."""
    plain = st.tuples(st.floats(-1e6, 1e6), st.one_of(st.just(0.0), st.floats(1e-3, 1e6)))
    log = st.tuples(st.floats(1e-9, 1e3), st.floats(1.0, 1e6))
    step = st.tuples(st.floats(-50, 50).map(lambda x: round(x, 2)), st.floats(0, 40), st.sampled_from([0.1, 0.25, 3.0]))
    return st.one_of(
        plain.map(lambda p: Float(p[0], p[0] + p[1], **options)),
        log.map(lambda p: Float(p[0], p[0] * p[1], log=True, **options)),
        step.map(lambda p: Float(p[0], p[0] + p[1], step=p[2], **options)),
    )


def ints(options: dict[str, Any]) -> st.SearchStrategy[Hyperparameter]:
    """Plain, logarithmic or stepped."""
    plain = st.tuples(st.integers(-1000, 1000), st.integers(0, 2000), st.integers(1, 7))
    log = st.tuples(st.integers(1, 1000), st.integers(0, 2000))
    return st.one_of(
        plain.map(lambda p: Int(p[0], p[0] + p[1], step=p[2], **options)),
        log.map(lambda p: Int(p[0], p[0] + p[1], log=True, **options)),
    )


def categories(options: dict[str, Any]) -> st.SearchStrategy[Hyperparameter]:
    """Choices of mixed types."""
    return st.lists(scalars, min_size=1, max_size=5).map(unequal).map(lambda c: Categorical(c, **options))


def values_of(hyperparameter: Hyperparameter) -> st.SearchStrategy[Any]:
    """Allowed values."""
    if hyperparameter.choices:
        return st.sampled_from(hyperparameter.choices)
    return st.floats(0, 1).map(lambda place: hyperparameter.decode([place]))


@st.composite
def spaces(draw: st.DrawFn, *, conditions: bool = True, most: int = 5) -> SearchSpace:
    """A space of up to `most` hyperparameters; conditions are on earlier ones."""
    made: dict[str, Hyperparameter] = {}
    for name in draw(st.lists(names, min_size=1, max_size=most, unique=True)):
        made[name] = draw(hyperparameters(made if conditions else None))
    order = draw(st.permutations(list(made)))
    return SearchSpace({name: made[name] for name in order})


@st.composite
def spaces_with_configuration(draw: st.DrawFn) -> tuple[SearchSpace, Configuration]:
    """A space and a configuration that it allows."""
    space = draw(spaces())
    coordinates = draw(st.lists(st.floats(0, 1), min_size=space.width, max_size=space.width))
    return space, space.decode(np.array(coordinates))
