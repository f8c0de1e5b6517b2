"""Each landscape proves the optimum that it states."""

from __future__ import annotations

from itertools import product
from math import cos, pi

import numpy as np
import pytest

from tunewise.bench.problems.landscapes import LANDSCAPES, SHIFT, Landscape

each = pytest.mark.parametrize("landscape", LANDSCAPES.values(), ids=LANDSCAPES)


def test_there_are_the_ten_of_the_paper() -> None:
    classical = {"rosenbrock", "branin", "himmelblau", "ackley"}
    assert set(LANDSCAPES) == classical | {f"{n}_shifted" for n in classical} | {"quadratic", "ill_conditioned"}


@each
def test_stated_optima_take_the_best_value(landscape: Landscape) -> None:
    assert landscape.optima
    for x1, x2 in landscape.optima:
        landscape.space.coerce({"x1": x1, "x2": x2})
        assert landscape.evaluate({"x1": x1, "x2": x2}).value == pytest.approx(landscape.best, abs=1e-12)


@each
def test_the_gradient_vanishes_at_each_optimum(landscape: Landscape) -> None:
    h = 1e-5
    for x1, x2 in landscape.optima:  # central differences; Ackley's cone has none, but is symmetric there
        slopes = (
            (landscape.function(x1 + h, x2) - landscape.function(x1 - h, x2)) / (2 * h),
            (landscape.function(x1, x2 + h) - landscape.function(x1, x2 - h)) / (2 * h),
        )
        assert slopes == pytest.approx((0, 0), abs=1e-5)


@each
def test_nothing_in_the_box_is_better(landscape: Landscape) -> None:
    grid = product(*(np.linspace(low, high, 201) for low, high in landscape.box))
    around = (
        (x1 + dx, x2 + dy) for x1, x2 in landscape.optima for dx, dy in product((-1e-3, 1e-4, 0, 1e-4, 1e-3), repeat=2)
    )
    assert min(landscape.function(*x) for x in (*grid, *around)) >= landscape.best - 1e-12


@pytest.mark.long
@each
def test_every_local_search_from_a_best_corner_ends_at_a_stated_optimum(landscape: Landscape) -> None:
    """No optimum is missing: near-best grid points all lie close to a stated one."""
    axes = [np.linspace(low, high, 301) for low, high in landscape.box]
    grid = np.array(list(product(*axes)))
    values = np.array([landscape.function(*x) for x in grid])
    close = grid[values < landscape.best + 0.1]
    distance = np.linalg.norm(close[:, None] - np.array(landscape.optima), axis=-1).min(axis=1)
    assert (distance < 1.0).all()


def test_values_from_the_formulas() -> None:
    assert LANDSCAPES["rosenbrock"].function(0, 0) == 1
    assert LANDSCAPES["himmelblau"].function(0, 0) == 170
    assert LANDSCAPES["quadratic"].function(0, 0) == pytest.approx(4.15**2 + 3.35**2)
    assert LANDSCAPES["ill_conditioned"].function(0, 0) == pytest.approx(4.15**2 + 10 * 3.35**2)
    assert LANDSCAPES["branin"].function(0, 0) == pytest.approx(36 + 10 * (1 - 1 / (8 * pi)) * cos(0) + 10)
    assert LANDSCAPES["ackley"].function(5, 5) == pytest.approx(12.642411)


def test_shift_moves_the_function_and_not_the_box() -> None:
    for name in ("rosenbrock", "branin", "himmelblau", "ackley"):
        plain, shifted = LANDSCAPES[name], LANDSCAPES[f"{name}_shifted"]
        assert shifted.function(1 + SHIFT[0], 2 + SHIFT[1]) == pytest.approx(plain.function(1, 2))
        assert shifted.box == plain.box
    assert len(LANDSCAPES["branin_shifted"].optima) == 2  # the third leaves the box
