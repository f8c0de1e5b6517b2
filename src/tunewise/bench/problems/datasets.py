"""Labelled tables, from a folder or from OpenML, and their split into training, validation and test parts.

```python
split = load_split("credit-g", data_dir=Path("data"))
split.train.x.shape
```

The split is that of HPOBench: 10-fold stratified cross-validation whose fold 0 is the test part; the rest is split
67/33 into training and validation, stratified, all with random state 1. Preparation is fitted on the training part:
nominal columns first (most frequent value for a missing one, one-hot, an unknown value is all zeros), then numeric
columns (median for a missing one, standard scaling).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tunewise.bench.problems.lookup import look_up
from tunewise.checks import check_sklearn
from tunewise.errors import StudyError
from tunewise.evaluate.data import as_number, read_table
from tunewise.evaluate.describe import balance
from tunewise.task import DataCard

__all__ = ["DATASETS", "DataSet", "Facts", "Part", "Split", "find_data_dir", "load_split"]

MISSING: Final = (
    "",
    "?",
    "nan",
    "NaN",
    "NA",
)  # in numeric columns; in nominal ones only the first two: "NA" is a level

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DataSet:
    """Where a labelled table comes from.

    Attributes:
        name: As others would know it; the file is `<name>.csv`, with a header line.
        openml: Its number at OpenML; None when there is only the file.
        target: The column of the classes; empty: the last one.
        nominal: The nominal columns; None: as OpenML says, or in a file those whose cells are not all numbers.
        drop: Columns to leave out.
        permuted: Seed by which the labels are shuffled before anything else; None: they are not.
    """

    name: str
    openml: int | None = None
    target: str = ""
    nominal: tuple[str, ...] | None = None
    drop: tuple[str, ...] = ()
    permuted: int | None = None


DATASETS: Final[Mapping[str, DataSet]] = {
    data.name: data
    for data in (
        DataSet("blood-transfusion-service-center", 1464, nominal=()),
        DataSet("vehicle", 54, nominal=()),
        DataSet("Australian", 40981, "A15", nominal=("A1", "A4", "A5", "A6", "A8", "A9", "A11", "A12")),
        DataSet("car", 40975, nominal=("buying", "maint", "doors", "persons", "lug_boot", "safety")),
        DataSet("phoneme", 1489, nominal=()),
        DataSet(
            "segment",
            40984,
            nominal=(),
            drop=("region-centroid-col", "region-centroid-row", "region-pixel-count"),
        ),
        DataSet("credit-g", 31, nominal=None),
        DataSet("kc1", 1067, nominal=()),
    )
}
"""The eight of HPOBench, in its order."""


@dataclass(frozen=True, slots=True)
class Part:
    """Examples, ready for an estimator.

    Attributes:
        x: Features, `n x p`.
        y: Classes, `n` whole numbers from 0.
    """

    x: Floats
    y: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about a split without its data.

    Attributes:
        name: Of the data set.
        nominal: Number of nominal columns.
        numeric: Number of numeric columns.
        features: Number of columns after one-hot.
        train: Training examples of each class.
        valid: Validation examples of each class.
        test: Test examples of each class.
    """

    name: str
    nominal: int
    numeric: int
    features: int
    train: tuple[int, ...]
    valid: tuple[int, ...]
    test: tuple[int, ...]

    @property
    def card(self) -> DataCard:
        """The training part, for a language model."""
        kinds = []
        if self.numeric:
            kinds.append(f"{self.numeric} numeric columns, standardized")
        if self.nominal:
            kinds.append(f"{self.nominal} nominal columns, one-hot encoded")
        return DataCard(
            name=self.name,
            rows=sum(self.train),
            features=self.features,
            classes=len(self.train),
            description="; ".join([*kinds, balance(np.array(self.train) / sum(self.train))]),
        )


@dataclass(frozen=True, slots=True)
class Split:
    """A data set in three parts, and what is known about it."""

    train: Part
    valid: Part
    test: Part
    facts: Facts

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.facts.train)


def find_data_dir(data_dir: Path | str | None = None) -> Path | None:
    """The folder that was given, else that of `TUNEWISE_DATA`, else None, which means OpenML.

    Raises:
        StudyError: It is no folder that can be read.
    """
    given = data_dir or os.environ.get("TUNEWISE_DATA")
    if not given:
        return None
    folder = Path(given)
    if not folder.is_dir() or not os.access(folder, os.R_OK | os.X_OK):
        where = "The data folder" if data_dir else "TUNEWISE_DATA ="
        raise StudyError(
            f"{where} {folder} is not a folder that can be read. Name the one that holds the data sets; without it, "
            "CSV files are loaded from OpenML."
        )
    return folder


