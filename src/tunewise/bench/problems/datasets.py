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
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tunewise.bench.problems.lookup import look_up
from tunewise.checks import check_sklearn
from tunewise.data.cells import NOT_A_NUMBER, numbers, read_cells, texts
from tunewise.data.columns import Column
from tunewise.data.prepare import imputed, prepare
from tunewise.errors import StudyError
from tunewise.evaluate.describe import balance
from tunewise.task import DataCard

__all__ = ["DATASETS", "DataSet", "Facts", "Part", "Split", "find_data_dir", "load_split"]

MISSING_TEXT: Final = ("", "?")
MISSING: Final = (*NOT_A_NUMBER, "?")
"""How a missing cell is written; "NA" is a level of a nominal column."""

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
    made = typed(data, columns)
    x, _ = prepare(imputed(made), train)
    parts = Part(x[train], y[train]), Part(x[valid], y[valid]), Part(x[test], y[test])
    counts = [tuple(np.bincount(part.y, minlength=len(labels)).tolist()) for part in parts]
    of_text = sum(column.kind == "text" for column in made)
    return Split(*parts, Facts(data.name, of_text, len(made) - of_text, x.shape[1], *counts))


def read_csv(data: DataSet, folder: Path) -> dict[str, list[str]]:
    """The cells of each column of `<name>.csv`, the target last; no text counts as missing here."""
    header, rows = read_cells(folder / f"{data.name}.csv")
    target = data.target or header[-1]
    for name in (target, *data.drop, *(data.nominal or ())):
        look_up(name, dict.fromkeys(header), f"column of {data.name}.csv")
    columns = {name: [row[i] for row in rows] for i, name in enumerate(header) if name not in data.drop}
    return columns | {target: columns.pop(target)}


def fetch(data: DataSet) -> tuple[dict[str, list[str]], tuple[str, ...]]:
    """The rows of a data set from OpenML, which also says which columns are nominal."""
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


def as_text(cell: float, levels: Sequence[str] | None) -> str:
    """A cell of OpenML's table, where a level is written as its number."""
    if cell != cell:
        return ""
    return repr(float(cell)) if levels is None else levels[int(cell)]


def typed(data: DataSet, columns: Mapping[str, list[str]]) -> list[Column]:
    """Nominal columns as text, all others as numbers."""
    made = []
    for name, cells in columns.items():
        column = None if name in (data.nominal or ()) else numbers(name, cells, missing=MISSING)
        if not column and data.nominal is not None and name not in data.nominal:
            raise StudyError(f"{data.name}: the numeric column {name} holds text. Name it as nominal.")
        made.append(column or texts(name, cells, missing=MISSING_TEXT))
    return made
