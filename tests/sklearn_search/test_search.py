"""`LLMSearchCV` beside the searches of scikit-learn."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
import sklearn
from numpy.typing import NDArray
from scipy.stats import loguniform, randint, uniform
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_iris, make_classification
from sklearn.exceptions import FitFailedWarning
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_score
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

from support.forms import in_short
from tunewise import Float
from tunewise.errors import SpaceError
from tunewise.models import ChatRequest, FunctionModel
from tunewise.sklearn import LLMSearchCV

IRIS = load_iris(return_X_y=True)


@parametrize_with_checks([LLMSearchCV(LogisticRegression(max_iter=50), {"C": [0.1, 1.0, 2.0]}, n_iter=2, cv=2)])  # type: ignore[untyped-decorator]
def test_contract_of_scikit_learn(estimator: BaseEstimator, check: Callable[[BaseEstimator], None]) -> None:
    """The checks that scikit-learn applies to its own searches."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


@pytest.mark.parametrize("search_class", in_short([LLMSearchCV], [RandomizedSearchCV, LLMSearchCV]))
class TestDropIn:
    """Three uses of a search from scikit-learn's documentation, written anew: only the name of the class differs."""

    def test_text_like_pipeline_with_many_kinds_of_parameters(self, search_class: type[BaseSearchCV]) -> None:
        X, y = make_classification(n_samples=120, n_features=12, random_state=0)
        pipeline = make_pipeline(MinMaxScaler(), SelectKBest(), LogisticRegression(max_iter=200))
        search = search_class(
            pipeline,
            {
                "selectkbest__k": randint(2, 12),
                "logisticregression__C": loguniform(1e-3, 1e3),
                "minmaxscaler__feature_range": [(0, 1), (-1, 1)],
            },
            n_iter=6,
            random_state=3,
            cv=3,
        )
        search.fit(X, y)
        assert search.best_estimator_.predict(X).shape == (120,)
        assert len(search.cv_results_["params"]) == 6
        assert search.best_params_["minmaxscaler__feature_range"] in [(0, 1), (-1, 1)]
        assert search.cv_results_["split2_test_score"].shape == (6,)

    def test_linear_classifier_with_distributions_and_lists(self, search_class: type[BaseSearchCV]) -> None:
        search = search_class(
            SGDClassifier(loss="hinge", penalty="elasticnet", fit_intercept=True, max_iter=20, tol=None),
            param_distributions={"average": [True, False], "l1_ratio": uniform(0, 1), "alpha": loguniform(1e-4, 1e0)},
            n_iter=5,
            random_state=0,
        )
        search.fit(*IRIS)
        assert set(search.best_params_) == {"average", "l1_ratio", "alpha"}
        assert 0 <= search.best_params_["l1_ratio"] <= 1

    def test_several_metrics_and_refit_by_name(self, search_class: type[BaseSearchCV]) -> None:
        search = search_class(
            DecisionTreeClassifier(random_state=0),
            {"min_samples_split": range(2, 40, 2)},
            scoring={"auc": "roc_auc_ovr", "accuracy": "accuracy"},
            refit="auc",
            n_iter=5,
            n_jobs=2,
            return_train_score=True,
            random_state=0,
        )
        search.fit(*IRIS)
        best = search.cv_results_["mean_test_auc"].max()
        assert search.best_score_ == best
        assert search.cv_results_["mean_train_accuracy"].shape == (5,)
        assert search.score(*IRIS) > 0.9


def test_nested_in_cross_validation_and_cloned() -> None:
    search = LLMSearchCV(SVC(), {"C": loguniform(1e-2, 1e2)}, n_iter=3, cv=2, random_state=0)
    scores = cross_val_score(make_pipeline(StandardScaler(), clone(search)), *IRIS, cv=2)
    assert scores.min() > 0.8


