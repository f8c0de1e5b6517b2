"""A scikit-learn estimator or pipeline as an evaluator: cross-validation, or a score on validation data."""

from __future__ import annotations

import importlib
import inspect
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from tunewise.checks import check_sklearn
from tunewise.errors import StudyError
from tunewise.evaluate.base import Evaluation
from tunewise.evaluate.function import FunctionEvaluator
from tunewise.evaluate.identity import of_estimator
from tunewise.evaluate.objective import describe
from tunewise.evaluate.run import SILENT, Run
from tunewise.space import Value
from tunewise.task import Direction
from tunewise.text import did_you_mean, shorten

__all__ = ["EstimatorEvaluator", "load_estimator"]


class EstimatorEvaluator:
    """Scores `clone(estimator).set_params(**configuration)`.

    Beside the score, `extra` holds the standard deviation over folds (`std`), the mean time of a fit (`fit_seconds`),
    and, when there were any, the number of warnings and of those that say that a fit did not converge (`warnings`,
    `convergence_warnings`). They are not printed.

    Args:
        estimator: Any estimator with scikit-learn's interface; it is never changed.
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

    Raises:
        StudyError: The estimator has another interface, the scorer is unknown, or the data cannot be split so.
    """

    def __init__(
        self,
        estimator: Any,
        X: Any,  # noqa: N803 - the field's name for it
        y: Any,
        *,
        scoring: str | Callable[..., float] = "accuracy",
        cv: Any = 5,
        timeout_s: float | None = None,
        isolate: bool = False,
        env: Mapping[str, str] | None = None,
        seed: int = 0,
    ) -> None:
        check_sklearn("Scoring an estimator needs")
        check_estimator(estimator)
        self._scoring = scoring
        self._cross_validated = not isinstance(cv, tuple)
        validation = None if self._cross_validated else checked_validation(cv)
        splits = split(estimator, X, y, cv, seed) if self._cross_validated else []
        score = Score(estimator, X, y, make_scorer(scoring), splits, validation, seed, error=scoring == "error")
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

    estimator: Any
    X: Any
    y: Any
    scorer: Callable[..., float]
    splits: Sequence[tuple[Any, Any]]
    validation: tuple[Any, Any] | None
    seed: int
    error: bool

    def __call__(self, configuration: Mapping[str, Value]) -> dict[str, float]:
        from sklearn.base import clone
        from sklearn.exceptions import ConvergenceWarning

        scores, seconds = [], []
        with caught_warnings() as caught:
            template = seeded(clone(self.estimator).set_params(**configuration), self.seed)
            for train, test in self._folds(template):
                model = clone(template)
                start = time.perf_counter()
                model.fit(*train)
                seconds.append(time.perf_counter() - start)
                scores.append(self.scorer(model, *test))
        value = float(np.mean(scores))
        result = {"value": 1 - value if self.error else value, "fit_seconds": float(np.mean(seconds))}
        if len(scores) > 1:
            result["std"] = float(np.std(scores))
        if caught:
            result["warnings"] = len(caught)
            result["convergence_warnings"] = sum(issubclass(category, ConvergenceWarning) for category in caught)
        return result

    def _folds(self, model: Any) -> Iterator[tuple[Any, Any]]:
        """Training part and the rest, each as `(X, y)`."""
        from sklearn.utils.metaestimators import _safe_split

        if self.validation is not None:
            yield (self.X, self.y), self.validation
        for train, test in self.splits:
            yield _safe_split(model, self.X, self.y, train), _safe_split(model, self.X, self.y, test, train)


def load_estimator(address: str | Sequence[str], params: Mapping[str, Any] | None = None) -> Any:
    """Make an estimator that is named in a study file.

    Args:
        address: Where its class can be imported from, for example `sklearn.svm.SVC`; a list makes a pipeline, whose
            steps are named by their class in small letters.
        params: Values other than the defaults, for a pipeline as `svc__C`.

    Raises:
        StudyError: There is no such class, it is no estimator, or it has no such parameter.
    """
    check_sklearn("A study of an estimator needs")
    if not isinstance(address, str):
        from sklearn.pipeline import make_pipeline

        if not address:
            raise StudyError("The pipeline has no steps. Name at least one estimator, such as sklearn.svm.SVC.")
        estimator = make_pipeline(*(load_estimator(step) for step in address))
    else:
        kind = load_class(address)
        try:
            estimator = kind()
        except TypeError as error:
            raise StudyError(f"{address} cannot be made without arguments: {error}. Make it in Python.") from None
    for name in params or {}:
        check_parameter(estimator, name, StudyError)
    return estimator.set_params(**(params or {}))


