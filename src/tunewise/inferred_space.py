"""The search space of a study that names none: every parameter that any trial has had."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunewise.changes import Changes

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study

__all__ = ["InferredSpace"]


class InferredSpace:
    """The parameters of one study, each as the latest trial had it."""

    def __init__(self) -> None:
        self._changes = Changes()
        self._skipped: set[int] = set()  # by the last reading
        self._latest: dict[str, tuple[int, BaseDistribution]] = {}  # of each parameter: in which trial, and how

    def read(self, study: Study, *, skip: int) -> dict[str, BaseDistribution]:
        """The parameters of all trials but for the one with the number `skip`."""
        trials = study.get_trials(deepcopy=False)
        numbers = self._changes.since(len(trials), trials.__getitem__)
        if len(numbers) == len(trials):
            self._latest = {}
        for number in {*numbers, *(n for n in self._skipped if n < len(trials))} - {skip}:
            for name, distribution in trials[number].distributions.items():
                if name not in self._latest or number >= self._latest[name][0]:
                    self._latest[name] = number, distribution
        self._skipped = {skip}
        return {name: distribution for name, (_, distribution) in self._latest.items()}
