"""Tables with their columns as they are, and models that are made for them.

The text of this file runs in the sandbox and stands in every exported file of contract "table": it imports nothing of
tunewise. A table is a pandas frame whose numbers are float64 (NaN where missing), whose texts are str (None, also
where they are empty) and whose instants are datetime64 (NaT). `columns` says which of these each column is.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray
    from sklearn.base import BaseEstimator

__all__ = ["Unusable", "calendar", "encoder", "framed", "made", "predicted", "probabilities"]

MOST_INPUTS = 40
"""Inputs that one text column can become in `encoder`."""


class Unusable(Exception):
    """What a program made or predicted cannot be used; the message is for its author."""


def framed(cells: Mapping[str, Sequence[object]], columns: Mapping[str, str]) -> pd.DataFrame:
    """A frame of typed columns from cells as a file has them.

    Args:
        cells: Of each column, and perhaps of others.
        columns: "number", "text" or "time" for each column that is wanted.
    """
    import pandas as pd

    def numbers(given: pd.Series) -> pd.Series:
        words = given.map(lambda cell: {"true": 1.0, "false": 0.0}.get(str(cell).strip().lower(), cell))
        found = pd.to_numeric(words, errors="coerce").astype("float64")
        return found.where(np.isfinite(found))

    def texts(given: pd.Series) -> pd.Series:
        return pd.Series([None if pd.isna(cell) or cell == "" else str(cell) for cell in given], dtype=object)

    def instants(given: pd.Series) -> pd.Series:
        return pd.to_datetime(given, errors="coerce", format="mixed").dt.tz_localize(None).astype("datetime64[us]")

    typed = {"number": numbers, "text": texts, "time": instants}
    return pd.DataFrame({name: typed[kind](pd.Series(list(cells[name]))) for name, kind in columns.items()})


def calendar(table: pd.DataFrame) -> pd.DataFrame:
    """Hour, weekday (Monday is 0) and days since 1970 of each column of instants."""
    import pandas as pd

    parts = {}
    for name in table.columns:
        when = pd.to_datetime(table[name])
        parts[f"{name} hour"] = when.dt.hour + when.dt.minute / 60
        parts[f"{name} weekday"] = when.dt.weekday.astype(float)
        parts[f"{name} days"] = (when - pd.Timestamp(0)) / pd.Timedelta(days=1)
    return pd.DataFrame(parts, index=table.index)


def encoder(columns: Mapping[str, str]) -> BaseEstimator:
    """An unfitted transformer from a table to a finite matrix.

    Numbers are standardized, with the median for a missing one and a mark for that; a text becomes 0 or 1 for each of
    its 40 commonest values; an instant its hour, weekday and day.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    texts = OneHotEncoder(max_categories=MOST_INPUTS, handle_unknown="infrequent_if_exist", sparse_output=False)
    steps = {"number": numbers, "text": texts, "time": make_pipeline(FunctionTransformer(calendar), numbers)}
    chosen = {kind: [name for name, own in columns.items() if own == kind] for kind in steps}
    return ColumnTransformer([(kind, steps[kind], names) for kind, names in chosen.items() if names])


def made(function: Callable[..., object], hyperparameters: Mapping[str, object], seed: int) -> Any:
    """The unfitted estimator that a program's function returns, after everything random has been seeded.

    Raises:
        Unusable: It is none.
    """
    random.seed(seed)
    np.random.seed(seed)
    estimator = function(**hyperparameters)
    for method in ("fit", "predict"):
        if not callable(getattr(estimator, method, None)):
            raise Unusable(f"It must return an unfitted estimator; {type(estimator).__name__} has no {method}().")
    if callable(getattr(estimator, "get_params", None)) and callable(getattr(estimator, "set_params", None)):
        given = estimator.get_params()  # type: ignore[attr-defined]
        unseeded = [name for name, value in given.items() if value is None and name.split("__")[-1] == "random_state"]
        if unseeded:
            estimator.set_params(**dict.fromkeys(unseeded, seed))  # type: ignore[attr-defined]
    return estimator


def predicted(estimator: Any, table: pd.DataFrame, *, classes: int) -> NDArray[np.float64]:
    """A number for each of `n` rows: of the target, or of a class where there are classes.

    Raises:
        Unusable: They are anything else.
    """
    found = np.asarray(estimator.predict(table))
    if found.shape not in ((len(table),), (len(table), 1)):
        raise Unusable(f"For {len(table)} rows predict() must give shape ({len(table)},), not {found.shape}.")
    if found.dtype.kind not in "fiub" or not np.isfinite(found.astype(float)).all():
        raise Unusable("predict() gives values that are not finite numbers.")
    numbers = found.reshape(len(table)).astype(float)
    if classes and not np.isin(numbers, np.arange(classes)).all():
        raise Unusable(
            f"predict() gives values that are no classes: those are the whole numbers from 0 to {classes - 1}."
        )
    return np.asarray(numbers)


def probabilities(estimator: Any, table: pd.DataFrame, *, classes: int) -> NDArray[np.float64]:
    """The probability of each class for each row, `n x classes`; 0 for a class that was not in the training rows.

    Raises:
        Unusable: They are anything else.
    """
    if not callable(getattr(estimator, "predict_proba", None)):
        raise Unusable(f"The metric needs probabilities, and {type(estimator).__name__} has no predict_proba().")
    found = np.asarray(estimator.predict_proba(table), dtype=float)
    known = np.asarray(getattr(estimator, "classes_", np.arange(classes))).astype(int)
    if found.shape != (len(table), len(known)) or not np.isin(known, np.arange(classes)).all():
        raise Unusable(
            f"predict_proba() must give a column for each of the {classes} classes, not shape {found.shape}."
        )
    if not np.isfinite(found).all():
        raise Unusable("predict_proba() gives values that are not finite numbers.")
    whole = np.zeros((len(table), classes))
    whole[:, known] = found
    return whole
