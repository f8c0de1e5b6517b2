"""Training an estimator in steps, so that its score is known while it learns.

Ensembles grow (`warm_start`): after the last step they are what one call of `fit` makes of them. Others that can
learn row after row pass over all rows once a step (`partial_fit`). Of a pipeline the last part is trained so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final, Protocol, cast

import numpy as np

from tunewise.errors import StudyError

if TYPE_CHECKING:
    from tunewise.evaluate.sklearn_interface import Estimator, Table

    class Gradual(Estimator, Protocol):
        """An estimator that learns row after row."""

        def partial_fit(self, X: object, y: object, /, **more: object) -> object:  # noqa: N803 - the field's name
            """Learn from further rows."""
            ...


__all__ = ["count_steps", "train_in_steps"]

USUAL: Final = 10
"""So many steps where none are asked for and the model is the same in the end."""

STOPS_ITSELF: Final = 10_000
"""Above so many rows scikit-learn's histogram boosting decides by itself when it has learned enough."""


def count_steps(estimator: Estimator, wanted: int | None, rows: int) -> int:
    """In how many steps an estimator is trained; 0: in one call of `fit`.

    Args:
        estimator: An estimator or a pipeline.
        wanted: None: as many as are usual, where that changes nothing about the model.
        rows: Of the training data.

    Raises:
        StudyError: Steps are asked for, and it can learn in one call alone.
    """
    last = last_of(estimator)
    if wanted is None:
        return USUAL if grows_by(last, rows) else 0
    if wanted and not (grows_by(last, rows) or hasattr(last, "partial_fit")):
        raise StudyError(
            f"steps = {wanted}, but {type(last).__name__} learns in one call of fit: it cannot grow with warm_start, "
            "and has no partial_fit. Leave steps out, or take another estimator."
        )
    return wanted


def train_in_steps(model: Estimator, table: Table, steps: int) -> Iterator[int]:
    """Train a model; after each step, how many trees it has, or how often it has seen the rows.

    Args:
        model: Not fitted.
        table: Rows and targets.
        steps: At least 1.
    """
    from sklearn.pipeline import Pipeline

    rows, targets = table
    last = last_of(model)
    if isinstance(model, Pipeline) and last is not model:
        rows = model[:-1].fit_transform(rows, targets)
    size = grows_by(last, len(np.asarray(targets)))
    if size is None:
        yield from pass_over(cast("Gradual", last), rows, targets, steps)
        return
    total = cast("int", last.get_params()[size])
    last.set_params(warm_start=True)
    for count in np.unique(np.linspace(0, total, min(steps, total) + 1).astype(int))[1:]:
        last.set_params(**{size: int(count)}).fit(rows, targets)
        yield int(count)


def pass_over(model: Gradual, rows: object, targets: object, times: int) -> Iterator[int]:
    """Show all rows to a model, again and again."""
    from sklearn.base import is_classifier

    classes = {"classes": np.unique(np.asarray(targets))} if is_classifier(model) else {}
    for epoch in range(1, times + 1):
        model.partial_fit(rows, targets, **(classes if epoch == 1 else {}))
        yield epoch


def last_of(estimator: Estimator) -> Estimator:
    """The last part of a pipeline; an estimator itself."""
    from sklearn.pipeline import Pipeline

    return estimator[-1] if isinstance(estimator, Pipeline) and len(estimator) > 1 else estimator


def grows_by(estimator: Estimator, rows: int) -> str | None:
    """The hyperparameter that says how many trees an ensemble has, where it can grow; else None."""
    params = estimator.get_params(deep=False)
    if "warm_start" not in params or stops_itself(params, rows):
        return None
    name = "n_estimators" if "n_estimators" in params else "max_iter" if "max_leaf_nodes" in params else None
    size = params.get(name) if name else None
    return name if isinstance(size, int | np.integer) and size > 1 else None


def stops_itself(params: Mapping[str, object], rows: int) -> bool:
    """Whether it may end before it has all its trees."""
    early = params.get("early_stopping", params.get("n_iter_no_change") is not None)
    return rows > STOPS_ITSELF if early == "auto" else bool(early)
