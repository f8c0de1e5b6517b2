"""A table with pyarrow: a CSV or parquet file, or a folder of parquet files; and its columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tunewise.data.columns import Column
from tunewise.errors import StudyError
from tunewise.text import did_you_mean, shorten

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["check_columns", "column_of", "numbers_of", "read_table"]


def read_table(path: Path) -> pa.Table:
    """Read a table.

    Raises:
        StudyError: There is no such file, it is no table, it has no rows, or pyarrow is missing.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet
    except ImportError:
        raise StudyError("Reading data needs pyarrow. Install it with: pip install 'tunewise[codegen]'") from None
    path = Path(path).expanduser()
    try:
        files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
        if not files or not all(file.is_file() for file in files):
            raise StudyError(f"{path} is no file, and no folder with parquet files. Correct the path of the data.")
        tables = [read_file(file) for file in files]
        name, count = Counter(tables[0].column_names).most_common(1)[0] if tables[0].column_names else ("", 1)
        if count > 1:
            raise StudyError(f"{path.name} has {count} columns named {shorten(name)}. Rename them.")
        table = pa.concat_tables(tables, promote_options="permissive")
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error.strerror or error}. Correct the path.") from None
    except pa.ArrowException as error:
        first = " ".join(str(error).split())[:300].rstrip(".")
        raise StudyError(f"{path} cannot be read as a table: {first}. Give a CSV file or parquet files.") from None
    if not table.num_rows:
        raise StudyError(f"{path.name} has no rows. Give a table with a header and rows.")
    return table


def read_file(file: Path) -> pa.Table:
    """One file; what does not end as parquet does is CSV, also with semicolons or tabs."""
    import pyarrow.csv
    import pyarrow.parquet

    if file.suffix.lower() in (".parquet", ".pq"):
        return pyarrow.parquet.read_table(file)
    with file.open("rb") as opened:
        first = opened.readline(1_000_000)
    delimiter = max(",;\t", key=lambda mark: first.count(mark.encode()))
    return pyarrow.csv.read_csv(file, parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter))


def check_columns(table: pa.Table, wanted: Iterable[str], name: str) -> None:
    """These columns must exist.

    Raises:
        StudyError: One does not.
    """
    for column in wanted:
        if column not in table.column_names:
            hint = did_you_mean(column, table.column_names, f"There are: {', '.join(table.column_names[:20])}.")
            raise StudyError(f"{name} has no column {shorten(column)}. {hint}")


def column_of(name: str, column: pa.ChunkedArray) -> Column | None:
    """A column of a table; None where its type says that all cells are missing.

    Raises:
        StudyError: It is of a type that cannot be encoded.
    """
    import pyarrow as pa
    import pyarrow.types as kinds

    kind = column.type
    if kinds.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_decimal(kind) or kinds.is_boolean(kind):
        return Column(name, "number", numbers_of(column), str(kind))
    if kinds.is_timestamp(kind) or kinds.is_date(kind):
        instants = column.cast(pa.timestamp("us")).to_numpy(zero_copy_only=False).astype("datetime64[us]")
        return Column(name, "time", instants, str(kind))
    if kinds.is_string(kind) or kinds.is_large_string(kind):
        return Column(name, "text", np.array(column.to_pylist(), dtype=object), str(kind))
    if kinds.is_null(kind):
        return None
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
