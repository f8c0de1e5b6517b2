"""What the surrogate believes about each hyperparameter, as numbers that a prompt or a report can put into words.

The effect of a hyperparameter is the surrogate's mean along it, averaged over a sample of everything else [Jones]:
its variance, as a share of the sum over all hyperparameters, is the sensitivity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tunewise.space import Value
from tunewise.surrogate.gp import GP
from tunewise.surrogate.lattice import Dimension, Lattice

__all__ = ["Belief", "explain"]

Array = NDArray[np.float64]

STOPS: Final = 15
"""At so many places a continuous hyperparameter is looked at, both bounds included."""

MOST: Final = 4096
"""At most about so many points are predicted for one hyperparameter."""


@dataclass(frozen=True, slots=True)
class Belief:
    """What is believed about one hyperparameter, on its own scale.

    Attributes:
        name: Of the hyperparameter.
        sensitivity: Its share of all main effects, in [0, 1]; they sum to 1, or are all 0 when nothing is known.
        trend: Rank correlation of value and expected loss, in [-1, 1]: above 0, small is better. 0 for categories.
        best: The value that is expected to be best on average over everything else.
        good: The values expected to be good: the ends of the range for a number, the choices for a category.
        least_known: The value about which least is known.
        doubt: How uncertain the surrogate is there, in [0, 1] of what it would be without any trial.
    """

    name: str
    sensitivity: float
    trend: float
    best: Value
    good: tuple[Value, ...]
    least_known: Value
    doubt: float


def explain(gp: GP, lattice: Lattice, sample: Array) -> tuple[Belief, ...]:
    """Beliefs in the order of the space; a hyperparameter that exists nowhere in the sample is left out.

    Args:
        gp: Of values to be minimized.
        lattice: The space.
        sample: `m x d` configurations to average over.
    """
    found = {}
    for dimension in lattice.dimensions:
        there = sample[lattice.exists(sample)[dimension.name]]
        if len(there):
            found[dimension.name] = look_along(dimension, gp, lattice, there)
    variances = {name: float(effect.var()) for name, (_, effect, _) in found.items()}
    total = sum(variances.values())
    prior_std = gp.scale * np.sqrt(gp.hyperparameters.signal)
    beliefs = []
    for name in (name for name in lattice.space if name in found):
        places, effect, doubt = found[name]
        values = [lattice.space[name].decode(list(place)) for place in places]
        category = bool(lattice.space[name].choices)
        good = [v for v, e in zip(values, effect, strict=True) if e <= effect.min() + 0.25 * np.ptp(effect)]
        beliefs.append(
            Belief(
                name=name,
                sensitivity=variances[name] / total if total > 1e-12 * prior_std**2 else 0.0,
                trend=0.0 if category else rank_correlation(effect),
                best=values[int(np.argmin(effect))],
                good=tuple(good) if category else (good[0], good[-1]),
                least_known=values[int(np.argmax(doubt))],
                doubt=float(min(doubt.max() / prior_std, 1.0)),
            )
        )
    return tuple(beliefs)


def look_along(dimension: Dimension, gp: GP, lattice: Lattice, sample: Array) -> tuple[Array, Array, Array]:
    """Places along a hyperparameter (`k x width`), and the mean and the standard deviation (`k` each) there."""
    places = dimension.values if len(dimension.values) else np.linspace(0, 1, STOPS)[:, None]
    sample = sample[: max(8, MOST // len(places))]
    moved = np.repeat(sample[None], len(places), axis=0)
    moved[:, :, dimension.columns] = places[:, None]
    mean, std = gp.predict(lattice.snap(moved.reshape(-1, sample.shape[1])))
    shape = (len(places), len(sample))
    return places, mean.reshape(shape).mean(axis=1), std.reshape(shape).mean(axis=1)


def rank_correlation(effect: Array) -> float:
    """Spearman's, of an effect and its own order of places; 0 when the effect is flat."""
    if np.ptp(effect) <= 1e-9 * max(1.0, float(np.abs(effect).max())):
        return 0.0
    return float(np.corrcoef(np.arange(len(effect)), np.argsort(np.argsort(effect)))[0, 1])