def load_class(address: str) -> Any:
    """An estimator's class, by its address."""
    module_name, _, name = address.strip().rpartition(".")
    if not module_name:
        raise StudyError(f"{shorten(address)} is not the address of a class. Write for example sklearn.svm.SVC.")
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        raise StudyError(
            f"{module_name} cannot be imported: {describe(error)}. Correct its name, or install it."
        ) from error
    kind = getattr(module, name, None)
    if kind is None:
        raise StudyError(f"{module_name} has no {name}. {did_you_mean(name, dir(module), 'Correct the name.')}")
    if not inspect.isclass(kind) or not all(callable(getattr(kind, m, None)) for m in ("fit", "set_params")):
        raise StudyError(f"{address} is no estimator: it needs the methods fit and set_params. Name a class with both.")
    return kind


def check_parameter(estimator: Any, name: str, error: type[StudyError] | type[Exception]) -> None:
    """Raise `error` when the estimator has no such parameter."""
    known = list(estimator.get_params(deep=True))
    if name not in known:
        ends = [key for key in known if key.rpartition("__")[2].lower() == name.lower()]  # C for svc__C
        hint = did_you_mean(ends[0] if ends else name, known, f"It has: {', '.join(known[:20])}.")
        raise error(f"{type(estimator).__name__} has no hyperparameter {name}. {hint}")


def check_estimator(estimator: Any) -> None:
    """Raise unless it has scikit-learn's interface."""
    if inspect.isclass(estimator):
        raise StudyError(f"{estimator.__name__} is a class. Give an estimator: {estimator.__name__}().")
    if missing := [
        name for name in ("fit", "get_params", "set_params") if not callable(getattr(estimator, name, None))
    ]:
        raise StudyError(f"{shorten(estimator)} is no estimator: it has no {missing[0]}. Give one, or use a function.")


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


def split(estimator: Any, X: Any, y: Any, cv: Any, seed: int) -> list[tuple[Any, Any]]:  # noqa: N803
    """The folds, fixed once for all trials."""
    from sklearn.base import is_classifier
    from sklearn.model_selection import KFold, StratifiedKFold, check_cv

    try:
        if isinstance(cv, int):
            kind = StratifiedKFold if is_classifier(estimator) and np.ndim(y) == 1 else KFold
            cv = kind(cv, shuffle=True, random_state=seed)
        with caught_warnings():  # of classes with fewer members than folds
            return list(check_cv(cv, y).split(X, y))
    except (TypeError, ValueError) as error:
        raise StudyError(f"The data cannot be split: {describe(error)}. Check X, y and cv.") from error


def checked_validation(cv: tuple[Any, ...]) -> tuple[Any, Any]:
    """Validation data, or an error when the tuple is something else."""
    if len(cv) != 2 or len(cv[0]) != len(cv[1]):
        raise StudyError(
            "cv is a tuple, but not (X, y) of validation data with as many rows each. Give splits as a list."
        )
    return cv[0], cv[1]


def seeded(model: Any, seed: int) -> Any:
    """The model with a seed wherever it would draw one."""
    params = model.get_params(deep=True)
    names = [name for name in params if name.rpartition("__")[2] == "random_state" and params[name] is None]
    return model.set_params(**dict.fromkeys(names, seed))


catcher_lock = threading.Lock()
catchers: dict[int, list[type[Warning]]] = {}  # thread -> categories of its warnings
catcher: list[warnings.catch_warnings[Any]] = []


@contextmanager
def caught_warnings() -> Iterator[list[type[Warning]]]:
    """Collect the warnings of this thread. Unlike `warnings.catch_warnings`, several threads may do so at once."""
    thread = threading.get_ident()
    with catcher_lock:
        if not catchers:
            catcher.append(warnings.catch_warnings())
            catcher[0].__enter__()
            warnings.simplefilter("always")
            show = warnings.showwarning

            def showwarning(message: Any, category: type[Warning], *place: Any, **more: Any) -> None:
                mine = catchers.get(threading.get_ident())
                if mine is None:
                    show(message, category, *place, **more)
                else:
                    mine.append(category)

            warnings.showwarning = showwarning
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
                catcher.pop().__exit__(None, None, None)
