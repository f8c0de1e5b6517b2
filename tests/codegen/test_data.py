"""From files to arrays: nothing is learned from held-out rows, and what cannot be used is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tunewise.codegen.data import Dataset, Recipe, load_dataset, make_dataset
from tunewise.codegen.taxi import PICKUP, TARGET, load_taxi
from tunewise.data.prepare import MOST_VALUES
from tunewise.errors import StudyError

START = datetime(2023, 1, 2)  # noqa: DTZ001 - a Monday, as tables have it


def table(n: int = 200) -> pa.Table:
    """All kinds of columns."""
    rng = np.random.default_rng(1)
    when = [START + timedelta(hours=7 * i) for i in range(n)]
    return pa.table(
        {
            "when": pa.array(when[::-1]),
            "number": [None if i % 10 == 3 else float(i) for i in range(n)],
            "flag": [i % 3 == 0 for i in range(n)],
            "city": [f"c{i % 5}" for i in range(n)],
            "name": [f"person {i}" for i in range(n)],
            "empty": pa.nulls(n),
            "y": rng.normal(50, 10, n),
        }
    )


def made(given: pa.Table, **recipe: object) -> Dataset:
    return make_dataset(given, Recipe(**{"path": "t", "target": "y", **recipe}), name="t")  # type: ignore[arg-type]


def test_columns_become_inputs() -> None:
    data = made(table(), time="when")
    assert set(data.inputs) == {
        "when hour", "when weekday", "when days", "number", "number is missing", "flag",
        *[f"city=c{i}" for i in range(5)],
    }  # fmt: skip
    assert (len(data.train), len(data.validation), len(data.test)) == (120, 40, 40)
    days = data.inputs.index("when days")
    assert data.train.x[:, days].max() < data.validation.x[:, days].min() < data.test.x[:, days].min()
    numbers = data.train.x[:, data.inputs.index("number")]
    assert abs(numbers.mean()) < 1e-6
    assert numbers.std() == pytest.approx(1, abs=1e-5)
    assert any("nearly every value different; left out" in line for line in data.about)
    assert data.train.y.mean() == pytest.approx(0, abs=1e-9)


def test_held_out_rows_change_nothing_that_programs_or_prompts_see() -> None:
    plain = table()
    order = np.arange(200)[::-1]  # the latest rows stand first
    held_out = np.isin(np.arange(200), order[120:])
    changed = plain
    for name, value in (("number", 1e9), ("y", -1e9)):
        column = np.where(held_out, value, plain[name].to_numpy(zero_copy_only=False).astype(float))
        changed = changed.set_column(changed.column_names.index(name), name, pa.array(column, from_pandas=True))
    cities = [("secret" if out else city) for out, city in zip(held_out, plain["city"].to_pylist(), strict=True)]
    changed = changed.set_column(changed.column_names.index("city"), "city", pa.array(cities))
    one, other = made(plain, time="when"), made(changed, time="when")
    assert one.about == other.about
    assert one.files["train_x.npy"] == other.files["train_x.npy"]
    assert one.files["train_y.npy"] == other.files["train_y.npy"]
    assert np.abs(other.validation.x).max() <= 10
    assert one.fingerprint != other.fingerprint


def test_random_splits_repeat_with_the_seed() -> None:
    assert made(table()).fingerprint == made(table()).fingerprint
    assert made(table()).fingerprint != made(table(), seed=1).fingerprint
    assert len(made(table(), rows=100).train) == 60


def test_classes() -> None:
    given = table().append_column("kind", pa.array(["a", "b"] * 95 + ["new"] * 10))
    data = made(given, target="kind", task="classification", drop=("when", "y"))
    assert set(data.classes) <= {"a", "b", "new"}
    by_row = made(given.append_column("n", pa.array(range(200))), target="kind", task="classification", time="n")
    assert by_row.classes == ("a", "b")
    assert (by_row.test.y == -1).sum() == 10, "a class that nobody could learn"
    assert (by_row.outputs, by_row.unit) == (2, 1.0)


def test_rare_values_share_nothing() -> None:
    given = table(400).append_column("zone", pa.array([f"z{min(i % 97, 60)}" for i in range(400)]))
    data = made(given)
    assert sum(name.startswith("zone=") for name in data.inputs) == MOST_VALUES
    assert "values, the 40 commonest" in "\n".join(data.about)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"target": "z"}, "has no column z"),
        ({"target": "name"}, "no finite numbers"),
        ({"target": "flag", "task": "regression", "rows": 40}, "at least 50"),
        ({"target": "name", "task": "classification"}, "a class has 2 to 100"),
        ({"drop": ("when", "number", "flag", "city", "name", "empty")}, "no column beside y"),
        ({"drop": ("whn",)}, "Did you mean when?"),
    ],
)
def test_what_cannot_be_used(change: dict[str, object], complaint: str) -> None:
    with pytest.raises(StudyError, match=complaint.replace("?", r"\?")):
        made(table(), **change)


def test_more_that_cannot_be_used() -> None:
    with pytest.raises(StudyError, match="type list<item: int64>, which cannot be encoded"):
        made(table().append_column("list", pa.array([[1]] * 200)))
    with pytest.raises(StudyError, match="constant in the training rows"):
        made(table().append_column("one", pa.array([1.0] * 200)), target="one")


def test_files(tmp_path: Path) -> None:
    pq.write_table(table().slice(0, 100), tmp_path / "a.parquet")
    pq.write_table(table().slice(100), tmp_path / "b.parquet")
    folder = load_dataset(Recipe(path=str(tmp_path), target="y", time="when"))
    assert folder.fingerprint == made(table(), time="when").fingerprint
    (tmp_path / "c.csv").write_text("a;b\n" + "\n".join(f"{i};{i % 7}" for i in range(60)))
    recipe = Recipe(path=str(tmp_path / "c.csv"), target="b")
    assert load_dataset(recipe).inputs == ("a",)
    for text, complaint in (
        ("", "cannot be read"),
        ("a;a\n1;2", "2 columns named a"),
        ("a;b\n", "no rows"),
        ("a\0", "no column|no rows|cannot"),
    ):
        (tmp_path / "c.csv").write_text(text)
        with pytest.raises(StudyError, match=complaint):
            load_dataset(recipe)
    with pytest.raises(StudyError, match="is no file"):
        load_dataset(replace(recipe, path=str(tmp_path / "gone")))


def test_recipes_are_plain_data() -> None:
    recipe = Recipe(path="x", target="y", drop=("a",), rows=60)
    assert Recipe.from_dict(recipe.to_dict()) == recipe


def test_taxi_trips(tmp_path: Path) -> None:
    minutes = [5, 200, -3, 0.5, 30, 10]
    pickup = [datetime(2023, 1, 5, 12)] * 5 + [datetime(2009, 1, 5, 12)]  # noqa: DTZ001
    month = pa.table(
        {
            "lpep_pickup_datetime": pa.array(pickup),
            "lpep_dropoff_datetime": pa.array([p + timedelta(minutes=m) for p, m in zip(pickup, minutes, strict=True)]),
            "PULocationID": [74, 1, 1, 1, 75, 1],
            "DOLocationID": [74, 1, 1, 1, 41, 1],
            "passenger_count": [1.0, 1, 1, 1, None, 1],
            "trip_type": [1.0, 1, 1, 1, None, 1],
            "VendorID": [2] * 6,
            "fare_amount": [9.0] * 6,
            "trip_distance": [1.0] * 6,
        }
    )
    pq.write_table(month, tmp_path / "green_tripdata_2023-01.parquet")
    trips = load_taxi(tmp_path)
    assert np.exp(trips[TARGET].to_numpy()) == pytest.approx([300, 1800])
    assert trips["same zone"].to_pylist() == [True, False]
    assert set(trips.column_names) == {
        PICKUP, TARGET, "pickup zone", "dropoff zone", "same zone", "passengers", "hailed by", "vendor",
    }  # fmt: skip
    with pytest.raises(StudyError, match="holds no green_tripdata"):
        load_taxi(tmp_path / "nowhere")
