"""What a person would try first on the same folds of a table, and how much a program gains on it.

A constant, a linear model on encoded columns, and gradient boosting that knows which columns are categories.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from tunewise.codegen.baseline import Gain
from tunewise.codegen.table import Fold, Table
from tunewise.codegen.tabular import calendar, encoder, predicted, probabilities

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TableBaseline", "corrected_interval", "table_baselines"]

MOST_VALUES: Final = 254
"""Values of a category that gradient boosting tells apart: the commonest, the rest are one."""

Make: TypeAlias = Callable[[], object]


@dataclass(frozen=True)
class TableBaseline:
    """A usual model with its usual settings.

    Attributes:
        name: What it is.
        table: The data.
        make: Gives it unfitted.
    """

    name: str
    table: Table = field(repr=False, compare=False)
    make: Make = field(repr=False, compare=False)

    @cached_property
    def losses(self) -> tuple[float, ...]:
        """On each of the folds that trials are scored on."""
        return tuple(self._loss(fold) for fold in self.table.splits)

    @cached_property
    def judged(self) -> tuple[float, ...]:
        """On each of the folds that winners are judged on."""
        return tuple(self._loss(fold) for fold in self.table.judging)

    @property
    def value(self) -> float:
        """The mean of `losses`, as the value of a trial is one."""
        return math.fsum(self.losses) / len(self.losses)

    def __str__(self) -> str:
        return f"{self.name}: {self.table.metric} {self.value:.4g}"

    def gain(self, proof: NDArray[np.float64]) -> Gain:
        """The gain of a program with these losses on the folds that winners are judged on."""
        gaps = [theirs - mine for theirs, mine in zip(self.judged, proof.tolist(), strict=True)]
        folds = self.table.judging
        share = math.fsum(len(fold.held) / len(fold.train) for fold in folds) / len(folds)
        low, high = corrected_interval(gaps, share)
        return Gain(self.name, math.fsum(gaps) / len(gaps), low, high, f"{len(gaps)} folds that no trial was scored on")

    def _loss(self, fold: Fold) -> float:
        table, classes = self.table, len(self.table.classes)
        estimator: Any = self.make()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a solver has not converged is no news of a baseline
            estimator.fit(table.frame.iloc[fold.train], table.truth[fold.train])
            answer = probabilities if table.probabilities else predicted
            found = answer(estimator, table.frame.iloc[fold.held], classes=classes)
        return table.loss(found, table.truth[fold.held])


def corrected_interval(gaps: Sequence[float], share: float) -> tuple[float, float]:
    """A 95 % interval of the mean of differences between two models over folds [Nadeau, Bouckaert].

    Folds share most of their training rows, so the variance of the mean is not s2 / k but s2 * (1 / k + share), as in
    the corrected resampled t-test.

    Args:
        gaps: The difference on each of `k` folds, at least two.
        share: Rows that are held out, divided by rows that are trained on.
    """
    from scipy import stats

    spread = float(np.std(gaps, ddof=1)) * math.sqrt(1 / len(gaps) + share)
    mean, reach = float(np.mean(gaps)), float(stats.t.ppf(0.975, len(gaps) - 1)) * spread
    return mean - reach, mean + reach


def table_baselines(table: Table, *, seed: int = 0) -> tuple[TableBaseline, ...]:
    """The usual models, the simplest first, gradient boosting last; fitted when they are asked for their losses."""
    from sklearn.dummy import DummyClassifier, DummyRegressor
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.pipeline import make_pipeline

    classify = table.task == "classification"

    def constant() -> object:
        return DummyClassifier() if classify else DummyRegressor()

    def linear() -> object:
        last = LogisticRegression(max_iter=1000) if classify else RidgeCV(np.logspace(-3, 3, 13))
        return make_pipeline(encoder(table.kinds), last)

    names = ("the commonest class", "logistic regression") if classify else ("the mean", "ridge regression")
    return (
        TableBaseline(names[0], table, constant),
        TableBaseline(names[1], table, linear),
        TableBaseline("gradient boosting", table, lambda: boosting(table, seed)),
    )


def boosting(table: Table, seed: int) -> object:
    """scikit-learn's histogram gradient boosting with its usual settings, on columns as they are."""
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder

    texts, numbers, times = ([n for n, k in table.kinds.items() if k == kind] for kind in ("text", "number", "time"))
    codes = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        max_categories=MOST_VALUES,
    )
    steps = [
        ("text", codes, texts),
        ("number", "passthrough", numbers),
        ("time", FunctionTransformer(calendar), times),
    ]
    kind = HistGradientBoostingClassifier if table.task == "classification" else HistGradientBoostingRegressor
    columns = ColumnTransformer([step for step in steps if step[2]], sparse_threshold=0)
    return make_pipeline(columns, kind(random_state=seed, categorical_features=list(range(len(texts))) or None))
