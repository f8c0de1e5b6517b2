"""Data for an estimator that is named in a study file: one of scikit-learn's own sets, or a CSV file.

A column of a CSV file is numeric when all its cells are numbers, but for missing ones (empty, `nan`, `NA`), which
become NaN. Any other column is text, in which nothing counts as missing, and becomes one column of 0 and 1 for each of
its values. That is all: whoever wants more does it in a pipeline of their own.
"""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tunewise.checks import check_sklearn
from tunewise.errors import StudyError
from tunewise.text import did_you_mean, shorten

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Data", "load_data"]

BUNDLED = ("breast_cancer", "diabetes", "digits", "iris", "wine")
MOST_VALUES = 50  # of a text column: more is a name or free text, not a category
MISSING = ("", "nan", "NaN", "NA")


@dataclass(frozen=True, slots=True)
class Data:
    """Training data.

    Attributes:
        X: Features, `n x d`.
        y: Targets, `n`: text or whole numbers for classes, else numbers.
        name: As others would know it.
        columns: Names of the `d` features.
    """

    X: NDArray[np.float64]
    y: NDArray[Any]
    name: str
    columns: tuple[str, ...]


def load_data(spec: str | Mapping[str, Any]) -> Data:
    """Load data.

    Args:
        spec: The name of a data set that comes with scikit-learn (breast_cancer, diabetes, digits, iris, wine), or a
            mapping with `csv` (path of a file with a header), `target` (name of the target's column) and optionally
            `drop` (names of columns to leave out).

    Raises:
        StudyError: There is no such data set, file or column, or the file cannot be read as a table.
    """
    if isinstance(spec, str):
        return load_bundled(spec)
    if not isinstance(spec, Mapping) or not {"csv", "target"} <= set(spec) <= {"csv", "target", "drop"}:
        raise StudyError(
            f"data = {shorten(spec)} is neither the name of a data set nor {{csv: path, target: column}}, with drop: "
            "[columns] if need be. Correct its keys."
        )
    drop = [spec["drop"]] if isinstance(spec.get("drop"), str) else list(spec.get("drop") or [])
    return load_csv(Path(spec["csv"]), str(spec["target"]), [str(column) for column in drop])


def load_bundled(name: str) -> Data:
    """A data set that comes with scikit-learn; nothing is downloaded."""
    check_sklearn(f"data = {shorten(name)} needs")
    import sklearn.datasets

    if name not in BUNDLED:
        hint = did_you_mean(name, BUNDLED, f"There are: {', '.join(BUNDLED)}.")
        raise StudyError(f"data = {shorten(name)} is unknown. {hint} A file is written {{csv: path, target: column}}.")
    bunch = getattr(sklearn.datasets, f"load_{name}")()
    return Data(bunch.data, bunch.target, name, tuple(map(str, bunch.feature_names)))


def load_csv(path: Path, target: str, drop: Sequence[str]) -> Data:
    """A CSV file (or with semicolons or tabs) with a header line, in UTF-8."""
    header, rows = read_table(path)
    for column in (target, *drop):
        if column not in header:
            hint = did_you_mean(column, header, f"There are: {', '.join(header[:20])}.")
            raise StudyError(f"{path.name} has no column {shorten(column)}. {hint}")
    cells = dict(zip(header, zip(*rows, strict=True), strict=True))
    goal = cells.pop(target)
    if "" in goal:
        raise StudyError(f"{path.name}: {target} is empty in row {goal.index('') + 1}. Fill it or delete the row.")
    features: dict[str, NDArray[np.float64]] = {}
    for name, values in cells.items():
        if name not in drop:
            features |= encode_column(path, name, values)
    if not features:
        raise StudyError(f"{path.name} has no column beside {target}. Give features.")
    return Data(np.column_stack(list(features.values())), encode_target(goal), path.stem, tuple(features))


def read_table(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows, which all have the length of the header."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            lines = [line for line in csv.reader(file, delimiter=max(",;\t", key=first.count)) if line]
    except OSError as error:
        raise StudyError(f"{path} cannot be opened: {error.strerror}. Correct the path.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise StudyError(f"{path.name} is no CSV file in UTF-8: {error}. Save it as one.") from None
    if len(lines) < 2:
        raise StudyError(f"{path.name} has no rows. Give a header line and at least one row.")
    header = [name.strip() for name in lines[0]]
    name, count = Counter(header).most_common(1)[0]
    if count > 1:
        raise StudyError(f"{path.name} has {count} columns named {name!r}. Rename them.")
    for number, line in enumerate(lines[1:], 1):
        if len(line) != len(header):
            raise StudyError(
                f"{path.name}: row {number} has {len(line)} cells, the header {len(header)}. Mend the row."
            )
    return header, [[cell.strip() for cell in line] for line in lines[1:]]


def encode_column(path: Path, name: str, cells: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """A numeric column as it is, a text column as one indicator for each value."""
    numbers = [math.nan if cell in MISSING else as_number(cell) for cell in cells]
    if None not in numbers and not all(cell in MISSING for cell in cells):
        return {name: np.array(numbers, dtype=float)}
    values = sorted(set(cells))
    if len(values) > MOST_VALUES:
        raise StudyError(
            f"{path.name}: the text column {name} has {len(values)} different values, more than {MOST_VALUES}. "
            f"Leave it out with drop: [{name}], or encode it yourself."
        )
    return {f"{name}={value}": np.array([float(cell == value) for cell in cells]) for value in values}


def encode_target(cells: Sequence[str]) -> NDArray[Any]:
    """Whole numbers as integers, other numbers as floats, anything else as text."""
    numbers = [as_number(cell) for cell in cells]
    if None in numbers:
        return np.array(cells)
    targets = np.array(numbers, dtype=float)
    whole = np.all(targets == np.round(targets)) and np.abs(targets).max() < 2**53
    return targets.astype(np.int64) if whole else targets


def as_number(cell: str) -> float | None:
    """A finite number, or None."""
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if math.isfinite(number) and "_" not in cell else None
