"""Tables: computing, resuming, packing, refusing what is not of this version; names in the registry."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.synthetic import write_csv
from support.waiting import until
from tunewise.bench import problems
from tunewise.bench.problems import grids, tabulate
from tunewise.bench.problems.datasets import DATASETS, DataSet, load_split
from tunewise.bench.problems.grids import GRIDS
from tunewise.bench.problems.hpobench import LiveTask, TabularTask
from tunewise.bench.problems.models import MODELS
from tunewise.bench.problems.tables import FOLDER, load_table
from tunewise.bench.problems.training import train
from tunewise.errors import StudyError, TrialFailed


def test_the_shipped_tables_are_small_and_complete() -> None:
    assert sum(file.stat().st_size for file in FOLDER.glob("*.npz")) < 1_000_000
    for model, grid in GRIDS.items():
        for name in DATASETS:
            table = load_table(model, name)
            assert len(table.wrong) == len(grid.points)
            assert table.wrong.max(axis=0)[0].tolist() <= list(table.facts.valid)
            errors = table.validation_errors
            assert np.nanmin(errors) < np.nanmedian(errors) <= np.nanmax(errors) <= 1


def test_grids_include_the_bounds() -> None:
    for model, grid in GRIDS.items():
        for name, values in grid.axes.items():
            distribution: Any = MODELS[model].space[name].distribution
            assert (values[0], values[-1]) == pytest.approx((distribution.low, distribution.high), rel=1e-15)
            assert all(MODELS[model].space[name].coerce(value)[1] == "" for value in values)


def test_a_grid_takes_the_nearest_of_its_points_on_the_transformed_scale() -> None:
    space, grid = GRIDS["svm"].restrict(MODELS["svm"].space), GRIDS["svm"]
    for index, point in enumerate(grid.points):
        assert space.coerce(point).configuration == point
        assert grid.index(point) == index
    assert space.coerce({"C": 2**0.49, "gamma": 0.1}).configuration == {"C": 1.0, "gamma": 0.125}
    beyond = space.coerce({"C": 1.49, "gamma": 1e9})
    assert beyond.configuration == {"C": 2.0, "gamma": 1024.0}
    assert [repair.name for repair in beyond.repairs] == ["gamma"]
    rng = np.random.default_rng(0)
    for model, each in GRIDS.items():
        free, own = MODELS[model].space, each.restrict(MODELS[model].space)
        encoded = free.encode_all(each.points)
        for _ in range(50):
            configuration = free.sample(rng)
            distances = np.abs(encoded - free.encode(configuration)).sum(axis=1)
            assert distances[each.index(own.coerce(configuration).configuration)] == pytest.approx(distances.min())


def test_a_task_of_a_table_knows_no_other_values_than_its_grid_and_says_so() -> None:
    task = problems.get("rf:vehicle")
    rng = np.random.default_rng(0)
    assert {tuple(task.space.sample(rng).values()) for _ in range(300)} <= {
        tuple(p.values()) for p in GRIDS["rf"].points
    }
    assert task.space.count == 480
    few = problems.get("rf:phoneme")  # five features: 5 ** 0.25 is one of them, too
    assert isinstance(few, TabularTask)
    assert few.space.count == 384
    default = few.space.default or {}
    quarter = few.space.coerce({**default, "max_features": 0.26}).configuration
    assert quarter == {**default, "max_features": 0}
    one, other = (few.grid.points.index({**default, "max_features": x}) for x in (0.0, 0.25))
    assert few.table.errors(one) == few.table.errors(other)
    assert "one of 0, 0.5, 0.75, 1" in few.space["max_features"].describe()
    assert task.space.default == {"max_depth": 10, "min_samples_split": 32, "max_features": 0.5, "min_samples_leaf": 1}
    assert "one of 1, 2, 5, 10, 22, 50" in task.space["max_depth"].describe()
    assert any("252 validation rows" in fact for fact in task.task.facts)


def test_forests_said_to_be_equal_are_equal(tmp_path: Path) -> None:
    """For whatever reason: a depth that is not reached, splits that leaves forbid, exponents that round alike."""
    write_csv(tmp_path, "made", rows=120)
    split = load_split(DataSet("made"), tmp_path)
    groups = tabulate.related("rf", range(480), split.train.x.shape[1])
    assert sorted(index for group in groups for index in group) == list(range(480))
    largest = [group for group in groups if len(group) > 6][:1]
    for group in [groups[0], *largest]:
        points = [GRIDS["rf"].points[index] for index in group]
        plain = [train(MODELS["rf"], split, point, effort=16) for point in points]
        assert tabulate.evaluate_points("rf", split, points, effort=16) == plain


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A grid of 3 x 3, so that computing a table takes no time."""
    few = (0.001, 0.1, 1.0)
    monkeypatch.setitem(grids.GRIDS, "svm", grids.Grid({"C": few, "gamma": few}))
    for name in DATASETS:
        (tmp_path / f"{name}.csv").write_text(as_data_set(name))
    return tmp_path


