"""Data for an estimator that is named in a study file: one of scikit-learn's own sets, or a CSV file.

A column of a CSV file is numeric when all its cells are numbers, but for missing ones (empty, `nan`, `NA`), which
become NaN. Every other column is text, in which nothing counts as missing, and becomes one column of 0 and 1 for each
of its values. That is all: whoever wants more does it in a pipeline of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from tunewise.checks import check_sklearn
from tunewise.data.cells import NOT_A_NUMBER, as_number, numbers, read_cells, texts
from tunewise.data.columns import Column
from tunewise.data.prepare import plain, prepare
from tunewise.errors import StudyError
from tunewise.text import did_you_mean, shorten

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Data", "load_data"]

Targets: TypeAlias = "NDArray[np.float64] | NDArray[np.int64] | NDArray[np.str_]"
"""Of `n` rows: numbers, whole numbers, or text."""
BUNDLED = ("breast_cancer", "diabetes", "digits", "iris", "wine")
MOST_VALUES = 50  # of a text column: more is a name or free text, not a category


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
    y: Targets
    name: str
    columns: tuple[str, ...]


def load_data(spec: str | Mapping[str, object]) -> Data:
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
    given = spec.get("drop")
    drop = given if isinstance(given, list | tuple) else [] if given is None else [given]
    return load_csv(Path(str(spec["csv"])), str(spec["target"]), [str(column) for column in drop])


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
    check_sklearn(f"data = {shorten(str(path))} needs")
    header, rows = read_cells(path)
    for column in (target, *drop):
        if column not in header:
            hint = did_you_mean(column, header, f"There are: {', '.join(header[:20])}.")
            raise StudyError(f"{path.name} has no column {shorten(column)}. {hint}")
    cells = dict(zip(header, zip(*rows, strict=True), strict=True))
    goal = cells.pop(target)
    if "" in goal:
        raise StudyError(f"{path.name}: {target} is empty in row {goal.index('') + 1}. Fill it or delete the row.")
    columns = [column_of(path, name, values) for name, values in cells.items() if name not in drop]
    if not columns:
        raise StudyError(f"{path.name} has no column beside {target}. Give features.")
    features, names = prepare([plain(column) for column in columns])
    return Data(features, encode_target(goal), path.stem, names)


def column_of(path: Path, name: str, cells: Sequence[str]) -> Column:
    """A column of numbers, or of few different texts."""
    empty = all(cell in NOT_A_NUMBER for cell in cells)
    column = None if empty else numbers(name, cells)
    if not column and len(set(cells)) > MOST_VALUES:
        raise StudyError(
            f"{path.name}: the text column {name} has {len(set(cells))} different values, more than {MOST_VALUES}. "
            f"Leave it out with drop: [{name}], or encode it yourself."
        )
    return column or texts(name, cells)


def encode_target(cells: Sequence[str]) -> Targets:
    """Whole numbers as integers, other numbers as floats, anything else as text."""
    found = [as_number(cell) for cell in cells]
    if None in found:
        return np.array(cells)
    targets = np.array(found, dtype=float)
    whole = np.all(targets == np.round(targets)) and np.abs(targets).max() < 2**53
    return targets.astype(np.int64) if whole else targets
