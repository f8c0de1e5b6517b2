"""Hypothesis strategies that are shared by tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tunewise.space import NO_DEFAULT, Categorical, Configuration, Float, Hyperparameter, Int, SearchSpace, Value

names = st.text("abcdefgXYZ_01 é", min_size=1, max_size=6).filter(str.strip)
texts = st.text(max_size=12)
choice_values = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(-2, 2), texts)


@st.composite
def floats(draw: st.DrawFn, /, **more: Any) -> Hyperparameter:
    """A float: plain, logarithmic or with a step."""
    kind = draw(st.sampled_from(["plain", "log", "step", "single"]))
    if kind == "step":
        low, step = draw(st.integers(-64, 64)) / 64, draw(st.integers(1, 64)) / 64
        return Float(low, low + step * draw(st.integers(0, 30)), step=step, **more)
    low = draw(st.floats(1e-6, 1e3) if kind == "log" else st.floats(-1e3, 1e3))
    high = low if kind == "single" else low + draw(st.floats(1e-3, 1e4))
    return Float(low, high, log=kind == "log", **more)


@st.composite
def ints(draw: st.DrawFn, /, **more: Any) -> Hyperparameter:
    """An int: plain, logarithmic or with a step."""
    kind = draw(st.sampled_from(["plain", "log", "step"]))
    low = draw(st.integers(1 if kind == "log" else -1000, 1000))
    high = low + draw(st.integers(0, 10_000))
    return Int(low, high, log=kind == "log", step=draw(st.integers(2, 50)) if kind == "step" else 1, **more)


@st.composite
def categoricals(draw: st.DrawFn, /, **more: Any) -> Hyperparameter:
    """A categorical with choices of any mixture of types."""
    choices = st.lists(choice_values, min_size=1, max_size=5, unique_by=repr)  # 1, 1.0 and True are three choices
    return Categorical(draw(choices), **more)


def some_values(hyperparameter: Hyperparameter) -> st.SearchStrategy[Value]:
    """Allowed values of a hyperparameter."""
    unit = st.lists(st.floats(0, 1), min_size=hyperparameter.width, max_size=hyperparameter.width)
    return unit.map(hyperparameter.decode)


@st.composite
def search_spaces(draw: st.DrawFn, /, max_size: int = 5) -> SearchSpace:
    """Any search space: all types, scales and steps, with and without defaults, descriptions and conditions."""
    space: dict[str, Hyperparameter] = {}
    for name in draw(st.lists(names, min_size=1, max_size=max_size, unique=True)):
        when: dict[str, Sequence[Value]] = {}
        if draw(st.booleans()) and space:
            parents: list[str] = draw(st.lists(st.sampled_from(list(space)), min_size=1, max_size=2, unique=True))
            for parent in parents:
                values = st.lists(some_values(space[parent]), min_size=1, max_size=3, unique_by=lambda v: (type(v), v))
                when[parent] = draw(values)
        more: dict[str, Any] = {"description": draw(texts), "when": when}
        hyperparameter = draw(st.one_of(floats(**more), ints(**more), categoricals(**more)))
        default = draw(st.one_of(st.just(NO_DEFAULT), some_values(hyperparameter)))
        space[name] = replace(hyperparameter, default=default)
    order = draw(st.permutations(list(space)))
    return SearchSpace({name: space[name] for name in order})


@st.composite
def spaces_with_configuration(draw: st.DrawFn) -> tuple[SearchSpace, Configuration]:
    """A space and a configuration that it allows."""
    space = draw(search_spaces())
    return space, space.decode(np.array(draw(st.lists(st.floats(0, 1), min_size=space.width, max_size=space.width))))
