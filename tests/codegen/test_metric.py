"""Any metric of scikit-learn, as a loss in the target's own unit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score, mean_absolute_error

from tunewise.codegen.baseline import baselines
from tunewise.codegen.data import Dataset, Recipe, load_dataset
from tunewise.codegen.metric import metric_loss
from tunewise.errors import StudyError, TrialFailed


def measured(data: Dataset, metric: str) -> Dataset:
    return load_dataset(replace(data.recipe, metric=metric))


@pytest.mark.long
def test_errors_are_in_the_unit_of_the_target(regression: Dataset, houses: Path) -> None:
    data = measured(regression, "neg_mean_absolute_error")
    assert data.metric == "validation mean_absolute_error"
    mean = baselines(data)[0]
    truth = data.original(data.validation.y)
    assert mean.value == pytest.approx(mean_absolute_error(truth, np.full(len(truth), data.centre)))
    assert mean.value > 20, "of prices in the hundreds"
    gain = mean.gain(data.test.y.astype(float))
    assert gain.low <= gain.value <= gain.high
    assert gain.value == pytest.approx(mean.test)


def test_of_scores_that_grow_the_loss_is_the_rest(classification: Dataset) -> None:
    data = measured(classification, "f1_macro")
    assert data.metric == "validation 1 - f1_macro"
    common = np.zeros(len(data.test))
    assert data.loss(common, data.test.y) == pytest.approx(1 - f1_score(data.test.y, common, average="macro"))
    assert data.loss(data.test.y.astype(float), data.test.y) == 0


def test_a_class_that_nobody_could_learn_is_never_right() -> None:
    assert metric_loss("accuracy", "classification", np.array([0.0, -1.0]), np.array([0, -1])) == 0.5


@pytest.mark.parametrize(
    ("metric", "words"),
    [("roc_auc", "needs probabilities"), ("f1_makro", "Did you mean f1_macro"), ("r2x", "is unknown")],
)
def test_metrics_that_do_not_fit(metric: str, words: str, classification: Dataset) -> None:
    with pytest.raises(StudyError, match=words):
        measured(classification, metric)


def test_predictions_without_a_value_fail_the_trial() -> None:
    with pytest.raises(TrialFailed, match="neg_mean_squared_log_error"):
        metric_loss("neg_mean_squared_log_error", "regression", np.array([-5.0]), np.array([1.0]))


def test_recipes_without_a_metric_are_as_before() -> None:
    assert Recipe.from_dict({"path": "x", "target": "y"}).metric is None
