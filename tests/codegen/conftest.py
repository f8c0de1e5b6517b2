"""A real sandbox for all tests of generated programs, and small data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tunewise.codegen.data import Dataset, Recipe, load_dataset
from tunewise.codegen.runtime import sandbox_for
from tunewise.codegen.table import Table, TableRecipe, load_table
from tunewise.sandbox.base import Sandbox


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with sandbox_for("table") as made:
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
def sales(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table with a date, a text, a number, missing cells, and prices that depend on the month and the place."""
    rng = np.random.default_rng(1)
    days = np.sort(rng.integers(0, 365, 240))
    sold = np.datetime64("2022-01-01T10:00:00") + days.astype("timedelta64[D]")
    place, area = rng.choice(["centre", "river", "hill"], 240), rng.uniform(20, 200, 240)
    price = area + 50 * np.cos(days / 58) + 60 * (place == "hill") + rng.normal(0, 5, 240)
    lines = ["sold,place,area,note,price,dear"]
    for i in range(240):
        cells = [
            str(sold[i]).replace("T", " "),
            "" if i % 40 == 3 else place[i],
            "" if i % 30 == 5 else f"{area[i]:.1f}",
        ]
        lines.append(",".join([*cells, f"n{i}", f"{price[i]:.2f}", "yes" if price[i] > 130 else "no"]))
    path = tmp_path_factory.mktemp("data") / "sales.csv"
    path.write_text("\n".join(lines))
    return path


@pytest.fixture(scope="session")
def table(sales: Path) -> Table:
    return load_table(TableRecipe(path=str(sales), target="price", folds=3, drop=("dear",)))


@pytest.fixture(scope="session")
def regression(houses: Path) -> Dataset:
    return load_dataset(Recipe(path=str(houses), target="price", drop=("dear",)))


@pytest.fixture(scope="session")
def classification(houses: Path) -> Dataset:
    return load_dataset(Recipe(path=str(houses), target="dear", task="classification", drop=("price",)))
