"""What an exported program of contract "table" does with tables; this text ends every such file, after `tabular.py`.

Above it in the file stand the program, and what is known of its data as constants. Nothing here needs tunewise.
"""

# ruff: noqa: F821 - what is undefined here stands above this text in an exported file
from __future__ import annotations

import argparse
import base64
import io
import lzma
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tunewise.codegen.tabular import Unusable, framed, made, predicted, probabilities

if TYPE_CHECKING:
    import pandas as pd

    make_estimator: Callable[..., object]
    HYPERPARAMETERS: Mapping[str, object]
    COLUMNS: Mapping[str, str]
    CLASSES: list[str]
    TARGET: str
    SEED: int
    ROWS: str
    SCORES: Mapping[str, object]

__all__ = ["fit", "main", "predict"]


def cells_of(path: Path | io.StringIO) -> pd.DataFrame:
    """A CSV or parquet file with its cells as they stand in it."""
    import pandas as pd

    if isinstance(path, Path) and path.suffix.lower() in (".parquet", ".pq"):
        return pd.read_parquet(path)
    first = path.open().readline() if isinstance(path, Path) else ","
    return pd.read_csv(path, sep=max(",;\t", key=first.count), dtype=str, keep_default_na=False)


def training_rows() -> pd.DataFrame:
    """The rows that this file carries."""
    if not ROWS:
        raise Unusable("This file carries no rows. Name the table to train on with --train.")
    return cells_of(io.StringIO(lzma.decompress(base64.b85decode(ROWS)).decode()))


def checked(table: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """A table that has these columns."""
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise Unusable(f"The table has no column {', '.join(missing)}. It needs: {', '.join(names)}.")
    return table


def fit(table: pd.DataFrame | None = None) -> Any:
    """Train the program on all rows that have a target.

    Args:
        table: With the target; None: the rows that this file carries.

    Returns:
        The fitted estimator, for `predict`.
    """
    table = checked(training_rows() if table is None else table, [*COLUMNS, TARGET])
    target = table[TARGET]
    known = ~(target.isna() | (target.astype(str) == "")).to_numpy()
    table, target = table[known].reset_index(drop=True), target[known].reset_index(drop=True)
    if CLASSES:
        words = target.astype(str)
        words = words.where(words.isin(CLASSES), words.str.capitalize())  # true and false are written in several ways
        unknown = sorted(set(words) - set(CLASSES))
        if unknown:
            raise Unusable(f"{unknown[0]!r} is no class of {TARGET}. The classes are {', '.join(CLASSES)}.")
        y = words.map({name: number for number, name in enumerate(CLASSES)}).to_numpy()
    else:
        y = framed({TARGET: target}, {TARGET: "number"})[TARGET].to_numpy()
        if not np.isfinite(y).all():
            raise Unusable(f"{TARGET} has values that are no numbers.")
    estimator = made(make_estimator, HYPERPARAMETERS, SEED)
    estimator.fit(framed(table, COLUMNS), y)
    return estimator


def predict(model: Any, table: pd.DataFrame, *, chances: bool = False) -> np.ndarray:
    """Predictions for the rows of a table: numbers in the target's own unit, or names of classes.

    Args:
        model: What `fit` has returned.
        table: `n` rows; a target is not needed and not looked at.
        chances: Give the probability of each class instead, `n x classes`.
    """
    rows = framed(checked(table, list(COLUMNS)), COLUMNS)
    if chances:
        return probabilities(model, rows, classes=len(CLASSES))
    found = predicted(model, rows, classes=len(CLASSES))
    return np.array(CLASSES, dtype=object)[found.astype(int)] if CLASSES else found


def main() -> int:
    """The command line of this file.

    Returns:
        Exit code: 0, or 2 when something is wrong with what was given.
    """
    import pandas as pd

    parser = argparse.ArgumentParser(description=f"Predict {TARGET}. {SCORES}")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("predict", help="train on all rows, then predict a table")
    command.add_argument("new", type=Path, help="table to predict, CSV or parquet")
    command.add_argument("--out", type=Path, default=Path("submission.csv"), help="where to write (submission.csv)")
    command.add_argument("--train", type=Path, help="table to train on in place of the rows that this file carries")
    command.add_argument("--id", help="column of the table that is written beside the predictions")
    command.add_argument("--probabilities", action="store_true", help="a column for each class in place of its name")
    given = parser.parse_args()
    try:
        new = checked(cells_of(given.new), [given.id] if given.id else [])
        model = fit(cells_of(given.train) if given.train else None)
        found = predict(model, new, chances=given.probabilities)
        written = pd.DataFrame(found, columns=CLASSES if given.probabilities else [TARGET])
        if given.id:
            written.insert(0, given.id, new[given.id])
        written.to_csv(given.out, index=False)
    except (Unusable, OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{len(written)} predictions written to {given.out}\n")
    return 0
