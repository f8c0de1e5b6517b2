"""The score of predictions, made here from labels that never enter the sandbox.

Predictions come from code that nobody trusts: what is not exactly one finite number for each row is a failed trial,
and anything else gets the score that it deserves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tunewise.errors import TrialFailed

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TaskKind", "read_predictions", "score"]

TaskKind = Literal["regression", "classification"]


def read_predictions(given: object, rows: int) -> NDArray[np.float64]:
    """Predictions from a sandbox's answer, `n` finite numbers.

    Raises:
        TrialFailed: They are anything else.
    """
    if not isinstance(given, list):
        raise TrialFailed("The program gave no predictions.")
    if len(given) != rows:
        raise TrialFailed(f"The program gave {len(given)} predictions for {rows} rows.")
    if not all(type(value) in (int, float) for value in given):
        raise TrialFailed("The program gave predictions that are not numbers.")
    try:
        predictions = np.array(given, dtype=np.float64)
    except (OverflowError, ValueError):  # an integer beyond every float
        raise TrialFailed("The program gave predictions that are not finite.") from None
    if not np.isfinite(predictions).all():
        raise TrialFailed("The program gave predictions that are not finite.")
    return predictions


def score(kind: TaskKind, predictions: NDArray[np.float64], truth: NDArray[Any]) -> float:
    """Mean squared error of standardized targets for regression; share of wrong classes for classification.

    Raises:
        TrialFailed: The error is beyond every float.
    """
    if kind == "classification":
        return float(np.mean(predictions != truth))
    with np.errstate(over="ignore"):
        loss = float(np.mean(np.square(predictions - truth)))
    if not np.isfinite(loss):
        raise TrialFailed("The predictions are so far off that their squared error is infinite: training diverged.")
    return loss