def as_data_set(name: str) -> str:
    """A file with the columns that the data set must have."""
    data, rng = DATASETS[name], np.random.default_rng(0)
    columns = [*data.drop, *(data.nominal or ()), "number"]
    target = data.target or "class"
    rows = [
        ",".join([*(str(rng.integers(3)) for _ in columns[:-1]), f"{rng.normal():.3f}", str(i % 2)]) for i in range(80)
    ]
    return "\n".join([",".join([*columns, target]), *rows]) + "\n"


class Inline:
    """Runs what it is given at once, in this process, where the small grid is."""

    def __enter__(self) -> Inline:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def submit(self, function: Any, *arguments: Any) -> Any:
        from concurrent.futures import Future

        future: Future[Any] = Future()
        future.set_result(function(*arguments))
        return future


def test_a_table_goes_from_data_to_a_problem(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tabulate, "workers", lambda jobs: Inline())
    lines: list[str] = []
    tabulate.tabulate(["svm"], small / "records", data_dir=small, tell=lines.append)
    assert len(lines) == 8
    assert "9 configurations" in lines[0]
    packed = tabulate.pack(["svm"], small / "records", small / "tables", small)
    assert packed == {"svm": list(DATASETS)}
    table, live = TabularTask("svm", "car", small / "tables"), LiveTask(MODELS["svm"], DATASETS["car"], small)
    for point in GRIDS["svm"].points:
        assert table.evaluate(point).value == live.evaluate(point).value
        assert table.evaluate(point).extra["balanced_test_error"] == live.evaluate(point).extra["balanced_test_error"]
    assert table.task.facts[:-1] == live.task.facts
    assert table.task.data == live.task.data


def test_an_interrupted_computation_goes_on_where_it_was(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tabulate, "workers", lambda jobs: Inline())
    records = small / "records"
    tabulate.tabulate(["svm"], records, data_dir=small, datasets=["car"])
    file = records / "svm.jsonl"
    whole = file.read_text().splitlines()
    file.write_text("\n".join(whole[:4]) + "\n" + whole[4][:20])
    assert len(list(tabulate.read_records(file))) == 4
    lines: list[str] = []
    tabulate.tabulate(["svm"], records, data_dir=small, datasets=["car"], tell=lines.append)
    assert "5 configurations" in lines[0]
    found = [json.loads(line) for line in file.read_text().splitlines()]
    assert counts(found) == counts([json.loads(line) for line in whole])
    with pytest.raises(StudyError, match="no complete table of lr"):
        tabulate.pack(["lr"], records, small / "tables", small)


def counts(records: list[dict[str, Any]]) -> list[list[Any]]:
    return sorted([record[key] for key in ("index", "valid", "test")] for record in records)


