"""What earlier studies of the same or an overlapping space have found, as a new study reads it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tunewise.errors import InvalidReply, StudyError
from tunewise.history import History, TrialRecord
from tunewise.space import Configuration, SearchSpace, Value
from tunewise.task import Direction

__all__ = ["PriorStudy", "PriorTrial"]

LATEST = 1000
"""Of a longer study, besides its best trial, so many are read."""


@dataclass(frozen=True, slots=True)
class PriorTrial:
    """A trial of an earlier study.

    Attributes:
        configuration: Its values of the hyperparameters that both studies have, allowed here.
        value: Its metric there; None where it gave none, because it failed or was pruned.
        number: In its study.
    """

    configuration: Configuration
    value: float | None
    number: int


@dataclass(frozen=True, eq=False)
class PriorStudy:
    """An earlier study, as far as it fits into the space of this one.

    Attributes:
        name: How it is called in prompts and messages.
        trials: The best first, those without a value last.
        left_out: How many of its trials do not fit.
        metric: What it measured.
        direction: Whether small or large values are good there.
        model: What it tuned; empty where it does not say.
        data: On which data, and how large they were; empty where it does not say.
        weight: How likely it is beforehand that a new study is like it, beside others, above 0.
    """

    name: str
    trials: tuple[PriorTrial, ...]
    left_out: int = 0
    metric: str = "value"
    direction: Direction = "minimize"
    weight: float = 1.0
    model: str = ""
    data: str = ""

    @property
    def costs(self) -> list[float]:
        """A number for each trial, small is good: one without a value is as bad as the worst that has one."""
        sign = 1.0 if self.direction == "minimize" else -1.0
        known = [sign * t.value for t in self.trials if t.value is not None]
        return known + [max(known)] * (len(self.trials) - len(known))

    @property
    def shared(self) -> frozenset[str]:
        """The hyperparameters that it tells something about."""
        return frozenset(name for t in self.trials for name in t.configuration)

    def best(self, space: SearchSpace, count: int) -> list[Configuration]:
        """Its best configurations that say all that this space needs, or do so with its defaults."""
        default = space.default or {}
        filled = [space.ordered({**default, **t.configuration}) for t in self.trials if t.value is not None]
        return [c for c in filled[:count] if space.accepts(c)]

    @classmethod
    def of(
        cls,
        history: History,
        space: SearchSpace,
        *,
        name: str,
        metric: str = "value",
        model: str = "",
        data: str = "",
    ) -> PriorStudy:
        """What a history has to say about a space.

        A trial fits when all its values of hyperparameters that this space has are allowed here, and it has values of
        all those that the study tells something about.

        Raises:
            StudyError: No trial with a finite value fits.
        """
        told = [t for t in history.told if t.configuration]
        common = [n for n in space if any(n in t.configuration for t in told)]
        if not common:
            raise StudyError(
                f"The prior study {name} has no hyperparameter of this space: it has "
                f"{', '.join(sorted({n for t in told for n in t.configuration})) or 'no trials'}, and this one "
                f"{', '.join(space)}. Leave it out, or give what is the same the same name."
            )
        fitting = [read for t in told[-LATEST:] if (read := fitted(t, space, common)) is not None]
        sign = 1.0 if history.direction == "minimize" else -1.0
        fitting.sort(key=lambda t: math.inf if t.value is None else sign * t.value)
        if not any(t.value is not None for t in fitting):
            raise StudyError(
                f"The prior study {name} has no finished trial that fits this space. Leave it out, or compare the "
                f"ranges of {', '.join(common)}."
            )
        left_out = len(told) - len(fitting)
        return cls(name, tuple(fitting), left_out, metric, history.direction, model=model, data=data)


def fitted(trial: TrialRecord, space: SearchSpace, common: Sequence[str]) -> PriorTrial | None:
    """A trial with what it says about a space; None where it does not fit."""
    configuration: Configuration = {}
    for name in common:
        if name not in trial.configuration:
            if space[name].when:
                continue
            return None
        if (found := allowed(name, trial.configuration, space)) is None:
            return None
        configuration[name] = found[0]
    value = trial.value if trial.state == "finished" else None
    return PriorTrial(configuration, value if value is not None and math.isfinite(value) else None, trial.number)


def allowed(name: str, configuration: Mapping[str, Value], space: SearchSpace) -> tuple[Value] | None:
    """A value that the space allows, moved to its grid if it has one; None where there is none."""
    given = configuration[name]
    try:
        value, broken = space[name].coerce(given)
    except InvalidReply:
        return None
    if broken and not inside(given, space[name].distribution):
        return None
    return (value,)


def inside(given: Value, distribution: object) -> bool:
    """Whether a number is between the bounds of a range."""
    low, high = getattr(distribution, "low", None), getattr(distribution, "high", None)
    return isinstance(given, int | float) and low is not None and high is not None and low <= given <= high
