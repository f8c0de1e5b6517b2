"""What a conversation is about: a study as it is now, a log, scripts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Self

from tunewise.assistant.sources import Source
from tunewise.space import SearchSpace
from tunewise.study.stored import StoredStudy
from tunewise.task import Task

if TYPE_CHECKING:
    import optuna

    from tunewise.history import TrialRecord

__all__ = ["Subject"]


@dataclass(frozen=True)
class Subject:
    """What is known, read at one moment.

    Attributes:
        study: The study, if there is one.
        logs: At most one.
        scripts: In the order given.
    """

    study: optuna.Study | None = None
    logs: tuple[Source, ...] = ()
    scripts: tuple[Source, ...] = ()

    def fresh(self) -> Self:
        """The subject, read again: studies go on while people talk."""
        return replace(self)

    @property
    def sources(self) -> tuple[Source, ...]:
        """Logs and scripts."""
        return self.logs + self.scripts

    @cached_property
    def stored(self) -> StoredStudy | None:
        """The study, whatever state it is in."""
        return None if self.study is None else StoredStudy.read(self.study)

    @property
    def space(self) -> SearchSpace | None:
        """The search space, where the study tells one."""
        return self.stored.search_space if self.stored else None

    @property
    def task(self) -> Task:
        """What is tuned, as far as the study tells."""
        return self.stored.task if self.stored else Task()

    @cached_property
    def trials(self) -> Mapping[int, TrialRecord]:
        """Trials by number."""
        return {trial.number: trial for trial in self.stored.history} if self.stored else {}

    def knows(self, label: str, number: int) -> bool:
        """Whether there is such a trial, or such a line of a source."""
        if label == "trial":
            return number in self.trials
        return any(source.label == label and 1 <= number <= source.last for source in self.sources)
