"""A winner trained on all rows, and its predictions of new ones; the text of this file travels in every export.

What it imports of this package travels with it (see `travelling` in `export.py`), so that an exported file needs numpy,
pyarrow, scikit-learn, and torch where the program does.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tunewise.codegen import harness
from tunewise.codegen.about import encode
from tunewise.data.arrow import check_columns, numbers_of, read_table
from tunewise.errors import StudyError

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["fit_predict", "main"]


def fit_predict(
    rows: pa.Table, new: pa.Table, *, code: str, hyperparameters: Mapping[str, object], training: Mapping[str, Any]
) -> list[str] | list[float]:
    """Train a program on all rows that have a target, and predict new ones.

    Args:
        rows: With the target.
        new: `n` rows with the same columns; a target is not needed and not looked at.
        code: The program.
        hyperparameters: Of the program's function.
        training: As exported: contract, data, epochs, seed, max_parameters.

    Returns:
        `n` numbers in the target's own unit, or names of classes.

    Raises:
        StudyError: A column is missing or differs in type, or training failed.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    recipe = training["data"]
    target, classify = recipe["target"], recipe["task"] == "classification"
    check_columns(rows, [target], "The table to train on")
    names = [name for name in rows.column_names if name not in (target, *recipe["drop"])]
    check_columns(new, names, "The table to predict")
    rows = rows.filter(pc.is_valid(rows[target]))
    try:
        both = pa.concat_tables([rows.select(names), new.select(names)], promote_options="permissive")
    except pa.ArrowException as error:
        raise StudyError(f"The two tables have columns of different types: {error}.") from None
    train = np.arange(both.num_rows) < rows.num_rows
    x, _, _ = encode({name: both[name] for name in names}, train)
    classes: list[str] = []
    y: NDArray[np.float64] | NDArray[np.int64]
    if classify:
        found, y = np.unique([str(cell) for cell in rows[target].to_pylist()], return_inverse=True)
        classes, mean, unit = found.tolist(), 0.0, 1.0
    else:
        numbers = numbers_of(rows[target])
        mean, unit = float(numbers.mean()), float(numbers.std()) or 1.0
        y = (numbers - mean) / unit
    arguments: harness.Arguments = {
        "mode": "train",
        "contract": training["contract"],
        "code": code,
        "hyperparameters": hyperparameters,
        "epochs": training["epochs"],
        "seed": training["seed"],
        "max_parameters": training["max_parameters"],
        "task": "classification" if classify else "regression",
        "outputs": len(classes) or 1,
    }
    answer = harness.run(arguments, {"train_x": x[train], "train_y": y, "eval_x": x[~train]})
    if "problem" in answer:
        raise StudyError(f"Training failed. {answer['problem']}")
    predicted = np.asarray(answer["predictions"], dtype=float)
    return [classes[int(i)] for i in predicted] if classify else (predicted * unit + mean).tolist()


def main(code: str, *, hyperparameters: Mapping[str, object], training: Mapping[str, Any]) -> int:
    """The command line of an exported file: train on one table, predict another, write the predictions.

    Returns:
        Exit code: 0, or 2 when something is wrong with what was given.
    """
    parser = argparse.ArgumentParser(description="Train on all rows of a table, and predict another one.")
    parser.add_argument("command", choices=["predict"])
    parser.add_argument("train", type=Path, help="table with the target")
    parser.add_argument("new", type=Path, help="table to predict")
    parser.add_argument("--out", type=Path, default=Path("submission.csv"), help="where to write (submission.csv)")
    given = parser.parse_args()
    try:
        tables = read_table(given.train), read_table(given.new)
        predicted = fit_predict(*tables, code=code, hyperparameters=hyperparameters, training=training)
        with given.out.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([[training["data"]["target"]], *([value] for value in predicted)])
    except (StudyError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{len(predicted)} predictions written to {given.out}\n")
    return 0
