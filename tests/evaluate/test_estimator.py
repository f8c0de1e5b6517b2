"""Estimators: the score is scikit-learn's own, failures have a reason, descriptions come from the documentation."""

from __future__ import annotations

import pickle
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from support.waiting import Leap
from tunewise.errors import SpaceError, StudyError, TrialFailed
from tunewise.evaluate.data import load_data
from tunewise.evaluate.describe import describe_data, describe_estimator, summary
from tunewise.evaluate.estimator import EstimatorEvaluator
from tunewise.evaluate.sklearn_interface import load_estimator
from tunewise.space import NO_DEFAULT, Categorical, Float, Int, SearchSpace

X, y = load_iris(return_X_y=True)
PIPELINE = make_pipeline(StandardScaler(), SVC())


class Sleeper(BaseEstimator):  # type: ignore[misc]
    """Fits for a while.

    Args:
        seconds (float): How long. See the `manual <http://nowhere>`_.
    """

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds

    def fit(self, X: Any, y: Any) -> Sleeper:  # noqa: N803
        time.sleep(self.seconds)
        return self

    def predict(self, X: Any) -> Any:  # noqa: N803
        return np.zeros(len(X))


def test_the_score_is_that_of_scikit_learn() -> None:
    evaluator = EstimatorEvaluator(PIPELINE, X, y, cv=4, seed=3)
    folds = StratifiedKFold(4, shuffle=True, random_state=3)
    expected = cross_val_score(make_pipeline(StandardScaler(), SVC(C=0.01)), X, y, cv=folds)
    evaluation = evaluator.evaluate({"svc__C": 0.01})
    assert evaluation.value == pytest.approx(expected.mean())
    assert evaluation.extra["std"] == pytest.approx(expected.std())
    assert (evaluator.metric_name, evaluator.direction) == ("cross-validated accuracy", "maximize")
    error = EstimatorEvaluator(PIPELINE, X, y, cv=4, seed=3, scoring="error")
    assert error.evaluate({"svc__C": 0.01}).value == pytest.approx(1 - expected.mean())
    assert (error.metric_name, error.direction) == ("cross-validated error", "minimize")
    assert PIPELINE["svc"].C == 1.0


def test_validation_data_splitters_and_regression() -> None:
    held_out = EstimatorEvaluator(DecisionTreeClassifier(), X[::2], y[::2], cv=(X[1::2], y[1::2]))
    assert held_out.metric_name == "validation accuracy"
    assert held_out.evaluate({}).value == DecisionTreeClassifier(random_state=0).fit(X[::2], y[::2]).score(
        X[1::2], y[1::2]
    )
    splits = [(np.arange(0, 150, 2), np.arange(1, 150, 2))]
    listed = EstimatorEvaluator(DecisionTreeClassifier(), X, y, cv=splits)
    assert listed.evaluate({}).value == held_out.evaluate({}).value
    regression = EstimatorEvaluator(Ridge(), *load_diabetes(return_X_y=True), scoring="neg_mean_squared_error")
    assert regression.evaluate({"alpha": 0.1}).value > regression.evaluate({"alpha": 100.0}).value
    assert regression.direction == "maximize"


def test_the_same_seed_gives_the_same_number() -> None:
    values = {EstimatorEvaluator(RandomForestClassifier(5), X, y, cv=3, seed=1).evaluate({}).value for _ in range(2)}
    assert len(values) == 1


@pytest.mark.parametrize(
    ("configuration", "reason"),
    [
        ({"svc__C": -1.0}, "'C' parameter of SVC must be"),
        ({"svc__c": 1.0}, "Invalid parameter 'c'"),
        ({"svc__kernel": "x"}, "kernel"),
    ],
)
def test_a_failing_fit_has_a_reason(configuration: dict[str, Any], reason: str) -> None:
    with pytest.raises(TrialFailed, match=reason):
        EstimatorEvaluator(PIPELINE, X, y).evaluate(configuration)


def test_warnings_are_counted_not_shown_in_several_threads_too() -> None:
    evaluator = EstimatorEvaluator(LogisticRegression(max_iter=2), X, y, cv=3)
    before = list(warnings.filters), warnings.showwarning
    with ThreadPoolExecutor(3) as threads:
        evaluations = list(threads.map(evaluator.evaluate, [{"C": 1.0}, {"C": 2.0}, {"C": 3.0}] * 3))
    assert {evaluation.extra["convergence_warnings"] for evaluation in evaluations} == {3}
    assert (list(warnings.filters), warnings.showwarning) == before
    assert "warnings" not in EstimatorEvaluator(Ridge(), X, y, scoring="r2").evaluate({}).extra


