"""A scikit-learn estimator or pipeline as an evaluator: cross-validation, or a score on validation data."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TextIO, TypeAlias

import numpy as np

from tunewise.checks import check_sklearn
from tunewise.errors import StudyError, TrialStopped
from tunewise.evaluate.base import Evaluation
from tunewise.evaluate.function import FunctionEvaluator
from tunewise.evaluate.identity import of_estimator
from tunewise.evaluate.objective import describe
from tunewise.evaluate.run import SILENT, Run
from tunewise.evaluate.sklearn_interface import Estimator, Table, check_estimator
from tunewise.evaluate.stages import count_steps, train_in_steps
from tunewise.space import Value
from tunewise.task import Direction
from tunewise.text import did_you_mean, shorten

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["EstimatorEvaluator"]

Fold: TypeAlias = "tuple[NDArray[np.intp], NDArray[np.intp]]"
"""Numbers of the rows to train on, and of those to score."""


class EstimatorEvaluator:
    """Scores `clone(estimator).set_params(**configuration)`.

    Beside the score, `extra` holds the standard deviation over folds (`std`), the mean time of a fit (`fit_seconds`),
    and, when there were any, the number of warnings and of those that say that a fit did not converge (`warnings`,
    `convergence_warnings`). They are not printed.

    Args:
        estimator: An estimator with scikit-learn's interface; it is never changed.
        X: Training data, `n` rows.
        y: Targets, `n`; None for an estimator without.
        scoring: Name of a scorer of scikit-learn, or a callable `(estimator, X, y) -> number`, large is good; or
            `"error"`, which is 1 - accuracy, small is good.
        cv: Number of folds (shuffled, stratified for a classifier), a splitter or a list of splits, the same for each
            trial; or a tuple `(X, y)` of validation data.
        timeout_s: Limit for one trial in seconds; see `FunctionEvaluator`.
        isolate: Whether to fit in a process of its own without a limit too.
        env: Environment variables of that process.
        seed: For the folds, and for each `random_state` that is None.
        steps: In how many steps to train, each of which reports the score: an ensemble grows tree by tree, and others
            pass over the rows once a step with `partial_fit` in place of `fit`. None: 10 for ensembles, which are the
            same in the end, where somebody listens; 0: none.

    Raises:
        StudyError: The estimator has another interface, the scorer is unknown, the data cannot be split so, or the
            estimator learns in one call alone and `steps` are given.
    """

    def __init__(
        self,
        estimator: Estimator,
        X: object,  # noqa: N803 - the field's name for it
        y: object,
        *,
        scoring: str | Callable[..., float] = "accuracy",
        cv: object = 5,
        timeout_s: float | None = None,
        isolate: bool = False,
        env: Mapping[str, str] | None = None,
        seed: int = 0,
        steps: int | None = None,
    ) -> None:
        check_sklearn("Scoring an estimator needs")
        check_estimator(estimator)
        self._scoring = scoring
        validation = checked_validation(cv) if isinstance(cv, tuple) else None
        self._cross_validated = validation is None
        splits = split(estimator, X, y, cv, seed) if validation is None else []
        count_steps(estimator, steps, len(X) if isinstance(X, Sized) else 0)  # refused before any trial
        scorer = make_scorer(scoring)
        score = Score(estimator, X, y, scorer, splits, validation, seed, steps, error=scoring == "error")
        self._evaluator = FunctionEvaluator(score, timeout_s=timeout_s, isolate=isolate, env=env)
        self.identity = of_estimator(estimator, X, self.metric_name)

    @property
    def direction(self) -> Direction:
        """Whether the number should be small or large."""
        return "minimize" if self._scoring == "error" else "maximize"

    @property
    def metric_name(self) -> str:
        """What the number is, in words for a `Task`."""
        scoring = self._scoring if isinstance(self._scoring, str) else getattr(self._scoring, "__name__", "score")
        return f"{'cross-validated' if self._cross_validated else 'validation'} {scoring}"

    def evaluate(self, configuration: Mapping[str, Value], run: Run = SILENT) -> Evaluation:
        """Fit and score; see `Evaluator`."""
        return self._evaluator.evaluate(configuration, run)

    def close(self) -> None:
        """End the processes that `timeout_s` needed."""
        self._evaluator.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class Score:
    """The objective: fit and score with a configuration."""

    estimator: Estimator
    X: object
    y: object
    scorer: Callable[..., float]
    splits: Sequence[Fold]
    validation: Table | None
    seed: int
    steps: int | None
    error: bool

    def __call__(self, configuration: Mapping[str, Value], run: Run) -> dict[str, float]:
        from sklearn.base import clone
        from sklearn.exceptions import ConvergenceWarning

        with caught_warnings() as caught:
            template = seeded(clone(self.estimator).set_params(**configuration), self.seed)
            folds = list(self._folds(template))
            rows = len(np.asarray(folds[0][0][1]))
            steps = count_steps(template, self.steps, rows) if self.steps or run.listened else 0
            scores, seconds = self._step_by_step(template, folds, steps, run) if steps else self._fit(template, folds)
        result = {"value": self._value(scores), "fit_seconds": seconds / len(folds)}
        if len(scores) > 1:
            result["std"] = float(np.std(scores))
        if caught:
            result["warnings"] = len(caught)
            result["convergence_warnings"] = sum(issubclass(category, ConvergenceWarning) for category in caught)
        return result

    def _value(self, scores: Sequence[float]) -> float:
        mean = float(np.mean(scores))
        return 1 - mean if self.error else mean

    def _fit(self, template: Estimator, folds: Sequence[tuple[Table, Table]]) -> tuple[list[float], float]:
        """The score of each fold, and the seconds of all fits."""
        from sklearn.base import clone

        scores, seconds = [], 0.0
        for train, test in folds:
            model = clone(template)
            start = time.perf_counter()
            model.fit(*train)
            seconds += time.perf_counter() - start
            scores.append(self.scorer(model, *test))
        return scores, seconds

    def _step_by_step(
        self, template: Estimator, folds: Sequence[tuple[Table, Table]], steps: int, run: Run
    ) -> tuple[list[float], float]:
        """The same, all folds side by side, so that each value that is reported is the metric."""
        from sklearn.base import clone

        models = [clone(template) for _ in folds]
        trainings = [train_in_steps(model, train, steps) for model, (train, _) in zip(models, folds, strict=True)]
        scores, seconds, start = [], 0.0, time.perf_counter()
        for reached, *_ in zip(*trainings, strict=True):
            seconds += time.perf_counter() - start
            scores = [self.scorer(model, *test) for model, (_, test) in zip(models, folds, strict=True)]
            run.report(self._value(scores), reached)
            if run.should_stop():
                raise TrialStopped
            start = time.perf_counter()
        return scores, seconds

    def _folds(self, model: Estimator) -> Iterator[tuple[Table, Table]]:
        """Training part and the rest, each as `(X, y)`."""
        from sklearn.utils.metaestimators import _safe_split

        if self.validation is not None:
            yield (self.X, self.y), self.validation
        for train, test in self.splits:
            yield _safe_split(model, self.X, self.y, train), _safe_split(model, self.X, self.y, test, train)


def make_scorer(scoring: str | Callable[..., float]) -> Callable[..., float]:
    """The scorer of a name; large is good."""
    from sklearn.metrics import get_scorer, get_scorer_names

    if callable(scoring):
        return scoring
    names = [*get_scorer_names(), "error"]
    if scoring not in names:
        meant = next((n for n in names if n.endswith(str(scoring))), scoring)
        hint = did_you_mean(meant, names, "Take a name from sklearn.metrics.get_scorer_names().")
        raise StudyError(f"scoring = {shorten(scoring)} is unknown. {hint}")
    scorer: Callable[..., float] = get_scorer("accuracy" if scoring == "error" else scoring)
    return scorer


def split(estimator: Estimator, X: object, y: object, cv: object, seed: int) -> list[Fold]:  # noqa: N803
    """The folds, fixed once for all trials."""
    from sklearn.base import is_classifier
    from sklearn.model_selection import KFold, StratifiedKFold, check_cv

    try:
        if isinstance(cv, int):
            kind = StratifiedKFold if is_classifier(estimator) and np.asarray(y).ndim == 1 else KFold
            cv = kind(cv, shuffle=True, random_state=seed)
        with caught_warnings():  # of classes with fewer members than folds
            return list(check_cv(cv, y).split(X, y))
    except (TypeError, ValueError) as error:
        raise StudyError(f"The data cannot be split: {describe(error)}. Check X, y and cv.") from error


def checked_validation(cv: tuple[object, ...]) -> Table:
    """Validation data, or an error when the tuple is something else."""
    X, y = cv if len(cv) == 2 else (None, None)  # noqa: N806 - the field's name for it
    if not isinstance(X, Sized) or not isinstance(y, Sized) or len(X) != len(y):
        raise StudyError(
            "cv is a tuple, but not (X, y) of validation data with as many rows each. Give splits as a list."
        )
    return X, y


def seeded(model: Estimator, seed: int) -> Estimator:
    """The model with a seed wherever it would draw one."""
    params = model.get_params(deep=True)
    names = [name for name in params if name.rpartition("__")[2] == "random_state" and params[name] is None]
    return model.set_params(**dict.fromkeys(names, seed))


catcher_lock = threading.Lock()
catchers: dict[int, list[type[Warning]]] = {}  # thread -> categories of its warnings
catcher: list[ExitStack] = []


@contextmanager
def caught_warnings() -> Iterator[list[type[Warning]]]:
    """Collect the warnings of this thread. Unlike `warnings.catch_warnings`, several threads may do so at once."""
    thread = threading.get_ident()
    with catcher_lock:
        if not catchers:
            catcher.append(ExitStack())
            catcher[0].enter_context(warnings.catch_warnings())
            warnings.simplefilter("always")
            show = warnings.showwarning

            def keep(
                message: Warning | str,
                category: type[Warning],
                filename: str,
                lineno: int,
                file: TextIO | None = None,
                line: str | None = None,
            ) -> None:
                mine = catchers.get(threading.get_ident())
                if mine is None:
                    show(message, category, filename, lineno, file, line)
                else:
                    mine.append(category)

            warnings.showwarning = keep
        outer = catchers.get(thread)
        caught: list[type[Warning]] = []
        catchers[thread] = caught
    try:
        yield caught
    finally:
        with catcher_lock:
            if outer is None:
                del catchers[thread]
            else:
                catchers[thread] = outer
            if not catchers:
                catcher.pop().close()
