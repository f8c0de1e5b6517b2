"""The tables that are shipped: errors per class of every grid point on every data set, as whole numbers.

`tables/<model>.npz` holds for each data set an array `points x 2 x classes` (wrong validation examples, wrong test
examples; -1 where training diverged), the grid's axes, and a version. `tables/datasets.json` says how many examples
there are. Nothing is lost: every measure of error follows from the counts.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tunewise.bench.problems.datasets import DATASETS, Facts, load_split
from tunewise.bench.problems.grids import GRIDS
from tunewise.bench.problems.lookup import look_up
from tunewise.bench.problems.training import Errors
from tunewise.errors import StudyError

__all__ = ["FOLDER", "VERSION", "Table", "load_facts", "load_table", "pack_facts", "pack_table"]

VERSION: Final = 1
"""Of the tables: raised when split, preparation, estimators or grids change."""

FOLDER: Final = Path(__file__).parent.parent / "tables"


@dataclass(frozen=True)
class Table:
    """Errors of one model on one data set at every grid point.

    Attributes:
        wrong: Errors per class, `points x 2 x classes`: validation, test; -1 where training diverged.
        facts: Of the data set.
    """

    wrong: NDArray[np.int16]
    facts: Facts

    def errors(self, index: int) -> tuple[Errors, Errors] | None:
        """On validation and test part; None where training diverged."""
        valid, test = self.wrong[index].tolist()
        if valid[0] < 0:
            return None
        return Errors(tuple(valid), self.facts.valid), Errors(tuple(test), self.facts.test)

    @property
    def validation_errors(self) -> NDArray[np.float64]:
        """The validation error at each point, `points`; NaN where training diverged."""
        wrong = self.wrong[:, 0].sum(axis=1) / sum(self.facts.valid)
        return np.where(self.wrong[:, 0, 0] < 0, np.nan, wrong)


@cache
def load_facts(folder: Path = FOLDER) -> Mapping[str, Facts]:
    """What is known about the eight data sets.

    Raises:
        StudyError: The file cannot be read.
    """
    file = folder / "datasets.json"
    try:
        known: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return {name: read_facts(**facts) for name, facts in known.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise unreadable(file, error) from None


def read_facts(*, train: list[int], valid: list[int], test: list[int], **others: Any) -> Facts:
    """Facts from JSON, which has lists for tuples."""
    return Facts(train=tuple(train), valid=tuple(valid), test=tuple(test), **others)


@cache
def load_table(model: str, name: str, folder: Path = FOLDER) -> Table:
    """Load a table.

    Args:
        model: A key of `GRIDS`.
        name: A key of `DATASETS`.
        folder: Where the tables are.

    Raises:
        StudyError: There is none, it cannot be read, or it is of another version.
    """
    look_up(model, GRIDS, "table of model")
    file = folder / f"{model}.npz"
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as data:
            version = int(data["version"])
            axes = {axis: tuple(data[f"axis {axis}"].tolist()) for axis in GRIDS[model].axes if version == VERSION}
            wrong = data.get(name)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise unreadable(file, error) from None
    if version != VERSION or axes != GRIDS[model].axes:
        raise StudyError(
            f"{file} is a table of version {version} with another meaning; this tunewise reads version {VERSION}. "
            "Install tunewise again, or compute the table anew (tunewise.bench.problems.tabulate)."
        )
    facts = look_up(name, load_facts(folder), "data set")
    shape = (len(GRIDS[model].points), 2, len(facts.train))
    if wrong is None or wrong.shape != shape:
        raise StudyError(
            f"{file} has no complete table of {name}. Train live (mode live), or compute it with "
            "tunewise.bench.problems.tabulate."
        )
    return Table(wrong, facts)


def unreadable(file: Path, error: Exception) -> StudyError:
    """The error for a file that is no table."""
    return StudyError(
        f"{file} cannot be read ({type(error).__name__}: {str(error)[:200]}). Install tunewise again, or compute the "
        "tables anew (tunewise.bench.problems.tabulate)."
    )


def pack_table(
    model: str, records: Mapping[str, Mapping[int, tuple[list[int], list[int]] | None]], folder: Path
) -> list[str]:
    """Write `<model>.npz` from errors per data set and grid point; the names of the data sets that were complete."""
    grid = GRIDS[model]
    complete = {name: found for name, found in records.items() if len(found) == len(grid.points)}
    arrays = {}
    for name, found in complete.items():
        classes = next(len(errors[0]) for errors in found.values() if errors)
        diverged = ([-1] * classes, [-1] * classes)
        arrays[name] = np.array([found[i] or diverged for i in range(len(grid.points))], dtype=np.int16)
    axes = {f"axis {axis}": np.array(values) for axis, values in grid.axes.items()}
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / f"{model}.npz", version=np.array(VERSION), **axes, **arrays)  # type: ignore[arg-type]
    return list(complete)


def pack_facts(folder: Path, data_dir: Path | None) -> None:
    """Write `datasets.json` from the data."""
    facts = {name: asdict(load_split(name, data_dir).facts) for name in DATASETS}
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(known)}" for name, known in facts.items())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "datasets.json").write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
