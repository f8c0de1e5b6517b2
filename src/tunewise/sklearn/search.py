"""`LLMSearchCV`: a search of scikit-learn whose candidates come from a language model and a surrogate.

It stands beside `GridSearchCV` and `RandomizedSearchCV` and takes their place without another line changed: the same
`fit`, `best_estimator_`, `cv_results_`, `refit`, metadata routing and parallel folds, because it is built on the same
base class.

```python
from scipy.stats import loguniform
from sklearn.svm import SVC
from tunewise.sklearn import LLMSearchCV

search = LLMSearchCV(SVC(), {"C": loguniform(1e-3, 1e3), "gamma": loguniform(1e-4, 10)}, model="gpt-5")
search.fit(X, y)
```
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from numbers import Integral
from typing import TYPE_CHECKING, ClassVar, Self

import optuna
from joblib import effective_n_jobs
from optuna.trial import TrialState
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval

from tunewise import attributes
from tunewise.evaluate.describe import describe_estimator
from tunewise.log import optuna_silenced, silenced
from tunewise.record import Result
from tunewise.sampler import LLMSampler
from tunewise.sklearn.distributions import search_space_of
from tunewise.study.parts import merged
from tunewise.task import Task

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from sklearn.base import BaseEstimator

    from tunewise.llm.base import ChatModel
    from tunewise.llm.ledger import Caps
    from tunewise.proposers import Proposer

__all__ = ["LLMSearchCV"]


class LLMSearchCV(BaseSearchCV):  # type: ignore[misc]  # scikit-learn ships no types
    """Search over hyperparameters, each candidate chosen in the light of those before it.

    The first candidate is the estimator as it is, where the space allows its values. Then the language model is told
    what is tuned, on what data, and every score so far, and proposes the next; without a model a Gaussian process
    proposes. Candidates are evaluated in turn, so that each can learn from the others; as many at once as `n_jobs`
    leaves idle after the folds.

    Args:
        estimator: An estimator or pipeline.
        param_distributions: For each parameter a list of values, a distribution of scipy, or a `Float`, `Int` or
            `Categorical` of tunewise. A distribution without end is cut at its 0.1 % and 99.9 % quantiles.
        n_iter: Number of candidates.
        model: The language model: a name as on the command line, or a `ChatModel`. None: no model is asked.
        proposer: Name of the proposer, or a proposer.
        task: What else the model should know; what is tuned and the data are described without it.
        caps: What the model's calls may take.
        scoring: As in `GridSearchCV`. Of several metrics the one that `refit` names is optimized, else the first.
        n_jobs: Folds and candidates that run at once, as in `GridSearchCV`.
        refit: As in `GridSearchCV`.
        cv: As in `GridSearchCV`.
        verbose: As in `GridSearchCV`.
        pre_dispatch: As in `GridSearchCV`.
        random_state: Of everything random in the search.
        error_score: Score of a fit that fails, or "raise". A candidate of which every fit fails is left out of
            `cv_results_`; it stands in `study_` with its reason, and the model is told.
        return_train_score: As in `GridSearchCV`.

    Attributes:
        study_: The Optuna study: who proposed each candidate, why, and what the calls cost.
        best_estimator_, best_params_, best_score_, cv_results_, ...: As in `GridSearchCV`.
    """

    _parameter_constraints: ClassVar[dict[str, list[object]]] = {
        **BaseSearchCV._parameter_constraints,
        "param_distributions": [Mapping],
        "n_iter": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator: BaseEstimator,
        param_distributions: Mapping[str, object],
        *,
        n_iter: int = 10,
        model: str | ChatModel | None = None,
        proposer: str | Proposer = "auto",
        task: Task | None = None,
        caps: Caps | None = None,
        scoring: object = None,
        n_jobs: int | None = None,
        refit: bool | str | Callable[..., int] = True,
        cv: object = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        random_state: object = None,
        error_score: float | str = math.nan,
        return_train_score: bool = False,
    ) -> None:
        super().__init__(
            estimator=estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.param_distributions = param_distributions
        self.n_iter = n_iter
        self.model = model
        self.proposer = proposer
        self.task = task
        self.caps = caps
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike | None = None, **params: object) -> Self:  # noqa: N803
        """Run the search, and refit the best; see `GridSearchCV.fit`.

        Raises:
            SpaceError: A distribution that cannot be read, or the estimator has no such parameter.
            ModelUnusable: It is clear without a call that none can succeed.
        """
        space, self._choices = search_space_of(self.param_distributions)
        self._described = describe_estimator(
            self.estimator, space, X, y, metric=f"mean cross-validated {self._optimized()[1]}", direction="maximize"
        )
        return super().fit(X, y, **params)  # type: ignore[no-any-return]

    def _run_search(self, evaluate_candidates: Callable[..., Mapping[str, Sequence[float]]]) -> None:
        described, space = self._described
        metric, _ = self._optimized()
        budget = self._budget(space.count)
        sampler = LLMSampler(
            self.model,
            task=replace(merged(described, self.task) if self.task else described, budget=budget),
            space=space,
            proposer=self.proposer,
            seed=check_random_state(self.random_state).randint(2**31 - 1),
            caps=self.caps,
        )
        with optuna_silenced(), silenced():
            study = optuna.create_study(direction="maximize", sampler=sampler)
            at_once = max(1, effective_n_jobs(self.n_jobs) // self.n_splits_)
            failure: ValueError | None = None
            while (left := budget - len(study.trials)) > 0:
                trials = [study.ask() for _ in range(min(at_once, left))]
                candidates = [self._choices.decode(space.suggest(trial)) for trial in trials]
                with closed_trials(study, trials):
                    try:
                        results = evaluate_candidates(candidates)
                    except ValueError as error:
                        if not all_fits_failed(error):
                            raise
                        failure = error
                        for trial in trials:
                            trial.set_user_attr(attributes.RESULT, Result(error=last_line(error)).to_dict())
                        continue
                    scores = results[f"mean_test_{metric}"][-len(trials) :]
                    for trial, score in zip(trials, scores, strict=True):
                        if math.isfinite(score):
                            study.tell(trial, float(score))
        if failure and not study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            raise failure
        self.study_ = study  # last: what runs in other processes is sent this search

    def _optimized(self) -> tuple[str, str]:
        """Name of the metric in `cv_results_`, and in words."""
        if self.scoring is None or isinstance(self.scoring, str):
            return "score", self.scoring or "score"
        if callable(self.scoring):
            name = self.refit if isinstance(self.refit, str) else "score"
            return name, name if name != "score" else getattr(self.scoring, "__name__", "score")
        name = self.refit if isinstance(self.refit, str) else str(next(iter(self.scoring)))
        return name, name

    def _budget(self, count: float) -> int:
        if count >= self.n_iter:
            return self.n_iter
        warnings.warn(
            f"The space holds {count:.0f} configurations, fewer than n_iter={self.n_iter}. Each is evaluated once.",
            UserWarning,
            stacklevel=2,
        )
        return int(count)


@contextmanager
def closed_trials(study: optuna.Study, trials: Sequence[optuna.Trial]) -> Iterator[None]:
    """Trials that were not told when the block ends have failed."""
    try:
        yield
    finally:
        told = {t.number for t in study.get_trials(deepcopy=False) if t.state.is_finished()}
        for trial in trials:
            if trial.number not in told:
                study.tell(trial, state=TrialState.FAIL)


def all_fits_failed(error: ValueError) -> bool:
    """Whether scikit-learn says that no fit of these candidates succeeded."""
    return str(error).lstrip().startswith("All the ")


def last_line(error: ValueError) -> str:
    """What the fits ended with: the last line of the report is the error itself."""
    return str(error).strip().splitlines()[-1].strip()
