"""Columns as inputs, and what the card says of each, from the training rows alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from tunewise.data.arrow import column_of
from tunewise.data.columns import Column
from tunewise.data.prepare import MOST_VALUES, Block, marked, prepare, times
from tunewise.text import shorten

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["about_cells", "encode", "quantiles"]

MOST_TOLD = 40
"""Columns that the card describes."""

KINDS = {"text": "text", "time": "date and time"}


def encode(
    given: Mapping[str, pa.ChunkedArray], train: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], tuple[str, ...], list[str]]:
    """Inputs `n x d`, their names, and what the card says about the columns."""
    blocks: list[Block] = []
    told = []
    for name, cells in given.items():
        column = column_of(name, cells)
        out = why_left_out(column, train) if column else f"{name}: empty; left out"
        if column and not out:
            blocks += marked(column, train)
            out = about_column(column, train)
        told.append(" ".join(out.split())[:300])
    more = [f"and {len(told) - MOST_TOLD} more columns"] if len(told) > MOST_TOLD else []
    if not blocks:
        return np.empty((len(train), 0), np.float32), (), []
    x, names = prepare(blocks, train)
    return x.astype(np.float32), names, told[:MOST_TOLD] + more


def why_left_out(column: Column, train: NDArray[np.bool_]) -> str:
    """Why a column is no input; empty where it is."""
    known = column.known(train)
    if not known.size:
        kind = KINDS.get(column.kind, column.type)
        return f"{column.name}: {kind}, always missing in the training rows; left out"
    if column.kind == "text":
        values = len(set(known))
        if values > MOST_VALUES and values > 0.5 * train.sum():
            return f"{column.name}: text, nearly every value different; left out"
    return ""


def about_column(column: Column, train: NDArray[np.bool_]) -> str:
    """What a column is like in the training rows."""
    about = {"number": about_numbers, "text": about_texts, "time": about_times}[column.kind]
    missing = column.missing[train]
    share = f", {missing.mean():.1%} missing" if missing.any() else ""
    return f"{column.name}: {about(column, train)}{share}"


def about_cells(column: Column) -> str:
    """What a column is like that programs are given as it is, in all rows."""
    rows = np.ones(len(column.cells), bool)
    known, missing = column.known(rows), column.missing
    if column.kind == "time":
        told = f"date and time from {str(known.min())[:16]} to {str(known.max())[:16]}"
    elif column.kind == "number":
        told = f"number, {len(np.unique(known))} different, {quantiles(known)}"
    else:
        values, counts = column.commonest(rows)
        common = ", ".join(
            f"{shorten(v, 30)} ({count / len(rows):.1%})" for v, count in zip(values[:8], counts, strict=False)
        )
        told = f"text, {len(values)} different, commonest {common}"
    share = f", {missing.mean():.1%} missing" if missing.any() else ""
    return " ".join(f"{column.name}: {told}{share}".split())[:300]


def about_numbers(column: Column, train: NDArray[np.bool_]) -> str:
    """A column of numbers."""
    return f"{column.type}, {quantiles(column.known(train))}"


def about_times(column: Column, train: NDArray[np.bool_]) -> str:
    """A column of dates and times."""
    known, parts = column.known(train), times(column, train)
    first, last = str(known.min())[:16], str(known.max())[:16]
    return f"date and time from {first} to {last}, as {', '.join(parts) or 'nothing'}"


def about_texts(column: Column, train: NDArray[np.bool_]) -> str:
    """A column of texts."""
    values, counts = column.commonest(train)
    kept = f", the {MOST_VALUES} commonest of them as inputs" if len(values) > MOST_VALUES else ""
    told = zip(values[:6], counts, strict=False)
    common = ", ".join(f"{shorten(value, 30)} ({count / train.sum():.1%})" for value, count in told)
    return f"category with {len(values)} values{kept}; commonest {common}"


def quantiles(numbers: NDArray[np.float64]) -> str:
    """A distribution in five numbers."""
    low, quarter, middle, three, high = np.quantile(numbers, [0, 0.25, 0.5, 0.75, 1])
    return f"from {low:.4g} to {high:.4g}, quartiles {quarter:.4g}, {middle:.4g}, {three:.4g}"
