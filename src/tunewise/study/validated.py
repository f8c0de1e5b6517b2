"""A study of any origin, validated once at the border: what is damaged is left out, and said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import optuna
from optuna.trial import FrozenTrial
from pydantic import BaseModel, ConfigDict, ValidationError

from tunewise import attributes
from tunewise.changes import collector_paused
from tunewise.errors import StudyError
from tunewise.history import History, TrialRecord, direction_of, lasting
from tunewise.llm.calls import Call
from tunewise.objectives import Objective, objectives_of
from tunewise.optuna_private import id_of_study, storage_of
from tunewise.plain import Plain, PlainDict
from tunewise.study.storage import begun_by_driver, file_behind, is_driven

__all__ = [
    "About",
    "Exchange",
    "Session",
    "StoredProgram",
    "StoredTask",
    "Validated",
    "driven_by_us",
    "validate",
    "validated_call",
]


class Form(BaseModel):
    """What of a stored attribute has to be as it should; other keys are as they are."""

    model_config = ConfigDict(extra="allow", frozen=True)

    def to_dict(self) -> PlainDict:
        """As it was stored."""
        return self.model_dump(exclude_unset=True)


class StoredTask(Form):
    """A stored task; its other keys are read by `Task.from_dict`."""

    metric: str = "value"


class Session(Form):
    """How trials came to be from one of them on; see `tunewise.study.sessions`.

    Attributes:
        first: Number of its first trial.
        sampler: Name of its class.
        versions: Of tunewise and of what it stands on.
    """

    first: int = 0
    sampler: str = ""
    versions: dict[str, str] = {}

    @property
    def settings(self) -> Mapping[str, Plain]:
        """Those of an `LLMSampler`."""
        return self.model_extra or {}

    @property
    def proposer(self) -> str | None:
        """The name of the proposer; version 0.1 stored the name alone."""
        proposer = self.settings.get("proposer")
        named = proposer.get("name") if isinstance(proposer, Mapping) else proposer
        return None if named is None else str(named)


class About(Form):
    """What tunewise stored with the study as a whole."""

    space: dict[str, dict[str, object]] = {}
    task: StoredTask = StoredTask()
    sessions: tuple[Session, ...] = ()


class StoredProgram(Form):
    """A program that a model wrote, as far as it is shown."""

    number: int
    kind: Literal["draft", "repair", "improve"]
    parent: int | None = None
    code: str = ""
    reason: str = ""
    objection: str = ""


Known = TypeVar("Known", bound=Form)


@dataclass(frozen=True)
class Exchange:
    """A prompt and what came back.

    Attributes:
        trial: Number of the trial that it was for.
        prompt: The last message that was sent; empty where it was not stored.
        call: What came back and what it took.
    """

    trial: int
    prompt: str
    call: Call


@dataclass(frozen=True)
class Validated:
    """A study whose parts have the form that they should have.

    Attributes:
        name: Of the study.
        objectives: At least one.
        history: The trials that count.
        repeated: Failed trials that a later one has run again.
        frozen: All trials as Optuna has them.
        exchanges: Every call that was made for a trial, oldest first.
        about: Space, task and sessions, where tunewise stored them.
        chat_calls: Made for conversations about the study.
        programs: That a model wrote.
        notes: What could not be read, a sentence each.
        file: Name without ending of the file that holds it; empty where none does.
    """

    name: str
    objectives: tuple[Objective, ...]
    history: History
    repeated: tuple[TrialRecord, ...]
    frozen: tuple[FrozenTrial, ...]
    exchanges: tuple[Exchange, ...]
    about: About
    chat_calls: tuple[Call, ...]
    programs: tuple[StoredProgram, ...]
    notes: tuple[str, ...]
    file: str


@collector_paused()
def validate(study: optuna.Study) -> Validated:
    """Read a study by anybody, in any state, without changing it."""
    notes: list[str] = []
    about = validated(study.user_attrs, attributes.STUDY, About, notes, "the study") or About()
    objectives = objectives_of(study, about.task.metric)
    frozen = tuple(study.get_trials(deepcopy=False))
    records = [*map(TrialRecord.from_optuna, frozen)]
    if driven_by_us(study.user_attrs):
        records = [*interrupted(study, frozen, records)]
    for trial in records:
        for part in trial.damaged:
            note(notes, part, f"trial {trial.number}")
    exchanges = tuple(exchange for trial in frozen for exchange in exchanges_of(trial, notes))
    entries = storage_of(study).get_study_system_attrs(id_of_study(study))
    keys = sorted(key for key in entries if key.startswith(attributes.CHAT_CALL))
    chats = tuple(call for key in keys if (call := validated_call(entries[key], key, notes, "a conversation")))
    keys = [key for key in study.user_attrs if key.startswith(attributes.PROGRAM)]
    programs = (validated(study.user_attrs, key, StoredProgram, notes, "the study") for key in keys)
    known = tuple(program for program in programs if program)
    history = History(lasting(records), direction_of(study))
    return Validated(
        name=study.study_name,
        objectives=objectives,
        history=history,
        repeated=tuple(record for record in records if history.trial(record.number) is None),
        frozen=frozen,
        exchanges=exchanges,
        about=about,
        chat_calls=chats,
        programs=known,
        notes=tuple(notes),
        file=file.stem if (file := file_behind(storage_of(study))) else "",
    )


def driven_by_us(attrs: Mapping[str, object]) -> bool:
    """Whether a driver of tunewise runs a study, as its user attributes tell: who does so holds its lock."""
    about = attrs.get(attributes.STUDY)
    return attributes.GENERATION in attrs or (isinstance(about, Mapping) and "objective" in about)


def interrupted(
    study: optuna.Study, frozen: Sequence[FrozenTrial], records: Sequence[TrialRecord]
) -> Sequence[TrialRecord]:
    """Trials that are still marked as running are interrupted where there is no driver that could run them."""
    left = {trial.number for trial in frozen if begun_by_driver(trial)}
    if not left or is_driven(storage_of(study)) is not False:
        return records
    return [replace(one, state="interrupted") if one.number in left else one for one in records]


def exchanges_of(trial: FrozenTrial, notes: list[str]) -> Iterator[Exchange]:
    """The calls that were made for a trial, in their order."""
    keys = [key for key in trial.system_attrs if key.startswith(attributes.CALL)]
    for key in sorted(keys, key=lambda key: (len(key), key)):
        entry = trial.system_attrs[key]
        if call := validated_call(entry, key, notes, f"trial {trial.number}"):
            prompt = entry.get("prompt")
            yield Exchange(trial.number, prompt if isinstance(prompt, str) else "", call)


def validated(attrs: Mapping[str, object], key: str, form: type[Known], notes: list[str], where: str) -> Known | None:
    """An attribute that has its form; None when it is absent or damaged, which is noted."""
    if key not in attrs:
        return None
    try:
        return form.model_validate(attrs[key])
    except ValidationError:
        note(notes, key, where)
        return None


def validated_call(entry: object, key: str, notes: list[str], where: str) -> Call | None:
    """A call that has its form; None when it is damaged, which is noted."""
    try:
        return Call.from_dict(entry)
    except StudyError:
        note(notes, key, where)
        return None


def note(notes: list[str], key: str, where: str) -> None:
    """Say that something cannot be read."""
    notes.append(f"What {key} says about {where} is damaged and was left out.")
