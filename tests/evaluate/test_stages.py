"""An estimator reports its score while it trains, and is the same model in the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from support.keeper import Keeper
from support.whole_paths import InProcess, write_study
from tunewise.errors import StudyError, TrialStopped
from tunewise.evaluate.estimator import EstimatorEvaluator
from tunewise.evaluate.mailbox import Mailbox
from tunewise.evaluate.run import Run
from tunewise.study.storage import open_study

X, y = load_iris(return_X_y=True)


@pytest.mark.parametrize(
    "estimator",
    [
        pytest.param(BaggingClassifier(n_estimators=20), marks=pytest.mark.long),
        pytest.param(ExtraTreesClassifier(20, bootstrap=True), marks=pytest.mark.long),
        GradientBoostingClassifier(n_estimators=20, subsample=0.5),
        HistGradientBoostingClassifier(max_iter=20),
        make_pipeline(StandardScaler(), GradientBoostingClassifier(n_estimators=20)),
    ],
    ids=lambda e: type(e).__name__,
)
def test_an_ensemble_that_grows_is_what_one_fit_makes(estimator: Any) -> None:
    keeper = Keeper()
    alone = EstimatorEvaluator(estimator, X, y, cv=3)
    listened = EstimatorEvaluator(estimator, X, y, cv=3)
    evaluation = listened.evaluate({}, Run(channel=Mailbox(keeper)))
    assert [step for _, step in keeper.got] == list(range(2, 21, 2))
    assert evaluation.value == keeper.got[-1][0] == alone.evaluate({}).value
    assert evaluation.extra["std"] == alone.evaluate({}).extra["std"]


@pytest.mark.parametrize("estimator", [RandomForestRegressor(7), HistGradientBoostingRegressor(max_iter=7)])
def test_few_trees_make_few_steps(estimator: Any) -> None:
    keeper = Keeper()
    EstimatorEvaluator(estimator, X, y, cv=2, scoring="r2").evaluate({}, Run(channel=Mailbox(keeper)))
    assert [step for _, step in keeper.got] == list(range(1, 8))


@pytest.mark.parametrize("estimator", [SGDClassifier(), MLPClassifier(learning_rate_init=0.05)])
def test_others_pass_over_the_rows_where_that_is_asked_for(estimator: Any) -> None:
    silent, keeper = Keeper(), Keeper()
    pipeline = make_pipeline(StandardScaler(), estimator)
    usual = EstimatorEvaluator(pipeline, X, y, cv=3, scoring="error")
    usual.evaluate({}, Run(channel=Mailbox(silent)))
    assert silent.got == []
    passing = EstimatorEvaluator(pipeline, X, y, cv=3, scoring="error", steps=5)
    evaluation = passing.evaluate({}, Run(channel=Mailbox(keeper)))
    assert [step for _, step in keeper.got] == [1, 2, 3, 4, 5]
    assert evaluation.value == keeper.got[-1][0] == passing.evaluate({}).value
    assert 0 <= evaluation.value < 0.7


def test_a_pruned_estimator_trains_no_further() -> None:
    keeper = Keeper(stop_at=4)
    evaluator = EstimatorEvaluator(GradientBoostingClassifier(n_estimators=20), X, y, cv=3)
    with pytest.raises(TrialStopped):
        evaluator.evaluate({}, Run(channel=Mailbox(keeper)))
    assert [step for _, step in keeper.got] == [2, 4]


def test_nobody_stops_one_that_stops_itself() -> None:
    keeper = Keeper()
    evaluator = EstimatorEvaluator(GradientBoostingClassifier(n_estimators=20, n_iter_no_change=2), X, y, cv=2)
    evaluator.evaluate({}, Run(channel=Mailbox(keeper)))
    assert keeper.got == []
    with pytest.raises(StudyError, match="learns in one call of fit"):
        EstimatorEvaluator(SVC(), X, y, steps=3)
    with pytest.raises(StudyError, match="LogisticRegression learns in one call"):
        EstimatorEvaluator(LogisticRegression(), X, y, steps=3)


def test_a_study_file_prunes_an_estimator(tmp_path: Path, cli: InProcess) -> None:
    file = write_study(
        tmp_path,
        evaluate={"estimator": "sklearn.linear_model.SGDClassifier", "data": "iris", "steps": 4, "cv": 2},
        space={"alpha": {"type": "float", "low": 1e-6, "high": 10, "log": True}},
        proposer="random",
        n_trials=4,
        pruner={"name": "threshold", "upper": -1.0, "n_warmup_steps": 2},
    )
    ran = cli("tune", file)
    assert ran.code in (0, 1), ran
    trials = open_study(file.with_suffix(".journal")).trials
    assert {t.state for t in trials} == {optuna.trial.TrialState.PRUNED}
    assert all(list(t.intermediate_values) == [1, 2, 3][: len(t.intermediate_values)] for t in trials)
    assert np.isfinite([v for t in trials for v in t.intermediate_values.values()]).all()
