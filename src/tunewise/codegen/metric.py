"""A metric of scikit-learn as a loss to minimize.

It is computed by scikit-learn, from predictions or probabilities, and named as scikit-learn's scorers are. One that
begins with `neg_` is taken without its sign, in the target's own unit; of any other, such as `f1_macro` or `r2`, the
loss is 1 minus the score.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from tunewise.checks import check_sklearn
from tunewise.codegen.score import Targets
from tunewise.errors import StudyError, TrialFailed
from tunewise.text import did_you_mean, shorten

if TYPE_CHECKING:
    pass

__all__ = ["check_metric", "metric_loss", "metric_name"]


def metric_name(metric: str) -> str:
    """What the loss of a metric is called."""
    return metric.removeprefix("neg_") if metric.startswith("neg_") else f"1 - {metric}"


def check_metric(metric: str, task: str, truth: Targets, *, probabilities: bool = False) -> bool:
    """A metric must exist, fit the task, and need nothing that programs do not give.

    Args:
        metric: Its name.
        task: Regression or classification.
        truth: Targets, `n`, as an example.
        probabilities: Whether programs can give them.

    Returns:
        Whether it needs probabilities.

    Raises:
        StudyError: It does not.
    """
    check_sklearn(f"metric = {shorten(metric)} needs")
    from sklearn.metrics import get_scorer_names

    if metric not in get_scorer_names():
        hint = did_you_mean(metric, get_scorer_names(), "The names are those of sklearn.metrics.get_scorer_names().")
        raise StudyError(f"metric = {shorten(metric)} is unknown. {hint}")
    try:
        try:
            score_of(metric, task, truth.astype(float), truth)
        except AttributeError:
            if not probabilities or task != "classification":
                raise
            score_of(metric, task, np.eye(int(truth.max()) + 1)[truth.astype(int)], truth)
            return True
    except AttributeError:
        raise StudyError(
            f"metric = {metric} needs probabilities, and programs give predictions. Choose one such as accuracy, "
            "balanced_accuracy or f1_macro."
        ) from None
    except (TypeError, ValueError) as error:
        raise StudyError(
            f"metric = {metric} does not fit the target: {str(error).rstrip('.')}. Choose another."
        ) from None
    return False


def metric_loss(metric: str, task: str, predictions: Targets, truth: Targets) -> float:
    """The loss of predictions, or of probabilities `n x classes`, by a metric.

    Raises:
        TrialFailed: It cannot be computed from these predictions, or is not finite.
    """
    try:
        score = score_of(metric, task, predictions, truth)
    except (TypeError, ValueError, OverflowError) as error:
        raise TrialFailed(f"The predictions have no {metric}: {str(error).rstrip('.')}.") from None
    loss = -score if metric.startswith("neg_") else 1 - score
    if not np.isfinite(loss):
        raise TrialFailed(f"The {metric} of the predictions is not finite.")
    return loss


def score_of(metric: str, task: str, predictions: Targets, truth: Targets) -> float:
    """The score as scikit-learn has it, greater is better.

    A class below 0 is one that the training rows do not have. Nothing predicted there is right, so a prediction below 0
    counts as class 0.
    """
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.metrics import get_scorer

    classify = task == "classification"
    chosen = predictions.argmax(axis=1) if predictions.ndim == 2 else predictions
    given = np.where(chosen < 0, 0, chosen).astype(truth.dtype) if classify else chosen

    class Given(ClassifierMixin if classify else RegressorMixin, BaseEstimator):  # type: ignore[misc]
        """Has predicted already."""

        classes_ = np.unique(truth)

        def predict(self, X: object) -> object:  # noqa: N803, ARG002 - scikit-learn's name
            """What was given."""
            return given

    class Likely(Given):
        """Has predicted probabilities, too."""

        classes_ = np.arange(predictions.shape[-1])

        def predict_proba(self, X: object) -> object:  # noqa: N803, ARG002 - scikit-learn's name
            """What was given."""
            return predictions

    estimator = Likely() if predictions.ndim == 2 else Given()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # that a class was never predicted is no news
        return float(get_scorer(metric)(estimator, np.empty((len(truth), 0)), truth))
