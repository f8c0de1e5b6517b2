"""What a conversation is about: a study as it is now, a log, scripts."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Self

from tunewise.assistant.sources import Source
from tunewise.errors import SpaceError, TaskError
from tunewise.report.records import ENOUGH_FOR_IMPORTANCE, Record, best_and_latest, read
from tunewise.space import SearchSpace
from tunewise.task import Task

if TYPE_CHECKING:
    import optuna

    from tunewise.history import TrialRecord

__all__ = ["Subject"]

MAX_JUDGED = 200
"""Trials from which importances are computed."""


@dataclass(frozen=True)
class Subject:
    """What is known, read at one moment.

    Attributes:
        study: The study, if there is one.
        logs: At most one.
        scripts: In the order given.
        judged: Importances by the number of finished trials, which they are computed for once.
    """

    study: optuna.Study | None = None
    logs: tuple[Source, ...] = ()
    scripts: tuple[Source, ...] = ()
    judged: dict[int, dict[str, float]] = field(default_factory=dict, repr=False)

    def fresh(self) -> Self:
        """The same, read again: studies go on while people talk."""
        return replace(self)

    @property
    def sources(self) -> tuple[Source, ...]:
        """Logs and scripts."""
        return self.logs + self.scripts

    @cached_property
    def record(self) -> Record | None:
        """The study, whatever state it is in."""
        return None if self.study is None else read(self.study)

    @cached_property
    def space(self) -> SearchSpace | None:
        """The search space, where the study tells one."""
        try:
            return SearchSpace.from_dict(self.record.space) if self.record and self.record.space else None
        except SpaceError:
            return None

    @cached_property
    def task(self) -> Task:
        """What is tuned, as far as the study tells."""
        if self.record is None:
            return Task()
        direction = self.record.history.direction
        try:
            return replace(Task.from_dict(self.record.about.get("task", {})), direction=direction)
        except (TaskError, TypeError, AttributeError):
            return Task(metric=self.record.summary.metric, direction=direction)

    @cached_property
    def trials(self) -> Mapping[int, TrialRecord]:
        """Trials by number."""
        return {trial.number: trial for trial in self.record.history} if self.record else {}

    @property
    def importances(self) -> dict[str, float]:
        """Share of each hyperparameter, the greatest first; empty while there are too few trials to tell."""
        if self.record is None or len(self.record.history.finished) < ENOUGH_FOR_IMPORTANCE:
            return {}
        finished = len(self.record.history.finished)
        if finished not in self.judged:
            self.judged[finished] = judge(self.record)
        return self.judged[finished]

    def knows(self, label: str, number: int) -> bool:
        """Whether there is such a trial, or such a line of a source."""
        if label == "trial":
            return number in self.trials
        return any(source.label == label and 1 <= number <= source.last for source in self.sources)


def judge(record: Record) -> dict[str, float]:
    """Shares by fANOVA with a fixed seed, from the best and the latest trials where there are many."""
    import optuna

    kept = {trial.number for trial in best_and_latest(record.history, MAX_JUDGED)}
    storage = optuna.storages.InMemoryStorage()
    copied = storage.create_new_study(record.study.directions, "judged")
    for trial in record.study.get_trials(deepcopy=False):
        if trial.number in kept:
            storage.create_new_trial(copied, template_trial=trial)
    some = optuna.load_study(study_name="judged", storage=storage)
    evaluator = optuna.importance.FanovaImportanceEvaluator(n_trees=16, seed=0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shares = optuna.importance.get_param_importances(some, evaluator=evaluator)
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError):  # other people's studies
        return {}
    return {name: round(share, 2) for name, share in shares.items() if math.isfinite(share)}
