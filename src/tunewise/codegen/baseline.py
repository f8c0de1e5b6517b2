"""What a person would try first on the same rows: a constant, a linear model, gradient boosting; and the gain on it.

They see the inputs that programs see, are fitted on the same training rows, and are scored by the same lines.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import numpy as np

from tunewise.checks import check_sklearn
from tunewise.codegen.data import Dataset
from tunewise.codegen.score import row_losses
from tunewise.errors import TrialFailed
from tunewise.evaluate.sklearn_interface import Predictor

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Baseline", "Gain", "Usual", "baselines", "best_of"]

RESAMPLES: Final = 2000
METRIC_RESAMPLES: Final = 500
"""Where each needs a call of scikit-learn."""


class Usual(Protocol):
    """A usual model with its usual settings, on whatever data."""

    @property
    def name(self) -> str: ...  # noqa: D102 - what it is
    @property
    def value(self) -> float: ...  # noqa: D102 - its loss, as that of a trial
    def gain(self, proof: NDArray[np.float64]) -> Gain: ...  # noqa: D102 - of a program with this `Runner.proof`


U = TypeVar("U", bound=Usual)


@dataclass(frozen=True, slots=True)
class Baseline:
    """A usual model with its usual settings.

    Attributes:
        name: What it is.
        value: Its loss on the validation rows, as that of a trial.
        test: The same on the test rows.
        predictions: Of the test rows, `n`.
        dataset: The data.
    """

    name: str
    value: float
    test: float
    predictions: NDArray[np.float64] = field(repr=False, compare=False)
    dataset: Dataset = field(repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.name}: {self.dataset.metric} {self.value:.4g}, test {self.test:.4g}"

    def gain(self, proof: NDArray[np.float64]) -> Gain:
        """The gain of a program with these predictions of the test rows, `n`, with a bootstrap over rows."""
        data, rng = self.dataset, np.random.default_rng(0)
        rows = len(proof)
        if data.recipe.metric:
            value = gap(data, self.predictions, proof, slice(None))
            found = [gap(data, self.predictions, proof, rng.integers(rows, size=rows)) for _ in range(METRIC_RESAMPLES)]
            low, high = np.nanquantile(found, [0.025, 0.975])
            return Gain(self.name, value, float(low), float(high))
        theirs, own = (row_losses(data.task, given, data.test.y) for given in (self.predictions, proof))
        gaps = theirs - own
        means = [float(gaps[rng.integers(rows, size=rows)].mean()) for _ in range(RESAMPLES)]
        low, high = np.quantile(means, [0.025, 0.975])
        return Gain(self.name, float(gaps.mean()), float(low), float(high))


@dataclass(frozen=True, slots=True)
class Gain:
    """How much less loss a program has than a baseline on rows that it was not chosen by, with a 95 % interval.

    Attributes:
        over: Name of the baseline.
        value: Loss of the baseline minus loss of the program; above 0 the program is better.
        low: Lower end.
        high: Upper end.
        where: On what.
    """

    over: str
    value: float
    low: float
    high: float
    where: str = "the test rows"

    @property
    def verdict(self) -> str:
        """In words."""
        return "better" if self.low > 0 else "worse" if self.high < 0 else "no clear difference"

    def __str__(self) -> str:
        reach = f"{self.value:+.4g} ({self.low:+.4g} to {self.high:+.4g})"
        return f"Gain on {self.where}: {reach} against {self.over}: {self.verdict}"


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
        found.append(Baseline(name, value, dataset.loss(test, dataset.test.y), test, dataset))
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


def best_of(found: Sequence[U]) -> U:
    """The one with the least loss by which a program is chosen, too."""
    return min(found, key=lambda baseline: baseline.value)


def gap(
    dataset: Dataset, theirs: NDArray[np.float64], own: NDArray[np.float64], rows: slice | NDArray[np.int64]
) -> float:
    """How much less the loss is on some of the test rows; NaN where they have none, as with one class alone."""
    truth = dataset.test.y[rows]
    try:
        return dataset.loss(theirs[rows], truth) - dataset.loss(own[rows], truth)
    except TrialFailed:
        return float("nan")