def test_the_model_is_told_and_proposes() -> None:
    requests = []

    def reply(request: ChatRequest) -> str:
        requests.append(request.messages[-1].content)
        return '{"C": 3.5}'

    search = LLMSearchCV(SVC(), {"C": Float(0.01, 100, log=True)}, model=FunctionModel(reply), n_iter=2, cv=2)
    search.set_params(proposer="compressed").fit(*IRIS)
    assert list(search.cv_results_["param_C"]) == [1.0, 3.5]  # the estimator as it is, then the model's
    assert "Regularization parameter" in requests[0]
    assert "150" in requests[0]
    assert f"{search.cv_results_['mean_test_score'][0]:.4e}" in requests[0]


def test_a_candidate_whose_fits_all_fail_is_told_and_left_out() -> None:
    search = LLMSearchCV(
        DecisionTreeClassifier(random_state=0), {"max_features": ["sqrt", "nonsense"]}, n_iter=2, cv=2, random_state=0
    )
    search.fit(*IRIS)
    assert list(search.cv_results_["param_max_features"]) == ["sqrt"]
    (failed,) = (t for t in search.study_.trials if t.state.name == "FAIL")
    assert failed.params == {"max_features": "nonsense"}
    assert "max_features" in failed.user_attrs["tunewise:result"]["error"]


def test_a_search_in_which_everything_fails_says_why() -> None:
    search = LLMSearchCV(DecisionTreeClassifier(), {"max_features": ["nonsense"]}, n_iter=2, cv=2)
    with pytest.warns(UserWarning, match="1 configurations"), pytest.raises(ValueError, match="All the 2 fits failed"):
        search.fit(*IRIS)


def test_some_fits_that_fail_score_nothing() -> None:
    class Moody(DecisionTreeClassifier):  # type: ignore[misc]
        def fit(self, X: NDArray[np.float64], y: NDArray[np.int_]) -> Moody:
            if self.max_depth == 2 and len(X) % 2:
                raise ValueError("an odd number of rows")
            fitted: Moody = super().fit(X, y)
            return fitted

    X, y = IRIS[0][:101], IRIS[1][:101].clip(0, 1)
    search = LLMSearchCV(Moody(), {"max_depth": [1, 2, 3]}, n_iter=3, cv=2, random_state=0)
    with pytest.warns(FitFailedWarning), pytest.warns(UserWarning, match="non-finite"):
        search.fit(X, y)
    assert np.isnan(search.cv_results_["mean_test_score"]).sum() == 1
    assert search.best_params_["max_depth"] != 2


def test_metadata_routing_as_the_peers_do() -> None:
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = LogisticRegression().set_fit_request(sample_weight=True)
        scorer = sklearn.metrics.make_scorer(sklearn.metrics.accuracy_score).set_score_request(sample_weight=True)
        weights = np.where(IRIS[1] == 0, 1.0, 0.0)
        found = []
        for search in (
            LLMSearchCV(estimator, {"C": [0.5, 1.0]}, n_iter=2, cv=2, scoring=scorer),
            GridSearchCV(estimator, {"C": [0.5, 1.0]}, cv=2, scoring=scorer),
        ):
            with pytest.raises(ValueError, match="fits failed"):
                search.fit(*IRIS, sample_weight=weights * 0)
            search.fit(*IRIS, sample_weight=weights + 0.1)
            found.append(search.best_score_)
    assert found[0] == pytest.approx(found[1])


def test_the_same_seed_gives_the_same_search() -> None:
    searches = [LLMSearchCV(SVC(), {"C": loguniform(1e-2, 1e2)}, n_iter=4, cv=2, random_state=7) for _ in range(2)]
    first, second = (list(search.fit(*IRIS).cv_results_["param_C"]) for search in searches)
    assert first == second


def test_wrong_spaces_are_said() -> None:
    with pytest.raises(SpaceError, match="nonsense"):
        LLMSearchCV(SVC(), {"nonsense": [1, 2]}).fit(*IRIS)
    with pytest.raises(SpaceError, match="no list of values"):
        LLMSearchCV(SVC(), {"C": 3}).fit(*IRIS)
