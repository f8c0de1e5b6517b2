"""What the values say about each hyperparameter, for a prompt, a report or an answer to put into words.

The effect of a hyperparameter is the mean value along it, averaged over a sample of everything else [Jones]. The
process knows it with an uncertainty. What the values cannot support is not said: there is an `Estimate` only where
most of the effect is known, and it names only places near which somebody looked.
"""

# ruff: noqa: N803 - X, as the literature calls a matrix of points
from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from tunewise.space import Value
from tunewise.surrogate.lattice import Dimension, Lattice

__all__ = ["Effect", "Estimate", "Process", "measure_effects"]

Array = NDArray[np.float64]

STOPS: Final = 15
"""At so many places a hyperparameter is looked at, both bounds included; of a category at so many choices."""

SAMPLE: Final = 16
"""Over so many configurations an effect is averaged."""

DRAWS: Final = 200
"""So many effects are drawn to tell whether a direction is sure."""

SURE: Final = 0.9
"""A direction is told when it has this probability."""

SMALL: Final = 0.05
"""A hyperparameter with a smaller share of all effects matters little, whatever its exact effect."""

LOOKED: Final = 0.125
"""A place is known to somebody when a trial lies no farther away, in units of the range."""


class Process(Protocol):
    """What is believed about the function of the values."""

    def joint(self, X: Array) -> tuple[Array, Array]:
        """`s` possible functions at `m x d` points: `s x m` means and their `s x m x m` covariances."""
        ...


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is known about one hyperparameter, on its own scale.

    Attributes:
        share: Its share of all main effects, in [0, 1], what is not known yet included in all.
        trend: Rank correlation of value and expected loss, in [-1, 1]: above 0, small is better. 0 for categories and
            where the direction is not sure.
        best: The value that is expected to be best on average over everything else, among those near trials.
        good: The values expected to be nearly as good: the ends of the range for a number, the choices for a category.
    """

    share: float
    trend: float
    best: Value
    good: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Effect:
    """Of one hyperparameter.

    Attributes:
        name: Of the hyperparameter.
        estimate: What is known; None: nothing yet.
        unexplored: The value farthest from all trials, when nobody looked near it; else empty. Never among the
            values of the estimate.
    """

    name: str
    estimate: Estimate | None
    unexplored: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """An effect at `k` places: its mean, covariance, and whether somebody looked there."""

    values: list[Value]
    mean: Array
    covariance: Array
    looked: NDArray[np.bool_]

    @property
    def shown(self) -> float:
        """Variance of what is known of the effect."""
        return float(self.mean.var())

    @property
    def unknown(self) -> float:
        """Expected variance of what is not."""
        return max(0.0, float(self.covariance.diagonal().mean() - self.covariance.mean()))


def measure_effects(process: Process, lattice: Lattice, tried: Array, sample: Array) -> tuple[Effect, ...]:
    """Effects in the order of the space; a hyperparameter that exists nowhere in the sample is left out.

    With no more trials than hyperparameters that were varied nothing is known about any: even straight lines
    could not be told apart.

    Args:
        process: Of values to be minimized.
        lattice: The space.
        tried: `n x d` finished trials.
        sample: `m x d` configurations to average over.
    """
    curves = {}
    exists, existed = lattice.exists(sample), lattice.exists(tried)
    for dimension in lattice.dimensions:
        there = sample[exists[dimension.name]][:SAMPLE]
        if len(there):
            own = tried[existed[dimension.name]][:, dimension.columns]
            curves[dimension.name] = look_along(dimension, process, lattice, there, own)
    varied = {d.name for d in lattice.dimensions if len(np.unique(tried[existed[d.name]][:, d.columns], axis=0)) > 1}
    total = sum(curve.shown + curve.unknown for curve in curves.values())
    enough = len(np.unique(tried, axis=0)) > len(varied) + 1 and total > 0
    return tuple(
        Effect(
            name,
            estimate(curves[name], total, category=not lattice.space[name].ordered)
            if enough and name in varied
            else None,
            unexplored(curves[name]),
        )
        for name in lattice.space
        if name in curves
    )


def latin_hypercube(n: int, width: int, rng: np.random.Generator) -> Array:
    """`n x width` points in the unit cube, spread evenly along each of its axes.

    Evenly spread samples average functions that are sums over the axes best [McKay, Beckman, Conover 1979], and
    scipy's module for them takes half a second to import.
    """
    strata = rng.permuted(np.tile(np.arange(n), (width, 1)), axis=1).T
    return (strata + rng.random((n, width))) / n


def look_along(dimension: Dimension, process: Process, lattice: Lattice, sample: Array, tried: Array) -> Curve:
    """The effect of one hyperparameter; of many choices at those that were tried, and at one that was not.

    Args:
        dimension: The hyperparameter.
        process: Of the values.
        lattice: The space.
        sample: `m x d` configurations to average over.
        tried: `n x width` places of the trials in which it exists.
    """
    places = dimension.values if len(dimension.values) else np.linspace(0, 1, STOPS)[:, None]
    hyperparameter = lattice.space[dimension.name]
    if dimension.one_hot:
        looked = tried.max(axis=0, initial=0.0) > 0
    else:
        looked = (np.abs(tried - places.T) <= LOOKED + 1e-9).any(axis=0)
    if len(places) > STOPS:
        shown = np.append(np.flatnonzero(looked)[: STOPS - 1], np.flatnonzero(~looked)[:1])
        places, looked = places[shown], looked[shown]
    moved = np.repeat(sample[None], len(places), axis=0)
    moved[:, :, dimension.columns] = places[:, None]
    mean, covariance = process.joint(lattice.snap(moved.reshape(-1, sample.shape[1])))
    k, m = len(places), len(sample)
    means = mean.reshape(-1, k, m).mean(axis=2)
    covariances = covariance.reshape(-1, k, m, k, m).mean(axis=(2, 4))
    values = [hyperparameter.decode(list(place)) for place in places]
    between = np.cov(means, rowvar=False, bias=True).reshape(k, k)
    return Curve(values, means.mean(axis=0), covariances.mean(axis=0) + between, looked)


def estimate(curve: Curve, total: float, *, category: bool) -> Estimate | None:
    """What can be said of an effect; None where more of it is unknown than known, unless it is small anyway."""
    small = curve.shown + curve.unknown < SMALL * total
    if not curve.looked.any() or (curve.unknown > curve.shown and not small):
        return None
    places = np.flatnonzero(curve.looked)
    effect = curve.mean[places]
    good = [curve.values[i] for i in places[effect <= effect.min() + 0.25 * np.ptp(curve.mean)]]
    return Estimate(
        share=curve.shown / total,
        trend=0.0 if category else trend(curve),
        best=curve.values[places[int(np.argmin(effect))]],
        good=tuple(good) if category else (good[0], good[-1]),
    )


def trend(curve: Curve) -> float:
    """Rank correlation of an effect and its order of places; 0 when its sign is not sure."""
    order = np.arange(len(curve.mean)) - (len(curve.mean) - 1) / 2
    rng = np.random.default_rng(0)
    drawn = rng.multivariate_normal(curve.mean, curve.covariance, DRAWS, check_valid="ignore", method="svd")
    rising = float(np.mean(drawn @ order > 0))
    if max(rising, 1 - rising) < SURE or np.ptp(curve.mean) <= 0:
        return 0.0
    return float(np.corrcoef(order, np.argsort(np.argsort(curve.mean)))[0, 1])


def unexplored(curve: Curve) -> tuple[Value, ...]:
    """The least known of the places near which nobody looked, if there is one."""
    doubt = np.where(curve.looked, -1.0, curve.covariance.diagonal())
    return () if curve.looked.all() else (curve.values[int(np.argmax(doubt))],)
