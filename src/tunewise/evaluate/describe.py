"""What an estimator, its documentation and the data say about themselves, for the language model to know."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tunewise.checks import check_sklearn
from tunewise.errors import SpaceError
from tunewise.evaluate.sklearn_interface import Estimator, check_estimator, check_parameter
from tunewise.space import NO_DEFAULT, Hyperparameter, SearchSpace
from tunewise.task import DataCard, Direction, Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["describe_data", "describe_estimator"]

LONGEST = 300  # characters of a description
POINTER = re.compile(r"(See|Read|Refer|For|Check)\b.*:(ref|term):")  # a sentence that only points elsewhere


def describe_estimator(
    estimator: Estimator,
    space: SearchSpace | Mapping[str, Hyperparameter],
    X: object = None,  # noqa: N803 - the field's name for it
    y: object = None,
    *,
    data_name: str = "",
    metric: str = "loss",
    direction: Direction | None = None,
) -> tuple[Task, SearchSpace]:
    """Say what is tuned, without a word from the user.

    Args:
        estimator: An estimator or pipeline of scikit-learn.
        space: Hyperparameters named as in `set_params`. Descriptions that are missing come from the estimator's
            docstring, defaults that are missing from its current parameters, where the space allows them.
        X: Training data, `n x d`; None when nothing may be told.
        y: Targets, `n`.
        data_name: What the data is called.
        metric: Name of the number that is optimized.
        direction: Whether it should be small or large.

    Raises:
        SpaceError: The estimator has no such hyperparameter.
        StudyError: It is no estimator.
    """
    check_estimator(estimator)
    params = estimator.get_params(deep=True)
    described = {}
    for name, hyperparameter in space.items():
        check_parameter(estimator, name, SpaceError)
        owner, _, own_name = name.rpartition("__")
        described[name] = replace(
            hyperparameter,
            description=hyperparameter.description or documentation(params[owner] if owner else estimator, own_name),
            default=hyperparameter.match(params[name])
            if hyperparameter.default is NO_DEFAULT
            else hyperparameter.default,
        )
    card = None if X is None else replace(describe_data(X, y, estimator), name=data_name)
    task = Task(model=model_of(estimator), library=library_of(estimator), data=card, metric=metric, direction=direction)
    return task, SearchSpace(described)


def describe_data(X: object, y: object = None, estimator: object = None) -> DataCard:  # noqa: N803
    """Rows, features, classes and their balance; for a regression the spread of the target."""
    check_sklearn("Describing data needs")
    from sklearn.base import is_regressor

    shape = X.shape if hasattr(X, "shape") else np.asarray(X).shape
    facts = []
    targets = None if y is None else np.asarray(y)
    regression = estimator is not None and is_regressor(estimator)
    classes = None
    if targets is not None and targets.ndim == 1 and not regression and len(targets):
        _, counts = np.unique(targets.astype(str) if targets.dtype == object else targets, return_counts=True)
        classes = len(counts)
        facts.append(balance(counts / counts.sum()))
    elif targets is not None and targets.ndim == 1 and targets.dtype.kind in "iuf" and len(targets):
        facts.append(f"target with mean {targets.mean():.3g} and standard deviation {targets.std():.3g}")
    if isinstance(X, np.ndarray) and X.dtype.kind == "f" and (missing := float(np.isnan(X).mean())) > 0:
        facts.append(f"{missing:.1%} of the values are missing")
    return DataCard(
        rows=int(shape[0]) if shape and shape[0] else None,
        features=int(shape[1]) if len(shape) == 2 and shape[1] else None,
        classes=classes,
        description="; ".join(facts),
    )


def balance(shares: NDArray[np.float64]) -> str:
    """How evenly the classes are filled, in words."""
    low, high = float(shares.min()), float(shares.max())
    if high < 1.5 * low:
        return f"balanced classes, each with about {1 / len(shares):.0%} of the rows"
    return f"unbalanced classes: the largest holds {high:.0%} of the rows, the smallest {low:.1%}"


def documentation(owner: object, name: str) -> str:
    """What the docstring of an estimator says about a parameter, in a sentence or two; empty when nothing."""
    import docstring_parser

    for text in (type(owner).__doc__, type(owner).__init__.__doc__):
        with suppress(docstring_parser.ParseError):
            for param in docstring_parser.parse(text or "").params:
                names = [part.strip() for part in param.arg_name.split(",")]
                if name in names and param.description:
                    return summary(param.description)
    return ""


def summary(text: str) -> str:
    """The first two sentences of a piece of a docstring as plain text; of a list, as much as there is room for."""
    text = re.sub(r"(?m)^[ \t]*\.\.[ \t]*\w+::.*(?:\n(?:[ \t]+.*|[ \t]*(?=\n|\Z)))*", "", text)  # version notes
    is_list = text.split("\n\n")[0].rstrip().endswith(":")
    text = re.sub(r"(?m)^\s*[-*] +", "", text)
    text = " ".join(text.split())
    text = re.sub(r",? \(?see :ref:`[^`]*`\)?", "", text)
    sentences = [s for s in re.split(r"(?<=[.!?])\s+(?=[A-Z`'\":])", text) if not POINTER.match(s)]
    plain = [plain_text(sentence) for sentence in sentences][: None if is_list else 2]
    chosen = plain[0] if plain else ""
    for sentence in plain[1:]:
        if len(chosen) + 1 + len(sentence) > LONGEST:
            break
        chosen += f" {sentence}"
    return chosen if len(chosen) <= LONGEST else chosen[: LONGEST - 3].rsplit(" ", 1)[0] + "..."


def plain_text(text: str) -> str:
    """Text without the marks of reStructuredText: roles, targets, backticks."""

    def shown(match: re.Match[str]) -> str:
        title = re.sub(r"\s*<[^>]*>$", "", match[1])
        return title[1:].rpartition(".")[2] if title.startswith("~") else title

    text = re.sub(r":[\w:+.-]+:`([^`]*)`", shown, text)
    return re.sub(r"`+([^`]*)`+_*", lambda match: re.sub(r"\s*<[^>]*>$", "", match[1]), text)


def model_of(estimator: object) -> str:
    """Class name and first line of the docstring; for a pipeline its steps and the last one in full."""
    steps = getattr(estimator, "steps", None)
    if steps:
        before = [type(step).__name__ for _, step in steps[:-1] if hasattr(step, "fit")]
        return " -> ".join([*before, model_of(steps[-1][1])])
    first = (type(estimator).__doc__ or "").strip().partition("\n")[0].strip().rstrip(".")
    name = type(estimator).__name__
    return f"{name}: {plain_text(first)}" if first and not first.startswith(f"{name}(") else name


def library_of(estimator: object) -> str:
    """The library that the (last) estimator comes from, with its version."""
    steps = getattr(estimator, "steps", None)
    root = type(steps[-1][1] if steps else estimator).__module__.partition(".")[0]
    version = getattr(importlib.import_module(root), "__version__", None) if root != "__main__" else None
    if root == "sklearn" or version is None:
        import sklearn

        return f"scikit-learn {sklearn.__version__}"
    return f"{root} {version}"