@lru_cache(maxsize=16)
def load_split(data: str | DataSet, data_dir: Path | None = None) -> Split:
    """Load a data set, split it and prepare it.

    Args:
        data: One of `DATASETS` by name, or another one.
        data_dir: The folder with `<name>.csv`; None loads from OpenML, once, into scikit-learn's cache.

    Raises:
        StudyError: The data cannot be loaded, or have too few rows of a class to be split.
    """
    check_sklearn("Training live needs")
    from sklearn.model_selection import StratifiedKFold, train_test_split

    if isinstance(data, str):
        data = look_up(data, DATASETS, "data set")
    if data_dir:
        columns = read_csv(data, data_dir)
    else:
        columns, nominal = fetch(data)
        data = replace(data, nominal=nominal if data.nominal is None else data.nominal)
    _, target = columns.popitem()
    labels, y = np.unique(target, return_inverse=True)
    if len(labels) < 2 or min(np.bincount(y)) < 10:
        raise StudyError(
            f"{data.name}: {len(labels)} classes, the smallest with {min(np.bincount(y))} rows. The split needs two "
            "classes or more and 10 rows in each. Name the column of the classes as target, or merge rare classes."
        )
    if data.permuted is not None:
        y = np.random.default_rng(data.permuted).permutation(y)
    rest, test = next(iter(StratifiedKFold(10, shuffle=True, random_state=1).split(y, y)))
    train, valid = train_test_split(rest, test_size=0.33, random_state=1, stratify=y[rest])
    texts, numbers = separate(data, columns)
    x = np.hstack([one_hot(texts, train), scaled(numbers, train)])
    made = Part(x[train], y[train]), Part(x[valid], y[valid]), Part(x[test], y[test])
    counts = [tuple(np.bincount(part.y, minlength=len(labels)).tolist()) for part in made]
    return Split(*made, Facts(data.name, texts.shape[1], numbers.shape[1], x.shape[1], *counts))


def read_csv(data: DataSet, folder: Path) -> dict[str, list[str]]:
    """The cells of each column of `<name>.csv`, the target last; no text counts as missing here."""
    header, rows = read_table(folder / f"{data.name}.csv")
    target = data.target or header[-1]
    for name in (target, *data.drop, *(data.nominal or ())):
        look_up(name, dict.fromkeys(header), f"column of {data.name}.csv")
    columns = {name: [row[i] for row in rows] for i, name in enumerate(header) if name not in data.drop}
    return columns | {target: columns.pop(target)}


def fetch(data: DataSet) -> tuple[dict[str, list[str]], tuple[str, ...]]:
    """The same from OpenML, which also says which columns are nominal."""
    from sklearn.datasets import fetch_openml

    if data.openml is None:
        raise StudyError(f"{data.name} has no number at OpenML. Give the folder that holds {data.name}.csv.")
    try:
        bunch = fetch_openml(
            data_id=data.openml,
            target_column=data.target or "default-target",
            as_frame=False,
            parser="liac-arff",
        )
    except (OSError, ValueError) as error:
        raise StudyError(
            f"{data.name} cannot be loaded from OpenML: {error}. Try again later, or give a folder with "
            f"{data.name}.csv (--data-dir or TUNEWISE_DATA)."
        ) from None
    if not isinstance(bunch.data, np.ndarray):
        raise StudyError(
            f"{data.name} is stored as a sparse matrix at OpenML, which is not supported. Give a CSV file."
        )
    levels: Mapping[str, Sequence[str]] = bunch.categories or {}
    columns = {
        name: [as_text(cell, levels.get(name)) for cell in bunch.data[:, i]]
        for i, name in enumerate(bunch.feature_names)
        if name not in data.drop
    }
    return columns | {"": [str(label) for label in bunch.target]}, tuple(name for name in columns if name in levels)


def as_text(cell: Any, levels: Sequence[str] | None) -> str:
    """A cell of OpenML's table, where a level is written as its number."""
    if cell != cell:
        return ""
    return repr(float(cell)) if levels is None else levels[int(cell)]


def separate(data: DataSet, columns: Mapping[str, list[str]]) -> tuple[NDArray[np.object_], Floats]:
    """Nominal columns as text and numeric ones as floats, both `n x ...`."""
    nominal = [name for name in columns if (is_text(columns[name]) if data.nominal is None else name in data.nominal)]
    numeric = [name for name in columns if name not in nominal]
    rows = len(next(iter(columns.values()), []))
    texts = np.array([["" if cell == "?" else cell for cell in columns[name]] for name in nominal], dtype=object)
    try:
        numbers = np.array([["nan" if c in MISSING else c for c in columns[name]] for name in numeric], dtype=float)
    except ValueError as error:
        raise StudyError(f"{data.name}: a numeric column holds text ({error}). Name it as nominal.") from None
    return texts.reshape(len(nominal), rows).T, np.ascontiguousarray(numbers.reshape(len(numeric), rows).T)


def is_text(cells: Sequence[str]) -> bool:
    """Whether a cell is neither a number nor missing."""
    return any(cell not in MISSING and as_number(cell) is None for cell in cells)


def one_hot(texts: NDArray[np.object_], train: NDArray[np.intp]) -> Floats:
    """Nominal columns as zeros and ones, fitted on the training rows."""
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    if not texts.shape[1]:
        return np.empty((len(texts), 0))
    imputer = SimpleImputer(missing_values="", strategy="most_frequent", keep_empty_features=True)
    made = make_pipeline(imputer, OneHotEncoder(handle_unknown="ignore", sparse_output=False)).fit(texts[train])
    return np.asarray(made.transform(texts), dtype=float)


def scaled(numbers: Floats, train: NDArray[np.intp]) -> Floats:
    """Numeric columns with mean 0 and deviation 1, fitted on the training rows."""
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if not numbers.shape[1]:
        return numbers
    imputer = SimpleImputer(strategy="median", keep_empty_features=True)
    made = make_pipeline(imputer, StandardScaler()).fit(numbers[train])
    return np.asarray(made.transform(numbers), dtype=float)
