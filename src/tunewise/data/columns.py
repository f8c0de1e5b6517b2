"""A column of a table: cells of one kind, the missing ones marked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Column", "Kind"]

Kind = Literal["number", "text", "time"]


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """A column.

    Attributes:
        name: Of the column.
        kind: What its cells are.
        cells: `n` cells: floats with NaN where one is missing, texts with None, or instants (datetime64[us]) with NaT.
        type: What the file calls its type, where it says one.
    """

    name: str
    kind: Kind
    cells: NDArray[Any]
    type: str = ""

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Which of the `n` cells are missing."""
        if self.kind == "text":
            return np.array([cell is None for cell in self.cells], dtype=bool)
        missing = np.isnat(self.cells) if self.kind == "time" else np.isnan(self.cells)
        return np.asarray(missing, dtype=bool)

    def known(self, rows: NDArray[np.bool_]) -> NDArray[Any]:
        """The cells of some rows that are not missing."""
        return self.cells[rows & ~self.missing]

    def commonest(self, rows: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """The different texts of some rows and how often each occurs, the commonest first, ties by alphabet."""
        values, counts = np.unique(self.known(rows).astype(str), return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return values[order], counts[order]