@pytest.mark.long
def test_workers_end_when_their_parent_is_killed(small: Path) -> None:
    """And what they had finished is kept; a second run beside the first is refused."""
    records = small / "records"
    command = f"{sys.executable} -m tunewise.bench.problems.tabulate lr --datasets car --jobs 1".split()
    command += ["--data-dir", str(small), "--records", str(records)]
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    until(lambda: (records / "lr.jsonl").exists() and (records / "lr.jsonl").read_text().count("\n") >= 3)
    with pytest.raises(StudyError, match="Another process computes tables"):
        tabulate.tabulate(["svm"], records, data_dir=small)
    process.send_signal(signal.SIGKILL)
    process.wait()
    until(lambda: not alive(process.pid))
    kept = list(tabulate.read_records(records / "lr.jsonl"))
    assert len({record["index"] for record in kept}) == len(kept) >= 3


def alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def spoiled(folder: Path, change: dict[str, Any]) -> Path:
    """A copy of the shipped tables with something changed."""
    folder.mkdir()
    (folder / "datasets.json").write_bytes((FOLDER / "datasets.json").read_bytes())
    with np.load(FOLDER / "svm.npz") as data:
        arrays = {**data, **change}
    np.savez(folder / "svm.npz", **{k: v for k, v in arrays.items() if v is not None})
    return folder


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": np.array(2)}, "table of version 2 .* reads version 1"),
        ({"axis C": np.array([1.0, 2.0])}, "with another meaning"),
        ({"car": None}, "no complete table of car"),
        ({"car": np.zeros((3, 2, 4), dtype=np.int16)}, "no complete table of car"),
        ({"version": None}, "cannot be read"),
        ({"version": np.array([{"a": 1}], dtype=object)}, "cannot be read .*allow_pickle=False"),
    ],
)
def test_a_table_of_another_version_is_refused(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=message):
        TabularTask("svm", "car", spoiled(tmp_path / "tables", change))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 but no archive", b"\x80\x04K\x01."])
def test_a_file_that_is_no_table_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "svm.npz").write_bytes(content)
    with pytest.raises(StudyError, match="cannot be read"):
        TabularTask("svm", "car", tmp_path)


def test_where_training_diverged_there_is_no_value(tmp_path: Path) -> None:
    with np.load(FOLDER / "svm.npz") as data:
        wrong = data["car"].copy()
    wrong[7] = -1
    task = TabularTask("svm", "car", spoiled(tmp_path / "tables", {"car": wrong}))
    with pytest.raises(TrialFailed, match="diverged"):
        task.evaluate(task.grid.points[7])
    assert task.best == problems.get("svm:car").best


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("svm:credit", {}, "no problem 'svm:credit'. Did you mean svm:credit-g"),
        ("xgb:car", {}, "no problem 'xgb:car'"),
        ("svm", {}, "no problem 'svm'"),
        ("", {}, "no problem ''. There are: rosenbrock"),
        ("branin+shiftd", {}, "no wrapper 'shiftd'. Did you mean shifted"),
        ("svm:car+permuted", {}, "no labels to permute"),
        ("svm:car", {"share": 0.5}, "a table is looked up"),
        ("svm:car", {"protocol": "hpobench-0.0.10"}, "no table of svm:car under protocol hpobench-0.0.10"),
        ("nn:car", {"protocol": "clean"}, "no table of nn:car under protocol clean"),
        ("branin", {"prompt": 4}, "no prompt '4'"),
        ("svm:../car", {"mode": "live", "data_dir": "."}, "no problem 'svm:../car'"),
        ("svm:car", {"mode": "live", "data_dir": "/nowhere"}, "/nowhere is not a folder that can be read"),
        ("svm:car", {"mode": "live", "data_dir": "."}, "car.csv cannot be opened"),
    ],
)
def test_what_cannot_be_is_refused_at_once(
    name: str, options: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StudyError, match=message):
        problems.get(name, **options)


def test_names_are_the_landscapes_the_32_tasks_the_live_ones_and_taxi() -> None:
    assert len(problems.names()) == len(set(problems.names())) == 10 + 32 + 6 + 1
