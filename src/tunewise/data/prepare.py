"""Columns become a matrix and names, with everything learned from the training rows alone.

scikit-learn's `ColumnTransformer` does it. A block is a transformer and the columns that it learns from together; the
functions `plain`, `imputed` and `marked` make blocks for the three purposes that this package has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from tunewise.data.columns import Column

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sklearn.base import BaseEstimator

__all__ = ["MOST_VALUES", "Block", "imputed", "marked", "plain", "prepare", "times"]

MOST_VALUES: Final = 40
"""Inputs that one text column can become in `marked`."""
MOST_DEVIATIONS: Final = 10
"""Held-out rows are kept within so many standard deviations in `marked`."""
DAY: Final = 86_400_000_000
"""Microseconds of a day."""


@dataclass(frozen=True, slots=True)
class Block:
    """Columns that one transformer learns from together."""

    transformer: BaseEstimator | str
    columns: tuple[Column, ...]


def prepare(
    blocks: Sequence[Block], train: NDArray[np.bool_] | NDArray[np.intp] | None = None
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Fit on the training rows, transform all rows.

    Args:
        blocks: At least one, of columns of `n` cells each.
        train: The training rows, as a mask of `n` or as numbers; None: all.

    Returns:
        A matrix `n x d`, and `d` names.
    """
    from sklearn.compose import ColumnTransformer

    columns = [column for block in blocks for column in block.columns]
    table = np.empty((len(columns[0].cells), len(columns)), dtype=object)
    steps, first = [], 0
    for number, block in enumerate(blocks):
        places = list(range(first, first := first + len(block.columns)))
        steps.append((str(number), block.transformer, places))
        for place, column in zip(places, block.columns, strict=True):
            table[:, place] = column.cells.view(np.int64) if column.kind == "time" else column.cells
    made = ColumnTransformer(steps, sparse_threshold=0).fit(table if train is None else table[train])
    names = made.get_feature_names_out([column.name for column in columns])
    return np.asarray(made.transform(table), dtype=float), tuple(name.partition("__")[2] for name in names)


def plain(column: Column) -> Block:
    """Numbers as they are, NaN for missing ones; for a text 0 or 1 for each of its values."""
    return Block("passthrough" if column.kind == "number" else one_hot(), (column,))


def imputed(columns: Sequence[Column]) -> list[Block]:
    """Texts, then numbers: missing cells are filled (commonest value, median); 0 or 1 for each value; standardized.

    A text that the training rows do not have is all zeros.
    """
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    floats = FunctionTransformer(by_rows, feature_names_out="one-to-one")
    fill = SimpleImputer(missing_values=None, strategy="most_frequent", keep_empty_features=True)
    median = SimpleImputer(strategy="median", keep_empty_features=True)
    blocks = [
        Block(make_pipeline(fill, one_hot()), tuple(c for c in columns if c.kind == "text")),
        Block(make_pipeline(floats, median, StandardScaler()), tuple(c for c in columns if c.kind == "number")),
    ]
    return [block for block in blocks if block.columns]


def marked(column: Column, train: NDArray[np.bool_]) -> list[Block]:
    """For learners that take finite numbers of similar size.

    A number is standardized, with the median for a missing one and a mark for that; a text becomes 0 or 1 for each of
    its commonest values; an instant its hour, weekday and day.
    """
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline

    if column.kind == "text":
        values = column.commonest(train)[0][:MOST_VALUES]
        return [Block(one_hot(np.array(values, dtype=object)), (column,))]
    if column.kind == "time":
        parts, first = times(column, train), column.known(train).min().astype(np.int64)
        made = function(parts_of, names=[f"{column.name} {part}" for part in parts], parts=parts, first=first)
        return [Block(make_pipeline(made, *standardized()), (column,))] if parts else []
    blocks = [Block(make_pipeline(SimpleImputer(strategy="median"), *standardized()), (column,))]
    if column.missing[train].any():
        blocks.append(Block(function(is_missing, names=[f"{column.name} is missing"]), (column,)))
    return blocks


def times(column: Column, train: NDArray[np.bool_]) -> tuple[str, ...]:
    """Which parts of an instant differ between training rows: hour, weekday (Monday is 0), days."""
    known = column.cells.view(np.int64)[train].copy()
    known[column.missing[train]] = column.known(train).min().astype(np.int64)
    found = instants(known, known.min())
    return tuple(part for part, values in found.items() if np.ptp(values) > 0)


def parts_of(cells: NDArray[np.object_], parts: Sequence[str], first: np.int64) -> NDArray[np.float64]:
    """Parts of instants, `n x len(parts)`; a missing one counts as the first."""
    since = cells[:, 0].astype(np.int64)
    found = instants(np.where(since == np.iinfo(np.int64).min, first, since), first)
    return np.column_stack([found[part] for part in parts])


def instants(since: NDArray[np.int64], first: np.int64) -> Mapping[str, NDArray[np.float64]]:
    """Hour of the day, day of the week, days since the first; from microseconds since 1970."""
    days, rest = np.divmod(since, DAY)
    weekday = (days + 3) % 7  # 1970-01-01 was a Thursday
    return {"hour": rest / (DAY / 24), "weekday": weekday.astype(float), "days": (since - first) / DAY}


def by_rows(cells: NDArray[np.object_]) -> NDArray[np.float64]:
    """Numbers in one order in memory: last digits of sums, and so published numbers, depend on it."""
    return np.ascontiguousarray(cells, dtype=float)


def is_missing(cells: NDArray[np.object_]) -> NDArray[np.float64]:
    """1 where a number is missing, else 0."""
    return np.asarray(np.isnan(cells.astype(float)), dtype=float)


def one_hot(values: NDArray[np.object_] | None = None) -> BaseEstimator:
    """0 or 1 for each of these values, or for each value of the training rows."""
    from sklearn.preprocessing import OneHotEncoder

    return OneHotEncoder(
        categories="auto" if values is None else [values],
        handle_unknown="ignore",
        sparse_output=False,
        feature_name_combiner=lambda name, value: f"{name}={value}",
    )


def standardized() -> tuple[BaseEstimator, BaseEstimator]:
    """Mean 0 and standard deviation 1 in the training rows, then cut at ten."""
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    bounds = {"a_min": -MOST_DEVIATIONS, "a_max": MOST_DEVIATIONS}
    return StandardScaler(), FunctionTransformer(np.clip, kw_args=bounds, feature_names_out="one-to-one")


def function(call: Callable[..., NDArray[np.float64]], *, names: list[str], **options: object) -> BaseEstimator:
    """A function of cells as a transformer that names what it gives."""
    from sklearn.preprocessing import FunctionTransformer

    return FunctionTransformer(call, kw_args=options, feature_names_out=lambda _, __: np.array(names, dtype=object))
