"""The plausible region, as a term of the acquisition."""

# ruff: noqa: N806 - X, as the literature calls a matrix of points
from __future__ import annotations

import numpy as np
import pytest

from tunewise.space import Categorical, Float, SearchSpace, Value
from tunewise.surrogate.lattice import Lattice
from tunewise.surrogate.plausible import plausible_region

SPACE = SearchSpace({"x": Float(0, 1), "y": Float(0, 1), "k": Categorical(["a", "b", "c"])})
LATTICE = Lattice(SPACE)
CENTERS = SPACE.encode_all([{"x": 0.2, "y": 0.3, "k": "a"}, {"x": 0.9, "y": 0.8, "k": "b"}])


def test_the_gradient() -> None:
    region = plausible_region(LATTICE, CENTERS, power=0.7)
    X = np.random.default_rng(0).random((30, SPACE.width))
    scores, gradient = region.score_with_gradient(X)
    assert scores == pytest.approx(region.score(X))
    for column in range(SPACE.width):
        step = np.zeros(SPACE.width)
        step[column] = 1e-6
        numeric = (region.score(X + step) - region.score(X - step)) / 2e-6
        assert gradient[:, column] == pytest.approx(numeric, rel=1e-4, abs=1e-6)


def test_it_is_high_at_each_configuration_and_rules_nothing_out() -> None:
    region = plausible_region(LATTICE, CENTERS, power=1.0)
    places: list[dict[str, Value]] = [
        {"x": 0.2, "y": 0.3, "k": "a"},
        {"x": 0.9, "y": 0.8, "k": "b"},
        {"x": 0.2, "y": 0.3, "k": "c"},
    ]
    first, second, other = region.score(SPACE.encode_all(places))
    assert first == pytest.approx(second, abs=0.1)
    assert other < first
    far = region.score(SPACE.encode_all([{"x": 0.0, "y": 1.0, "k": "c"}]))
    assert np.log(0.05) <= far[0] < other
    assert plausible_region(LATTICE, CENTERS, power=0.0).score(CENTERS) == pytest.approx([0, 0])
