"""Spaces as users of scikit-learn write them: lists, distributions of scipy, hyperparameters of tunewise."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats._distn_infrastructure import rv_continuous, rv_discrete, rv_frozen

from tunewise.errors import SpaceError
from tunewise.space import Categorical, Configuration, Float, Hyperparameter, Int, SearchSpace, Value
from tunewise.text import shorten

__all__ = ["Choices", "search_space_of"]

TAIL = 0.001
"""A distribution without an end is cut at this quantile, and at 1 minus it."""
DECADES = 100.0
"""A long-tailed positive distribution whose ends differ by so large a factor is searched on a logarithmic scale."""
LONGEST_LABEL = 60
"""Characters by which a choice that is an object is named."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What stands behind the labels of choices that are objects (an estimator, a list, a function).

    Attributes:
        objects: For each such hyperparameter its objects by label.
    """

    objects: Mapping[str, Mapping[str, object]]

    def decode(self, configuration: Configuration) -> dict[str, object]:
        """The parameters that an estimator takes."""
        return {
            name: self.objects[name][str(value)] if name in self.objects else value
            for name, value in configuration.items()
        }


def search_space_of(distributions: Mapping[str, object]) -> tuple[SearchSpace, Choices]:
    """A search space, and what its labels stand for.

    Raises:
        SpaceError: A distribution of an unknown kind, or a list without values.
    """
    space: dict[str, Hyperparameter] = {}
    objects: dict[str, Mapping[str, object]] = {}
    for name, given in distributions.items():
        match given:
            case Hyperparameter():
                space[name] = given
            case rv_frozen():
                space[name] = from_scipy(name, given)
            case str() | Mapping():
                raise unknown(name, given)
            case Iterable():
                values = [v.item() if isinstance(v, np.generic) else v for v in given]
                if not values:
                    raise SpaceError(f"{name} = [] holds no value. Give at least one.")
                if all(isinstance(v, Value) for v in values):
                    space[name] = from_values(values)
                else:
                    objects[name] = labelled(values)
                    space[name] = Categorical(list(objects[name]))
            case _:
                raise unknown(name, given)
    return SearchSpace(space), Choices(objects)


def from_scipy(name: str, frozen: rv_frozen) -> Hyperparameter:
    """The range of a distribution; what it says about more and less likely places is left to the model."""
    low, high = frozen.support()
    low = float(low) if math.isfinite(low) else float(frozen.ppf(TAIL))
    high = float(high) if math.isfinite(high) else float(frozen.ppf(1 - TAIL))
    if isinstance(frozen.dist, rv_discrete):
        return Int(int(low), int(high))
    if not isinstance(frozen.dist, rv_continuous):
        raise unknown(name, frozen)
    middle = float(frozen.median())
    # below the middle of the range on a linear scale, near it on a logarithmic one
    log = low > 0 and high / low >= DECADES and middle < (low + high) / 4
    return Float(low, high, log=log)


def from_values(values: list[Value]) -> Hyperparameter:
    """Whole numbers in even steps as a range, so that what lies between two tried ones is known; else choices."""
    whole = [v for v in values if type(v) is int]
    if len(whole) == len(values) > 2:
        steps = set(np.diff(whole).tolist())
        if len(steps) == 1 and (step := steps.pop()) > 0:
            return Int(whole[0], whole[-1], step=step)
    return Categorical(values)


def labelled(values: list[object]) -> dict[str, object]:
    """Objects by a short text each; a number tells apart those that look the same."""
    labels: dict[str, object] = {}
    for value in values:
        text = " ".join(repr(value).split())
        label = text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL - 3]}..."
        labels[label if label not in labels else f"{label} (#{len(labels)})"] = value
    return labels


def unknown(name: str, given: object) -> SpaceError:
    """What cannot be read."""
    return SpaceError(
        f"{name} = {shorten(given)} is no list of values and no distribution of scipy. Write for example "
        f"{name}: [1, 10, 100] or {name}: scipy.stats.loguniform(1, 100)."
    )
