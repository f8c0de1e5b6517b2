"""What a language model added to a study over the surrogate, with its uncertainty.

Each trial that the model proposed took the place of the surrogate's own next point, which is stored beside it. What the
model's points improved on the best so far is known; what the others would have improved is what a surrogate that has
seen the whole study believes about them. Both are summed over the model's trials; the difference is the uplift. What
later trials made of either is not part of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from tunewise.history import History, TrialRecord
from tunewise.plain import PlainDict
from tunewise.space import Configuration, SearchSpace

__all__ = ["Uplift", "alternative_of", "measure_uplift"]

DRAWS = 2000
LEAST = 3
"""Without so many values the surrogate knows too little to say what would have been."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uplift:
    """In the metric's unit; more is better, whichever way the metric goes.

    Attributes:
        trials: Numbers of the model's trials that are compared.
        model: By how much they improved on the best of their moment, in all.
        surrogate: What the surrogate's own points would have improved there: median, and the ends of the central 90 %.
        added: The difference, likewise.
        probability: That it is above 0.
    """

    trials: tuple[int, ...]
    model: float
    surrogate: tuple[float, float, float]
    added: tuple[float, float, float]
    probability: float

    def to_dict(self) -> PlainDict:
        """Plain data."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    def in_words(self, metric: str) -> str:
        """Two sentences."""
        own, added = self.surrogate, self.added
        count = "At its one trial" if len(self.trials) == 1 else f"At its {len(self.trials)} trials"
        return (
            f"{count} the language model improved the best {metric} by {self.model:.3g} in all; the surrogate's own "
            f"points there would have by {own[0]:.3g} (90 %: {own[1]:.3g} to {own[2]:.3g}), as far as the whole study "
            f"tells. Added over the surrogate: {added[0]:.3g} (90 %: {added[1]:.3g} to {added[2]:.3g})."
        )


def alternative_of(trial: TrialRecord, space: SearchSpace) -> Configuration | None:
    """The surrogate's own point in whose place a trial ran, if that is known and still allowed."""
    choice = trial.proposal.decision.surrogate_choice
    return choice if choice is not None and space.accepts(choice) else None


def measure_uplift(history: History, space: SearchSpace, *, seed: int = 0) -> Uplift | None:
    """Compare the model's trials with the points in whose place they ran.

    Args:
        history: A study of `auto`.
        space: Its search space.
        seed: Of the draws from the surrogate.

    Returns:
        None where nothing can be compared: no such trial, fewer than three values in the study; several
        objectives, or a trial that violated a constraint, so that the best value does not tell all.
    """
    from tunewise.surrogate import fit_surrogate

    sign = 1.0 if history.direction == "minimize" else -1.0
    told = [t for t in history.finished if t.value is not None and math.isfinite(t.value) and len(t.values) <= 1]
    told = [t for t in told if space.accepts(t.configuration)]
    compared = [t for t in history.told if t.by_model and alternative_of(t, space) and best_before(t, told, sign)]
    if len(told) < LEAST or not compared or not all(t.feasible for t in told):
        return None
    surrogate = fit_surrogate(
        space,
        [t.configuration for t in told],
        [sign * (t.value or 0.0) for t in told],
        failed=[t.configuration for t in history.failed if space.accepts(t.configuration)],
        rng=np.random.default_rng(seed),
    )
    alternatives = [alternative_of(t, space) or {} for t in compared]
    values = surrogate.draw(alternatives, DRAWS, rng=np.random.default_rng(seed))
    model, own = 0.0, np.zeros(DRAWS)
    for column, trial in enumerate(compared):
        (best,) = best_before(trial, told, sign)
        if trial.value is not None and trial.state == "finished":
            model += max(0.0, best - sign * trial.value)
        own += np.maximum(0.0, best - values[:, column])
    added = model - own
    return Uplift(
        trials=tuple(t.number for t in compared),
        model=model,
        surrogate=spread(own),
        added=spread(added),
        probability=float((added > 0).mean()),
    )


def best_before(trial: TrialRecord, told: Sequence[TrialRecord], sign: float) -> tuple[float, ...]:
    """The least value, if any, among the trials that were proposed before a trial."""
    before = [sign * (t.value or 0.0) for t in told if t.number < trial.number]
    return (min(before),) if before else ()


def spread(draws: NDArray[np.float64]) -> tuple[float, float, float]:
    """Median, and the ends of the central 90 %."""
    low, middle, high = np.quantile(draws, (0.05, 0.5, 0.95))
    return float(middle), float(low), float(high)
