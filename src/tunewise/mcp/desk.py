"""The studies that a server was started with, and no others."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tunewise.assistant.subject import Subject
from tunewise.errors import InvalidReply, StudyError
from tunewise.prompts.show import show
from tunewise.study.file import StudyFile, read_study_file
from tunewise.study.manual import ask_one, propose_one, tell_one
from tunewise.study.storage import may_exist, open_study

if TYPE_CHECKING:
    import optuna

    from tunewise.plain import PlainDict
    from tunewise.sampler import LLMSampler
    from tunewise.space import SearchSpace

__all__ = ["Desk", "Entry"]


@dataclass
class Entry:
    """A study: one that a study file describes, or one that some storage holds already.

    Attributes:
        name: Under which the agent knows it.
        address: Of its storage.
        file: The study file; without one a study can only be looked at.
        lock: Held by whoever asks or tells, so that calls at the same moment do not get in each other's way.
    """

    name: str
    address: str
    file: StudyFile | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def begun(self) -> bool:
        """Whether it holds a trial or may hold one."""
        return may_exist(self.address)

    def open(self) -> optuna.Study:
        """The study.

        Raises:
            StudyError: It has not begun.
        """
        if not self.begun:
            raise StudyError(f"The study {self.name} has not begun. Ask for its first configuration.")
        return open_study(self.address, self.file.study_name if self.file else None)

    def subject(self) -> Subject:
        """The study as it is now, for looking things up."""
        return Subject(study=self.open())

    @cached_property
    def parts(self) -> tuple[LLMSampler, SearchSpace]:
        """Who proposes, and where; made once.

        Raises:
            StudyError: There is no study file.
        """
        if self.file is None:
            raise StudyError(f"{self.name} was opened without a study file, so it can only be looked at.")
        task, space, _ = self.file.build()
        return self.file.sampler(self.file.connect(), task, space), space

    def ask(self) -> PlainDict:
        """The next configuration, by whoever the study file says."""
        with self.lock:
            sampler, space = self.parts
            return ask_one(self.address, self.file.study_name if self.file else self.name, sampler, space)

    def propose(self, configuration: Mapping[str, object], reason: str) -> PlainDict:
        """A trial of the agent's own."""
        with self.lock:
            sampler, space = self.parts
            name = self.file.study_name if self.file else self.name
            return propose_one(self.address, name, sampler, space, configuration, reason=reason)

    def tell(self, report: Mapping[str, object]) -> PlainDict:
        """A result."""
        with self.lock:
            return tell_one(self.open(), dict(report))

    def advice(self, count: int) -> str:
        """Where the surrogate would go next, and what it expects there."""
        from tunewise.proposers.assessment import Assessment
        from tunewise.proposers.base import ProposalContext

        stored = self.subject().stored
        assert stored is not None
        if stored.search_space is None:
            raise InvalidReply("the study does not say what its search space is")
        history = stored.history
        if not history.finished:
            return "Nothing yet: the surrogate needs values first."
        context = ProposalContext(
            task=stored.task, space=stored.search_space, history=history, trial=len(history), has_model=False
        )
        state = Assessment(context)
        lines = []
        for configuration in state.surrogate.propose(count):
            expected = state.expected(configuration)
            said = f": expects {expected.mean:.4g} ± {expected.std:.2g}" if expected else ""
            lines.append(f"{show(configuration)}{said}")
        return "\n".join(lines)


class Desk:
    """What the server was started with.

    Args:
        studies: Study files, journal files or addresses of databases.

    Raises:
        StudyError: One of them cannot be read, does not exist, or two have the same name.
    """

    def __init__(self, studies: list[str]) -> None:
        self.entries: dict[str, Entry] = {}
        for given in studies:
            entry = entry_for(given)
            if entry.name in self.entries:
                raise StudyError(f"Two studies are named {entry.name!r}. Give one of their files another name.")
            self.entries[entry.name] = entry

    def find(self, name: str | None) -> Entry:
        """A study by name; the only one where no name is given.

        Raises:
            InvalidReply: There is no such study.
        """
        if name is None and len(self.entries) == 1:
            return next(iter(self.entries.values()))
        if name not in self.entries:
            known = ", ".join(self.entries)
            wrong = "there are several studies: name one" if name is None else f"there is no study {name[:60]!r}"
            raise InvalidReply(f"{wrong}. This server knows {known}, and opens no others.")
        return self.entries[name]


def entry_for(given: str) -> Entry:
    """What an argument of the command means."""
    if given.endswith((".yaml", ".yml")):
        file = read_study_file(Path(given))
        return Entry(file.study_name, file.storage_address, file)
    study = open_study(given)
    return Entry(study.study_name, given)