@pytest.mark.long
def test_a_limit_holds_and_the_evaluator_travels(leap: Leap) -> None:
    with EstimatorEvaluator(Sleeper(), X, y, cv=2, timeout_s=600) as evaluator:
        value = evaluator.evaluate({"seconds": 0.0}).value
        looks = iter([False] * 3)  # it has begun, then
        leap(lambda: next(looks, True))
        with pytest.raises(TrialFailed, match="exceeded its limit"):
            evaluator.evaluate({"seconds": 600.0})
    assert value == pytest.approx(1 / 3, abs=0.05)
    assert pickle.loads(pickle.dumps(EstimatorEvaluator(Sleeper(), X, y, cv=2))).evaluate({}).value == value


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((SVC, X, y), {}, "SVC is a class"),
        ((3, X, y), {}, "no estimator"),
        ((SVC(), X, y), {"scoring": "acuracy"}, "Did you mean accuracy"),
        ((SVC(), X, y), {"scoring": "log_loss"}, "Did you mean neg_log_loss|d2_log_loss"),
        ((SVC(), X, y[:-1]), {}, "cannot be split"),
        ((SVC(), X, y), {"cv": 100}, "cannot be split"),
        ((SVC(), X, y), {"cv": "five"}, "cannot be split"),
        ((SVC(), X, y), {"cv": (X, y, X)}, "validation data"),
        ((SVC(), X, y), {"timeout_s": -1}, "timeout_s"),
    ],
)
def test_misuse_names_the_way_out(arguments: tuple[Any, ...], options: dict[str, Any], message: str) -> None:
    with pytest.raises(StudyError, match=message):
        EstimatorEvaluator(*arguments, **options)


def test_descriptions_and_defaults_come_from_the_estimator() -> None:
    space = SearchSpace(
        {
            "svc__C": Float(1e-3, 1e3, log=True),
            "svc__gamma": Float(1e-4, 10.0, log=True, when={"svc__kernel": "rbf"}),
            "svc__kernel": Categorical(["linear", "rbf"], description="my own words"),
            "svc__degree": Int(4, 6),
            "svc__shrinking": Categorical([1, 0]),
            "standardscaler__with_mean": Categorical([True, False]),
            "svc__tol": Float(1e-6, 1e-1, log=True, default=1e-2),
        }
    )
    task, described = describe_estimator(PIPELINE, space, X, y, data_name="iris")
    assert described["svc__C"].description.startswith("Regularization parameter. The strength")
    assert described["svc__kernel"].description == "my own words"
    assert described["standardscaler__with_mean"].description.startswith("If True, center the data before scaling.")
    assert {name: h.default for name, h in described.items()} == {
        "svc__C": 1.0,
        "svc__gamma": NO_DEFAULT,  # "scale" is no number
        "svc__kernel": "rbf",
        "svc__degree": NO_DEFAULT,  # 3 is out of range
        "svc__shrinking": NO_DEFAULT,  # True is not 1
        "standardscaler__with_mean": True,
        "svc__tol": 1e-2,
    }
    assert described["svc__gamma"].when == {"svc__kernel": ("rbf",)}
    assert task.model == "StandardScaler -> SVC: C-Support Vector Classification"
    assert task.library.startswith("scikit-learn 1.")
    assert task.data is not None
    assert (task.data.name, task.data.rows, task.data.features, task.data.classes) == ("iris", 150, 4, 3)
    assert task.data.description == "balanced classes, each with about 33% of the rows"


@pytest.mark.parametrize(
    ("name", "hint"), [("c", "svc__C"), ("svc__gama", "svc__gamma"), ("C", "svc__C"), ("zzzz", "It has")]
)
def test_an_unknown_hyperparameter_is_named(name: str, hint: str) -> None:
    with pytest.raises(SpaceError, match=hint):
        describe_estimator(PIPELINE, SearchSpace({name: Float(0, 1)}))


def test_every_description_of_a_forest_is_short_plain_text() -> None:
    forest = RandomForestClassifier()
    _, space = describe_estimator(forest, SearchSpace({name: Float(0, 1) for name in forest.get_params()}))
    for hyperparameter in space.values():
        assert 0 < len(hyperparameter.description) <= 300
        assert not any(mark in hyperparameter.description for mark in ("`", ":ref:", ":class:", "..", "\n", "  "))


