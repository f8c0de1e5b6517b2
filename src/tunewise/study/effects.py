"""What each hyperparameter does to the metric: the one answer to "what matters?", from the surrogate of the trials."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeGuard

import numpy as np
from threadpoolctl import threadpool_limits

from tunewise.history import History, TrialRecord
from tunewise.space import NO_DEFAULT, SearchSpace

if TYPE_CHECKING:
    from tunewise.surrogate import Surrogate
    from tunewise.surrogate.effects import Estimate

__all__ = ["EffectsOfStudy", "best_and_latest"]

MAX_TRIALS = 200
"""Trials behind the surrogate, the best and the latest: its fit takes the cube of their number."""
LEAST = 3
"""Finished trials below which there is no surrogate."""


@dataclass(frozen=True)
class EffectsOfStudy:
    """The surrogate of a study, and what it says.

    Attributes:
        space: The search space; None where the study tells none.
        history: Its trials.
    """

    space: SearchSpace | None
    history: History

    @cached_property
    def trials(self) -> list[TrialRecord]:
        """Those that have a place in the space."""
        return [t for t in best_and_latest(self.history, MAX_TRIALS) if self.space and has_place(self.space, t)]

    @cached_property
    def finished(self) -> list[TrialRecord]:
        """Those among them that have a value."""
        return [t for t in self.trials if t.state == "finished" and t.value is not None]

    @property
    def sign(self) -> float:
        """Turns the metric into something to minimize."""
        return 1.0 if self.history.direction == "minimize" else -1.0

    @cached_property
    def surrogate(self) -> Surrogate | None:
        """Fitted to the trials, with a fixed seed; it minimizes. None while there are too few."""
        if self.space is None or len(self.finished) < LEAST:
            return None
        from tunewise.surrogate import fit_surrogate

        with threadpool_limits(1):  # small matrices: on a busy machine two threads were ten times slower than one
            return fit_surrogate(
                self.space,
                [t.configuration for t in self.finished],
                [self.sign * (t.value or 0.0) for t in self.finished],
                failed=[t.configuration for t in self.trials if t.state == "failed"],
                rng=np.random.default_rng(0),
            )

    @cached_property
    def estimates(self) -> dict[str, Estimate]:
        """What is known of each hyperparameter, the greatest share first."""
        if len({t.value for t in self.finished}) < 2:
            return {}
        try:
            with threadpool_limits(1):
                found = self.surrogate.effects() if self.surrogate else ()
        except (ArithmeticError, ValueError):  # a study file is anybody's
            return {}
        told = [(one.name, one.estimate) for one in found if one.estimate]
        return dict(sorted(told, key=lambda item: -item[1].share))

    @property
    def shares(self) -> dict[str, float]:
        """The share of each hyperparameter in all main effects, the greatest first, as far as the trials tell."""
        return {name: round(estimate.share, 3) for name, estimate in self.estimates.items()}

    @property
    def order(self) -> Sequence[str]:
        """Hyperparameters of the space, those that matter most first."""
        return [*self.shares, *(name for name in self.space or () if name not in self.shares)]


def has_place(space: SearchSpace, trial: TrialRecord) -> bool:
    """Whether a trial has a place in the space: hyperparameters of other people change their type within a study."""
    known = {name: given for name, given in trial.configuration.items() if name in space}
    return bool(known) and all(
        is_number(given) if space[name].ordered else space[name].match(given) is not NO_DEFAULT
        for name, given in known.items()
    )


def is_number(given: object) -> TypeGuard[float]:
    """Whether it is a finite number."""
    return isinstance(given, int | float) and not isinstance(given, bool) and math.isfinite(given)


def best_and_latest(history: History, most: int) -> list[TrialRecord]:
    """All trials, or so many of them: the best half, and the latest ones besides."""
    kept = {trial.number for trial in history.ranked[: most // 2]}
    for trial in reversed(history):
        if len(kept) >= most:
            break
        kept.add(trial.number)
    return [trial for trial in history if trial.number in kept]
