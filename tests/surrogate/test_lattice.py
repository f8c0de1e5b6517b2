"""Points of the cube and configurations agree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewise.space import Categorical, Float, Int, SearchSpace
from tunewise.surrogate.lattice import FEW, MOST, Lattice

SPACE = SearchSpace(
    {
        "gamma": Float(1e-4, 1e1, log=True, when={"kernel": ["rbf", "poly"]}),
        "kernel": Categorical(["linear", "rbf", "poly"]),
        "degree": Int(2, 5, when={"kernel": "poly"}),
        "even": Categorical([True, False, "auto", None], when={"degree": [2, 4]}),
        "C": Float(1e-3, 1e3, log=True),
        "dropout": Float(0, 0.5, step=0.05),
        "width": Int(16, 1024, log=True),
        "fixed": Float(2.0, 2.0),
        "only": Categorical(["one"]),
    }
)
LATTICE = Lattice(SPACE)


@settings(max_examples=200)
@given(st.integers(0, 2**32 - 1))
def test_configurations_are_left_as_they_are(seed: int) -> None:
    configuration = SPACE.sample(np.random.default_rng(seed))
    x = SPACE.encode(configuration)
    assert LATTICE.snap(x[None])[0] == pytest.approx(x, abs=1e-9)
    assert {name for name, there in LATTICE.exists(x[None]).items() if there[0]} == set(configuration)


@settings(max_examples=200)
@given(st.integers(0, 2**32 - 1))
def test_snapped_points_are_configurations_but_for_long_grids(seed: int) -> None:
    x = LATTICE.snap(np.random.default_rng(seed).uniform(-0.2, 1.2, (1, SPACE.width)))[0]
    back = SPACE.encode(SPACE.decode(x))
    long_grid = SPACE.columns["width"]
    assert np.delete(back, long_grid) == pytest.approx(np.delete(x, long_grid), abs=1e-9)


def test_a_hyperparameter_whose_parent_is_absent_does_not_exist() -> None:
    """An absent integer is imputed in the middle, which may be a value that its child waits for."""
    space = SearchSpace(
        {
            "switch": Categorical(["on", "off"]),
            "level": Int(1, 3, when={"switch": "on"}),
            "detail": Float(0, 1, when={"level": 2}),
        }
    )
    off = space.encode({"switch": "off"})
    assert not Lattice(space).exists(off[None])["detail"][0]
    assert not Lattice(space).free(off[None]).any()


def test_neighbours_change_one_choice_and_what_follows_from_it() -> None:
    x = SPACE.encode(
        SPACE.coerce({"kernel": "linear", "C": 1, "dropout": 0.2, "width": 64, "fixed": 2, "only": "one"}).configuration
    )
    around = [SPACE.decode(n) for n in LATTICE.neighbours(x, np.random.default_rng(0))]
    assert {c["kernel"] for c in around} == {"linear", "rbf", "poly"}
    assert {c["dropout"] for c in around if c["kernel"] == "linear"} == {
        SPACE["dropout"].coerce(i * 0.05)[0] for i in range(11)
    } - {0.2}
    assert len(around) == 2 + 10
    assert not len(Lattice(SearchSpace({"x": Float(0, 1)})).neighbours(np.array([0.5]), np.random.default_rng(0)))


def test_gradients_run_along_what_is_continuous_and_exists() -> None:
    rbf = SPACE.encode(
        SPACE.coerce(
            {"kernel": "rbf", "gamma": 1, "C": 1, "dropout": 0.2, "width": 64, "fixed": 2, "only": "one"}
        ).configuration
    )
    free = LATTICE.free(rbf[None])[0]
    assert {n for n, columns in SPACE.columns.items() if free[columns].any()} == {"gamma", "C", "width"}
    assert SPACE["dropout"].count <= FEW < SPACE["width"].count


def test_of_many_choices_some_are_stepped_to() -> None:
    lattice = Lattice(SearchSpace({"k": Categorical([*range(500)]), "x": Float(0, 1)}))
    x = lattice.snap(np.random.default_rng(0).random((1, 501)))[0]
    around = lattice.neighbours(x, np.random.default_rng(1))
    assert MOST - 1 <= len(around) <= MOST
    assert (around[:, :500].sum(axis=1) == 1).all()