def test_docstrings_of_other_styles() -> None:
    task, space = describe_estimator(Sleeper(), SearchSpace({"seconds": Float(0, 1)}))
    assert space["seconds"].description == "How long. See the manual."
    assert space["seconds"].default == 0.0
    assert task.model == "Sleeper: Fits for a while"
    assert summary("One :class:`~a.b.C` and ``x``.\nTwo\n lines. Three.\n\n.. versionadded:: 1\n   Not this.") == (
        "One C and x. Two lines."
    )
    assert summary("x" * 400).endswith("...")
    assert summary("") == ""


def test_data_cards() -> None:
    assert describe_data(X, np.array([0] * 140 + [1] * 10)).description == (
        "unbalanced classes: the largest holds 93% of the rows, the smallest 6.7%"
    )
    card = describe_data(np.array([[1.0, np.nan], [2.0, 3.0]]), np.array([0.0, 2.0]), Ridge())
    assert (card.rows, card.features, card.classes) == (2, 2, None)
    assert card.description == "target with mean 1 and standard deviation 1; 25.0% of the values are missing"


def test_load_estimator() -> None:
    assert load_estimator("sklearn.svm.SVC", {"C": 3.0}).get_params()["C"] == 3.0
    pipeline = load_estimator(["sklearn.preprocessing.StandardScaler", "sklearn.svm.SVC"], {"svc__C": 2.0})
    assert pipeline.get_params()["svc__C"] == 2.0
    cases: list[tuple[Any, dict[str, Any], str]] = [
        ("SVC", {}, "not the address"),
        ("sklearn.svm.SVCC", {}, "Did you mean SVC"),
        ("sklearn.smv.SVC", {}, "cannot be imported"),
        ("os.system", {}, "no estimator"),
        ("sklearn.model_selection.KFold", {}, "no estimator"),
        ("sklearn.multioutput.MultiOutputClassifier", {}, "without arguments"),
        ("sklearn.svm.SVC", {"c": 1}, "Did you mean"),
        ([], {}, "no steps"),
    ]
    for address, params, message in cases:
        with pytest.raises(StudyError, match=message):
            load_estimator(address, params)


def test_load_bundled_data() -> None:
    for name in ("breast_cancer", "diabetes", "digits", "iris", "wine"):
        data = load_data(name)
        assert data.X.shape == (len(data.y), len(data.columns))
    with pytest.raises(StudyError, match="Did you mean iris"):
        load_data("irris")


def test_load_csv(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(
        "\ufeffage;state;note;empty;label\n30;NA;x;;yes\n;CA;y;;no\n1e2;NA;'z;w';nan;yes\n".replace("'", '"')
    )
    data = load_data({"csv": str(path), "target": "label", "drop": "note"})
    assert data.columns == ("age", "state=CA", "state=NA", "empty=", "empty=nan")
    np.testing.assert_array_equal(data.X, [[30, 0, 1, 1, 0], [np.nan, 1, 0, 1, 0], [100, 0, 1, 0, 1]])
    assert data.y.tolist() == ["yes", "no", "yes"]
    assert data.name == "people"
    path.write_text("a,b\n1,3\n2,4.5\n")
    assert load_data({"csv": path, "target": "b"}).y.tolist() == [3.0, 4.5]
    assert load_data({"csv": path, "target": "a"}).y.dtype == np.int64


def test_csv_files_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    ids = "\n".join(f"id{i},1" for i in range(60))
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("a,b\n1,2", {"target": "c"}, "There are: a, b"),
        ("alpha,b\n1,2", {"target": "alfa"}, "Did you mean alpha"),
        ("a,b\n1,2", {"target": "a", "drop": ["x"]}, "no column x"),
        ("a,b\n1", {"target": "b"}, "row 1 has 1 cells"),
        ("a,a\n1,2", {"target": "a"}, "2 columns named 'a'"),
        ("a,b\n", {"target": "b"}, "has no rows"),
        ("", {"target": "b"}, "has no rows"),
        ("a,b\n1,", {"target": "b"}, "b is empty in row 1"),
        ("b\n1", {"target": "b"}, "no column beside"),
        (f"id,b\n{ids}", {"target": "b"}, r"60 different values.*drop: \[id\]"),
        ("a,b\n1,2", {"goal": "b"}, "Correct its keys"),
    ]
    for content, spec, message in cases:
        path.write_text(content)
        with pytest.raises(StudyError, match=message):
            load_data({"csv": str(path), **spec})
    path.write_bytes(b"a,b\n\xff,1\n")
    with pytest.raises(StudyError, match="UTF-8"):
        load_data({"csv": str(path), "target": "b"})
    with pytest.raises(StudyError, match="cannot be opened"):
        load_data({"csv": str(tmp_path / "none.csv"), "target": "b"})
