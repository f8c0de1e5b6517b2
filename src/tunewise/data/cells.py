"""A CSV file as text, and its columns; no library is needed."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from tunewise.data.columns import Column
from tunewise.errors import StudyError

__all__ = ["as_number", "numbers", "read_cells", "texts"]

NOT_A_NUMBER: Final = ("", "nan", "NaN", "NA")
"""How a missing number is written."""


def read_cells(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a CSV file (or with semicolons or tabs) in UTF-8; each row has the length of the header.

    Raises:
        StudyError: There is no such file, or it cannot be read as a table.
    """
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
            raise StudyError(f"{path.name}: row {number} has {len(line)} cells, the header {len(header)}. Fix the row.")
    return header, [[cell.strip() for cell in line] for line in lines[1:]]


def as_number(cell: str) -> float | None:
    """A finite number, or None."""
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if math.isfinite(number) and "_" not in cell else None


def numbers(name: str, cells: Sequence[str], *, missing: Collection[str] = NOT_A_NUMBER) -> Column | None:
    """A column of numbers; None when a cell is neither a number nor missing."""
    found = [math.nan if cell in missing else as_number(cell) for cell in cells]
    return None if None in found else Column(name, "number", np.array(found, dtype=float))


def texts(name: str, cells: Sequence[str], *, missing: Collection[str] = ()) -> Column:
    """A column of texts; nothing in it counts as missing unless it is named."""
    return Column(name, "text", np.array([None if cell in missing else cell for cell in cells], dtype=object))
