"""The score of predictions, made here from labels that never enter the sandbox.

Predictions come from code that nobody trusts: what is not exactly one finite number for each row is a failed trial,
and anything else gets the score that it deserves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from tunewise.errors import TrialFailed

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Targets", "TaskKind", "read_predictions", "read_probabilities", "row_losses", "score"]

TaskKind = Literal["regression", "classification"]
Targets: TypeAlias = "NDArray[np.float64] | NDArray[np.int64]"
"""Of `n` rows: standardized numbers, or classes from 0."""


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


def read_probabilities(given: object, rows: int, classes: int) -> NDArray[np.float64]:
    """Probabilities from a sandbox's answer, `n x classes`, each row with sum 1.

    Raises:
        TrialFailed: They are anything else.
    """
    if not isinstance(given, list) or len(given) != rows:
        raise TrialFailed(f"The program gave no probabilities for {rows} rows.")
    if not all(isinstance(row, list) and len(row) == classes for row in given):
        raise TrialFailed(f"The program gave no probability for each of {classes} classes.")
    found = read_predictions([value for row in given for value in row], rows * classes).reshape(rows, classes)
    if (found < 0).any() or not np.allclose(found.sum(axis=1), 1, atol=1e-3):
        raise TrialFailed("The program gave probabilities that are negative or whose sum is not 1.")
    return np.asarray(found / found.sum(axis=1, keepdims=True))


def row_losses(kind: TaskKind, predictions: NDArray[np.float64], truth: Targets) -> NDArray[np.float64]:
    """The loss of each row: 1 for a wrong class, else the squared error of the standardized target, maybe infinite.

    A class that the training rows do not have is a number below 0 in the truth. Whatever is predicted there is wrong:
    no program can know it, and one that writes the number down has not.
    """
    if kind == "classification":
        return np.asarray((predictions != truth) | (truth < 0), dtype=np.float64)
    with np.errstate(over="ignore"):
        return np.asarray(np.square(predictions - truth), dtype=np.float64)


def score(kind: TaskKind, predictions: NDArray[np.float64], truth: Targets) -> float:
    """Mean squared error of standardized targets for regression; share of wrong classes for classification.

    Raises:
        TrialFailed: The error is beyond every float.
    """
    loss = float(np.mean(row_losses(kind, predictions, truth)))
    if not np.isfinite(loss):
        raise TrialFailed("The predictions are so far off that their squared error is infinite: training diverged.")
    return loss
