"""A study of any origin, validated once at the border: what is damaged is left out, and said."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

import optuna
from optuna.trial import FrozenTrial, TrialState
from pydantic import BaseModel, ConfigDict, ValidationError

from tunewise import attributes
from tunewise.errors import StudyError
from tunewise.llm.calls import Call
from tunewise.objectives import Objective, objectives_of
from tunewise.optuna_private import id_of_study, storage_of
from tunewise.plain import Plain, PlainDict
from tunewise.record import Proposal, Result

__all__ = [
    "About",
    "Session",
    "StoredProgram",
    "StoredTask",
    "Validated",
    "calls_of",
    "readable",
    "validate",
    "validated_call",
]


LARGEST = 1e300
"""Values of constraints beyond are damage."""


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
class Validated:
    """A study whose parts have the form that they should have.

    Attributes:
        name: Of the study.
        objectives: At least one.
        trials: Copies with finite values and validated attributes, by number.
        about: Space, task and sessions, where tunewise stored them.
        chat_calls: Made for conversations about the study.
        programs: That a model wrote.
        notes: What could not be read, a sentence each.
    """

    name: str
    objectives: tuple[Objective, ...]
    trials: tuple[FrozenTrial, ...]
    about: About
    chat_calls: tuple[Call, ...]
    programs: tuple[StoredProgram, ...]
    notes: tuple[str, ...]


def validate(study: optuna.Study) -> Validated:
    """Read a study by anybody, in any state, without changing it."""
    notes: list[str] = []
    about = validated(study.user_attrs, attributes.STUDY, About, notes, "the study") or About()
    objectives = objectives_of(study, about.task.metric)
    trials = tuple(readable(trial, notes) for trial in study.get_trials(deepcopy=False))
    entries = storage_of(study).get_study_system_attrs(id_of_study(study))
    keys = sorted(key for key in entries if key.startswith(attributes.CHAT_CALL))
    chats = tuple(call for key in keys if (call := validated_call(entries[key], key, notes, "a conversation")))
    keys = [key for key in study.user_attrs if key.startswith(attributes.PROGRAM)]
    programs = (validated(study.user_attrs, key, StoredProgram, notes, "the study") for key in keys)
    known = tuple(program for program in programs if program)
    return Validated(study.study_name, objectives, trials, about, chats, known, tuple(notes))


def with_valid_constraints(trial: FrozenTrial, notes: list[str]) -> FrozenTrial:
    """The trial, or a copy without constraints that cannot be read."""
    damaged = [key for key, entry in trial.system_attrs.items() if is_constraint(key) and not is_limit(key, entry)]
    if not damaged:
        return trial
    for key in damaged:
        note(notes, key, f"trial {trial.number}")
    known = copy.copy(trial)
    known.system_attrs = {key: entry for key, entry in trial.system_attrs.items() if key not in damaged}
    return known


def is_constraint(key: str) -> bool:
    """Whether Optuna keeps constraints under a key: a list as version 4 has it, or one by its name."""
    return key == "constraints" or key.startswith("constraints:")


def is_limit(key: str, entry: object) -> bool:
    """Whether it is what Optuna keeps there: under a name a number, else a list of them."""
    if key != "constraints":
        return isinstance(entry, int | float) and abs(entry) <= LARGEST  # not NaN
    return isinstance(entry, list | tuple) and all(is_limit("", value) for value in entry)


def readable(trial: FrozenTrial, notes: list[str]) -> FrozenTrial:
    """A copy with one finite value or none, and only attributes that can be read."""
    trial = with_valid_constraints(trial, notes)
    known = copy.copy(trial)
    where = f"trial {trial.number}"
    known.user_attrs = {}
    for key, record in ((attributes.PROPOSAL, Proposal), (attributes.RESULT, Result)):
        if key in trial.user_attrs:
            read, damaged = record.from_dict(trial.user_attrs[key])
            known.user_attrs[key] = read.to_dict()
            for part in damaged:
                note(notes, part, where)
    if attributes.RESULT in known.user_attrs and "seconds" not in known.user_attrs[attributes.RESULT]:
        known.user_attrs[attributes.RESULT] |= {"seconds": took(trial)}
    kept = (key for key in trial.system_attrs if is_constraint(key) or key == attributes.REPEATS)
    known.system_attrs = {key: trial.system_attrs[key] for key in kept}
    if fixed := validated(trial.system_attrs, "fixed_params", Form, notes, where):
        known.system_attrs["fixed_params"] = fixed.to_dict()
    for key, entry in calls_of(trial).items():
        if call := validated_call(entry, key, notes, where):
            known.system_attrs[key] = {**entry, **call.to_dict()}
    values = list(trial.values or ())
    value = values[0] if values else None
    known.values = (values if all(map(math.isfinite, values)) else values[:1]) or None
    if trial.state == TrialState.COMPLETE and (value is None or not math.isfinite(value)):
        known.values, known.state = None, TrialState.FAIL
        error = f"its value is {value}, which is no result"
        known.user_attrs[attributes.RESULT] = {**known.user_attrs.get(attributes.RESULT, {}), "error": error}
    return known


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


def took(trial: FrozenTrial) -> float | None:
    """Seconds by the clock of the study."""
    return trial.duration.total_seconds() if trial.duration else None


def calls_of(trial: FrozenTrial) -> dict[str, PlainDict]:
    """The calls that were made for a trial, in their order."""
    keys = [key for key in trial.system_attrs if key.startswith(attributes.CALL)]
    return {key: trial.system_attrs[key] for key in sorted(keys, key=lambda key: (len(key), key))}
