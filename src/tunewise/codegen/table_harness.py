"""Trains a program of contract "table" on some rows and predicts others; runs in the sandbox, after `harness.py`.

The texts of `harness.py`, `tabular.py` and this file run there as one program. Labels of the rows to predict are not in
its reach.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from tunewise.codegen.harness import Answer, answered, loaded
from tunewise.codegen.tabular import Unusable, encoder, made, predicted, probabilities

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["FILE", "MOST_SEEN", "TableArguments", "run_table", "table_main", "thawed"]

FILE = "rows.npz"
"""Holds the cells of all rows, training rows first, and the target of the training rows."""
FEW = 2000
"""Rows that a check trains on."""
MOST_SEEN = 2000
"""Training rows that are predicted, too, the first ones: how well a program fits them is worth knowing."""


class TableArguments(TypedDict):
    """What is to be done: everything but the data.

    Attributes:
        mode: "check" or "train".
        code: The program.
        hyperparameters: Of its function.
        function: Its name.
        columns: "number", "text" or "time" for each column.
        classes: Names of the classes, none for regression.
        probabilities: Whether probabilities are wanted beside classes.
        seconds: How long training may take, for the program to know.
        seed: Of everything random.
    """

    mode: str
    code: str
    hyperparameters: Mapping[str, object]
    function: str
    columns: Mapping[str, str]
    classes: list[str]
    probabilities: bool
    seconds: float
    seed: int


def thawed(arrays: Mapping[str, NDArray[np.generic]], columns: Mapping[str, str]) -> pd.DataFrame:
    """The table that `table.py` has frozen: texts are codes of different values, -1 where one is missing."""
    import pandas as pd

    values: dict[str, list[str]] = json.loads(arrays["values"].tobytes().decode())
    cells = {}
    for place, (name, kind) in enumerate(columns.items()):
        given = arrays[f"c{place}"]
        if kind == "text":
            cells[name] = pd.Series(np.array([*values[name], None], dtype=object)[given.astype(int)], dtype=object)
        else:
            cells[name] = pd.Series(given)
    return pd.DataFrame(cells)


def run_table(arguments: TableArguments, arrays: Mapping[str, NDArray[np.generic]]) -> Answer:
    """Check or train one program; a check gives no predictions."""
    return answered(lambda: trained(arguments, arrays), Unusable)


def trained(arguments: TableArguments, arrays: Mapping[str, NDArray[np.generic]]) -> Answer:
    """Fit, then predict the other rows and the first of the training rows."""
    checking, classes = arguments["mode"] == "check", len(arguments["classes"])
    table, y = thawed(arrays, arguments["columns"]), np.asarray(arrays["y"])
    known, ahead = table.iloc[: len(y)], table.iloc[len(y) :].reset_index(drop=True)
    if checking:
        known, y, ahead = known.iloc[:FEW], y[:FEW], ahead.iloc[:FEW]
    names = {
        "SEED": arguments["seed"],
        "SECONDS": arguments["seconds"],
        "CLASSES": arguments["classes"],
        "encoder": lambda: encoder(arguments["columns"]),
    }
    function = loaded(arguments["code"], names, arguments["function"])
    estimator = made(function, arguments["hyperparameters"], arguments["seed"])
    estimator.fit(known.copy(), y.copy())
    rows = {"predictions": ahead, "seen": known.iloc[:MOST_SEEN]}
    answer: Answer = {}
    for key, chosen in rows.items():
        answer[key] = predicted(estimator, chosen.copy(), classes=classes).tolist()  # type: ignore[literal-required]
        if arguments["probabilities"]:
            found = probabilities(estimator, chosen.copy(), classes=classes)
            answer[key] = found.tolist()  # type: ignore[literal-required]
    return {"parameters": None} if checking else answer


def table_main(arguments: TableArguments, respond: Callable[[Answer], None]) -> None:
    """In the sandbox: the arrays lie in the work folder."""
    with np.load(FILE, allow_pickle=False) as arrays:
        respond(run_table(arguments, dict(arrays)))
