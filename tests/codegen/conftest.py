"""A real sandbox for all tests of generated programs, and small data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tunewise.codegen.data import Dataset, Recipe, load_dataset
from tunewise.codegen.runtime import sandbox_for
from tunewise.sandbox.base import Sandbox


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with sandbox_for("sklearn") as made:
        yield made


@pytest.fixture(scope="session")
def torch_sandbox() -> Iterator[Sandbox]:
    pytest.importorskip("torch", reason="programs of the torch contract are trained")
    with sandbox_for("torch") as made:
        yield made


@pytest.fixture(scope="session")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table with numbers, a category, a missing value, a number to predict and a class to predict."""
    rng = np.random.default_rng(0)
    area, rooms = rng.uniform(20, 200, 300), rng.integers(1, 7, 300)
    place = rng.choice(["centre", "river", "hill"], 300)
    price = 2.0 * area + 15 * rooms + 80 * (place == "centre") + rng.normal(0, 8, 300)
    lines = ["area,rooms,place,price,dear"]
    for i in range(300):
        shown = "" if i % 50 == 7 else f"{area[i]:.2f}"
        lines.append(f"{shown},{rooms[i]},{place[i]},{price[i]:.2f},{'yes' if price[i] > 300 else 'no'}")
    path = tmp_path_factory.mktemp("data") / "houses.csv"
    path.write_text("\n".join(lines))
    return path


@pytest.fixture(scope="session")
def regression(houses: Path) -> Dataset:
    return load_dataset(Recipe(path=str(houses), target="price", drop=("dear",)))


@pytest.fixture(scope="session")
def classification(houses: Path) -> Dataset:
    return load_dataset(Recipe(path=str(houses), target="dear", task="classification", drop=("price",)))
