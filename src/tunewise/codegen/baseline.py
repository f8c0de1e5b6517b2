"""What a person would try first on the same rows: a constant, a linear model, gradient boosting; and the gain on it.

They see the inputs that programs see, are fitted on the same training rows, and are scored by the same lines.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from tunewise.checks import check_sklearn
from tunewise.codegen.data import Dataset
from tunewise.codegen.score import row_losses
from tunewise.errors import TrialFailed
from tunewise.evaluate.estimator import Predictor

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Baseline", "Gain", "baselines", "best_of", "gain_over"]

RESAMPLES: Final = 2000
METRIC_RESAMPLES: Final = 500
"""Where each needs a call of scikit-learn."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """A usual model with its usual settings.

    Attributes:
        name: What it is.
        value: Its loss on the validation rows, as that of a trial.
        test: The same on the test rows.
        predictions: Of the test rows, `n`.
    """

    name: str
    value: float
    test: float
    predictions: NDArray[np.float64] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Gain:
    """How much less loss a program has than a baseline on the test rows, with a 95 % bootstrap interval over rows.

    Attributes:
        over: Name of the baseline.
        value: Loss of the baseline minus loss of the program; above 0 the program is better.
        low: Lower end.
        high: Upper end.
    """

    over: str
    value: float
    low: float
    high: float

    def __str__(self) -> str:
        word = "better" if self.low > 0 else "worse" if self.high < 0 else "no clear difference"
        return f"{self.value:+.4g} ({self.low:+.4g} to {self.high:+.4g}) against {self.over}: {word}"


def baselines(dataset: Dataset, *, seed: int = 0) -> tuple[Baseline, ...]:
    """Fit and score them, the simplest first.

    Raises:
        StudyError: scikit-learn is not installed.
    """
    check_sklearn("A baseline needs")
    found = []
    for name, estimator in estimators(dataset.task, seed):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a solver has not converged is no news of a baseline
            estimator.fit(dataset.train.x, dataset.train.y)
        validation, test = (
            np.asarray(estimator.predict(part.x), dtype=np.float64) for part in (dataset.validation, dataset.test)
        )
        value = dataset.loss(validation, dataset.validation.y)
        found.append(Baseline(name, value, dataset.loss(test, dataset.test.y), test))
    return tuple(found)


def estimators(task: str, seed: int) -> list[tuple[str, Predictor]]:
    """The usual models."""
    from sklearn.dummy import DummyClassifier, DummyRegressor
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.linear_model import LogisticRegression, RidgeCV

    if task == "regression":
        boosting = HistGradientBoostingRegressor(random_state=seed)
        return [("the mean", DummyRegressor()), ("ridge regression", RidgeCV()), ("gradient boosting", boosting)]
    boosting = HistGradientBoostingClassifier(random_state=seed)
    linear = LogisticRegression(max_iter=1000)
    return [
        ("the commonest class", DummyClassifier()),
        ("logistic regression", linear),
        ("gradient boosting", boosting),
    ]


def best_of(found: Sequence[Baseline]) -> Baseline:
    """The one with the least loss on the validation rows, by which a program is chosen, too."""
    return min(found, key=lambda baseline: baseline.value)


def gain_over(baseline: Baseline, predictions: NDArray[np.float64], dataset: Dataset) -> Gain:
    """The gain of a program over a baseline.

    Args:
        baseline: Which.
        predictions: The program's of the test rows, `n`.
        dataset: The data of both.
    """
    rng = np.random.default_rng(0)
    if dataset.recipe.metric:
        value = gap(dataset, baseline.predictions, predictions, slice(None))
        rows = len(predictions)
        found = [
            gap(dataset, baseline.predictions, predictions, rng.integers(rows, size=rows))
            for _ in range(METRIC_RESAMPLES)
        ]
        return Gain(baseline.name, value, *map(float, np.nanquantile(found, [0.025, 0.975])))
    theirs, own = (row_losses(dataset.task, given, dataset.test.y) for given in (baseline.predictions, predictions))
    gaps = theirs - own
    means = [float(gaps[rng.integers(len(gaps), size=len(gaps))].mean()) for _ in range(RESAMPLES)]
    low, high = np.quantile(means, [0.025, 0.975])
    return Gain(baseline.name, float(gaps.mean()), float(low), float(high))


def gap(
    dataset: Dataset, theirs: NDArray[np.float64], own: NDArray[np.float64], rows: slice | NDArray[np.int64]
) -> float:
    """How much less the loss is on some of the test rows; NaN where they have none, as with one class alone."""
    truth = dataset.test.y[rows]
    try:
        return dataset.loss(theirs[rows], truth) - dataset.loss(own[rows], truth)
    except TrialFailed:
        return float("nan")
