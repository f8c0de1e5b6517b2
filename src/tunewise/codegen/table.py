"""Reading a table: a CSV or parquet file, or a folder of parquet files, with pyarrow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tunewise.errors import StudyError
from tunewise.text import did_you_mean, shorten

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["check_columns", "read_table"]


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
    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not files or not all(file.is_file() for file in files):
        raise StudyError(f"{path} is no file, and no folder with parquet files. Correct the path of the data.")
    try:
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
