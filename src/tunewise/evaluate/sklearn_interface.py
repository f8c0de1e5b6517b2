"""scikit-learn's interface: what an estimator has, and the one that an address names."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, Self, TypeAlias, TypeGuard

from tunewise.checks import check_sklearn
from tunewise.errors import StudyError
from tunewise.evaluate.objective import describe
from tunewise.text import did_you_mean, shorten

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Estimator", "Predictor", "Table", "check_estimator", "check_parameter", "load_estimator"]

Table: TypeAlias = tuple[object, object]
"""Rows and their targets, in any form that scikit-learn takes."""


class Estimator(Protocol):
    """What scikit-learn's estimators and pipelines have."""

    def fit(self, X: object, y: object, /) -> object:  # noqa: N803 - the field's name for it
        """Learn from rows and their targets."""
        ...

    def get_params(self, deep: bool = True) -> dict[str, object]:
        """Hyperparameters by name; deep: those of its parts, too."""
        ...

    def set_params(self, **params: object) -> Self:
        """Change hyperparameters."""
        ...


class Predictor(Estimator, Protocol):
    """An estimator that predicts."""

    def predict(self, X: object, /) -> NDArray[np.float64]:  # noqa: N803 - the field's name for it
        """A number or a class for each row."""
        ...


def load_estimator(address: str | Sequence[str], params: Mapping[str, object] | None = None) -> Estimator:
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
        estimator: Estimator = make_pipeline(*(load_estimator(step) for step in address))
    else:
        kind = load_class(address)
        try:
            estimator = kind()
        except TypeError as error:
            raise StudyError(f"{address} cannot be made without arguments: {error}. Make it in Python.") from None
    for name in params or {}:
        check_parameter(estimator, name, StudyError)
    return estimator.set_params(**(params or {}))


def load_class(address: str) -> Callable[[], Estimator]:
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
    if not is_estimator_class(kind):
        raise StudyError(f"{address} is no estimator: it needs the methods fit and set_params. Name a class with both.")
    return kind


def is_estimator_class(kind: object) -> TypeGuard[Callable[[], Estimator]]:
    """Whether it is a class with scikit-learn's interface."""
    return inspect.isclass(kind) and all(callable(getattr(kind, m, None)) for m in ("fit", "set_params"))


def check_parameter(estimator: Estimator, name: str, error: type[StudyError] | type[Exception]) -> None:
    """Raise `error` when the estimator has no such parameter."""
    known = list(estimator.get_params(deep=True))
    if name not in known:
        ends = [key for key in known if key.rpartition("__")[2].lower() == name.lower()]  # C for svc__C
        hint = did_you_mean(ends[0] if ends else name, known, f"It has: {', '.join(known[:20])}.")
        raise error(f"{type(estimator).__name__} has no hyperparameter {name}. {hint}")


def check_estimator(estimator: object) -> None:
    """Raise unless it has scikit-learn's interface."""
    if inspect.isclass(estimator):
        raise StudyError(f"{estimator.__name__} is a class. Give an estimator: {estimator.__name__}().")
    if missing := [
        name for name in ("fit", "get_params", "set_params") if not callable(getattr(estimator, name, None))
    ]:
        raise StudyError(f"{shorten(estimator)} is no estimator: it has no {missing[0]}. Give one, or use a function.")
