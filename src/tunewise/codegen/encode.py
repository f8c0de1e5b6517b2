"""From the columns of a table to numbers, with everything learned from the training rows alone, and told in a card.

| column | inputs |
|---|---|
| number, true or false | one, standardized; a missing value becomes their median, marked in a second input |
| text | one 0 or 1 for each of the values that are commonest in the training rows |
| date and time | hour of the day, day of the week, days since the first training row, each standardized |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tunewise.errors import StudyError
from tunewise.text import shorten

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["Encoded", "encode_column", "numbers_of", "quantiles"]

MOST_VALUES = 40
"""Inputs that one text column can become."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """One column as inputs.

    Attributes:
        inputs: By name, `n` numbers each.
        about: What the card says of it, from the training rows.
    """

    inputs: dict[str, NDArray[np.float32]]
    about: str


def encode_column(name: str, column: pa.ChunkedArray, train: NDArray[np.bool_]) -> Encoded:
    """Encode one column of a table.

    Args:
        name: Of the column.
        column: `n` cells.
        train: Which of the `n` rows are for training.

    Raises:
        StudyError: It is of a type that cannot be encoded.
    """
    import pyarrow.types as kinds

    kind = column.type
    if kinds.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_decimal(kind) or kinds.is_boolean(kind):
        return encode_numbers(name, numbers_of(column), train, str(kind))
    if kinds.is_timestamp(kind) or kinds.is_date(kind):
        return encode_times(name, column, train)
    if kinds.is_string(kind) or kinds.is_large_string(kind):
        return encode_texts(name, column, train)
    if kinds.is_null(kind):
        return Encoded({}, f"{name}: empty; left out")
    raise StudyError(f"The column {shorten(name)} has type {kind}, which cannot be encoded. Leave it out with --drop.")


def numbers_of(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """Numbers with NaN where a cell is missing or infinite."""
    import pyarrow as pa
    import pyarrow.types as kinds

    if kinds.is_boolean(column.type):
        column = column.cast(pa.int8())
    numbers = np.array(column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64)
    numbers[~np.isfinite(numbers)] = np.nan
    return numbers


def encode_numbers(name: str, numbers: NDArray[np.float64], train: NDArray[np.bool_], kind: str) -> Encoded:
    """A column of numbers."""
    missing = np.isnan(numbers)
    known = numbers[train & ~missing]
    if not known.size:
        return Encoded({}, f"{name}: {kind}, always missing in the training rows; left out")
    inputs = {name: standardized(np.where(missing, np.median(known), numbers), train)}
    if missing[train].any():
        inputs[f"{name} is missing"] = missing.astype(np.float32)
    about = f"{name}: {kind}, {quantiles(known)}"
    return Encoded(inputs, about + share_missing(missing[train]))


def encode_times(name: str, column: pa.ChunkedArray, train: NDArray[np.bool_]) -> Encoded:
    """A column of dates and times."""
    import pyarrow as pa

    instants = column.cast(pa.timestamp("us")).to_numpy(zero_copy_only=False).astype("datetime64[us]")
    missing = np.isnat(instants)
    if missing[train].all():
        return Encoded({}, f"{name}: date and time, always missing in the training rows; left out")
    first, last = instants[train & ~missing].min(), instants[train & ~missing].max()
    instants = np.where(missing, first, instants)
    days = instants.astype("datetime64[D]")
    parts = {
        "hour": (instants - days) / np.timedelta64(1, "h"),
        "weekday": ((days.astype(np.int64) + 3) % 7).astype(float),  # 1970-01-01 was a Thursday; Monday is 0
        "days": (instants - first) / np.timedelta64(1, "D"),
    }
    varied = {part: values for part, values in parts.items() if np.ptp(values[train]) > 0}
    about = f"{name}: date and time from {str(first)[:16]} to {str(last)[:16]}, as {', '.join(varied) or 'nothing'}"
    inputs = {f"{name} {part}": standardized(values, train) for part, values in varied.items()}
    return Encoded(inputs, about + share_missing(missing[train]))


def encode_texts(name: str, column: pa.ChunkedArray, train: NDArray[np.bool_]) -> Encoded:
    """A column of texts."""
    cells = np.array(column.to_pylist(), dtype=object)
    missing = np.array([cell is None for cell in cells], dtype=bool)
    values, counts = np.unique(cells[train & ~missing].astype(str), return_counts=True)
    if not values.size:
        return Encoded({}, f"{name}: text, always missing in the training rows; left out")
    if len(values) > MOST_VALUES and len(values) > 0.5 * train.sum():
        return Encoded({}, f"{name}: text, nearly every value different; left out")
    order = np.argsort(-counts, kind="stable")[:MOST_VALUES]
    inputs = {f"{name}={values[i]}": (cells == values[i]).astype(np.float32) for i in order}
    common = ", ".join(f"{shorten(values[i], 30)} ({counts[i] / train.sum():.1%})" for i in order[:6])
    kept = f", the {MOST_VALUES} commonest of them as inputs" if len(values) > MOST_VALUES else ""
    about = f"{name}: category with {len(values)} values{kept}; commonest {common}"
    return Encoded(inputs, about + share_missing(missing[train]))


def standardized(numbers: NDArray[Any], train: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Mean 0 and standard deviation 1 in the training rows; held-out rows are kept within ten of these."""
    mean, std = numbers[train].mean(), numbers[train].std()
    return np.asarray(np.clip((numbers - mean) / (std or 1.0), -10, 10), dtype=np.float32)


def quantiles(numbers: NDArray[np.float64]) -> str:
    """A distribution in five numbers."""
    low, quarter, middle, three, high = np.quantile(numbers, [0, 0.25, 0.5, 0.75, 1])
    return f"from {low:.4g} to {high:.4g}, quartiles {quarter:.4g}, {middle:.4g}, {three:.4g}"


def share_missing(missing: NDArray[np.bool_]) -> str:
    """How much is missing, if anything is."""
    return f", {missing.mean():.1%} missing" if missing.any() else ""
