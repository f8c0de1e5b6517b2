"""Reading a study of any origin once, at the border: what is damaged is left out, and said."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

import optuna
from optuna.trial import FrozenTrial, TrialState
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from tunewise.history import CALL_KEY, PROGRAM_KEY, PROPOSAL_KEY, RESULT_KEY, History, TrialRecord
from tunewise.llm.ledger import Call
from tunewise.study.summary import STUDY_KEY, Summary, finite, summarize

__all__ = ["Exchange", "Record", "read"]

ENOUGH_FOR_IMPORTANCE = 4
"""Finished trials below which a ranking of hyperparameters would be noise."""


class Form(BaseModel):
    """What of a stored attribute has to be as it should; other keys are as they are."""

    model_config = ConfigDict(extra="allow")


class ProposalForm(Form):
    """A stored proposal."""

    source: str = "unknown"
    reason: str = ""
    fallback: str = ""
    note: str = ""
    repairs: list[str] = []
    refused: list[str] = []
    configuration: dict[str, Any] = {}


class ResultForm(Form):
    """A stored result."""

    error: str = ""
    seconds: float | None = None
    extra: dict[str, float] = {}


class TaskForm(Form):
    """A stored task."""

    metric: str = "value"


class AboutForm(Form):
    """A study's own attribute."""

    space: dict[str, dict[str, Any]] = {}
    task: TaskForm = TaskForm()


class FixedForm(Form):
    """What a person enqueued."""


CALL: TypeAdapter[Call] = TypeAdapter(Call)


@dataclass(frozen=True)
class Exchange:
    """A prompt and what came back.

    Attributes:
        trial: Number of the trial that it was for.
        prompt: The last message that was sent; empty when it was not stored.
        call: What came back and what it took.
    """

    trial: int
    prompt: str
    call: Call


class ProgramForm(Form):
    """A program that a model wrote, as far as a report shows it."""

    number: int
    kind: Literal["draft", "repair", "improve"]
    parent: int | None = None
    code: str = ""
    reason: str = ""
    objection: str = ""


@dataclass(frozen=True)
class Record:
    """A study as the report sees it.

    Attributes:
        study: A copy in memory with one objective and sound attributes, for figures.
        summary: Of that copy.
        exchanges: Every call, oldest first.
        notes: What is missing or could not be read, a sentence each.
        about: Space and task, where tunewise stored them.
        programs: Of a study of programs: each one's line in the tree, and its text.
    """

    study: optuna.Study
    summary: Summary
    exchanges: tuple[Exchange, ...]
    notes: tuple[str, ...]
    about: Mapping[str, Any]
    programs: tuple[tuple[str, str], ...] = ()

    @property
    def history(self) -> History:
        """The trials."""
        return self.summary.history

    @cached_property
    def names(self) -> list[str]:
        """Hyperparameters: as the space has them, then whatever else trials have."""
        found = dict.fromkeys(self.about.get("space", {}))
        for trial in self.history:
            found |= dict.fromkeys(trial.configuration)
        return list(found)

    @cached_property
    def space(self) -> dict[str, dict[str, Any]]:
        """Each hyperparameter's plain description; of another's study as far as its distributions tell."""
        inferred: dict[str, dict[str, Any]] = {}
        for trial in self.study.get_trials(deepcopy=False):
            inferred |= {name: plain(distribution) for name, distribution in trial.distributions.items()}
        return inferred | dict(self.about.get("space", {}))

    @cached_property
    def pair(self) -> tuple[str, str] | None:
        """The two hyperparameters of a space that has exactly two, both numbers."""
        numeric = [name for name, form in self.space.items() if form.get("type") in ("float", "int")]
        return (numeric[0], numeric[1]) if len(self.space) == len(numeric) == 2 else None

    def to_dict(self) -> dict[str, Any]:
        """Everything as strict JSON."""
        calls = [{"trial": e.trial, "prompt": e.prompt, **asdict(e.call)} for e in self.exchanges]
        curves = {str(t.number): t.curve for t in self.history if t.curve}
        more = {"curves": curves, "space": self.space, "exchanges": calls, "notes": list(self.notes)}
        more |= {"programs": [{"about": line, "code": code} for line, code in self.programs]} if self.programs else {}
        return self.summary.to_dict() | {key: finite(value) for key, value in more.items()}


def plain(distribution: optuna.distributions.BaseDistribution) -> dict[str, Any]:
    """A distribution as the space's plain form has it."""
    match distribution:
        case optuna.distributions.CategoricalDistribution():
            return {"type": "categorical", "choices": list(distribution.choices)}
        case optuna.distributions.FloatDistribution() | optuna.distributions.IntDistribution():
            kind = "float" if isinstance(distribution, optuna.distributions.FloatDistribution) else "int"
            log = {"log": True} if distribution.log else {}
            return {"type": kind, "low": distribution.low, "high": distribution.high, **log}
    return {"type": type(distribution).__name__}


def read(study: optuna.Study) -> Record:
    """Read a study by anybody, in any state, without changing it."""
    notes: list[str] = []
    if len(study.directions) > 1:
        notes.append(f"The study has {len(study.directions)} objectives; this report is about the first one only.")
    storage = optuna.storages.InMemoryStorage()
    # a direction that was never set is Optuna's way to say that no trial has ended yet
    direction = optuna.study.StudyDirection.MAXIMIZE
    if study.directions[0] != direction:
        direction = optuna.study.StudyDirection.MINIMIZE
    copied = storage.create_new_study([direction], study.study_name)
    about = sound(study.user_attrs, STUDY_KEY, AboutForm, notes, "the study") or {}
    storage.set_study_user_attr(copied, STUDY_KEY, about)
    for trial in study.get_trials(deepcopy=False):
        storage.create_new_trial(copied, template_trial=readable(trial, notes))
    readable_study = optuna.load_study(study_name=study.study_name, storage=storage)
    summary = summarize(readable_study)
    exchanges = tuple(
        Exchange(trial.number, text_of(entry.get("prompt")), Call.from_dict(entry))
        for trial in readable_study.get_trials(deepcopy=False)
        for entry in calls_of(trial).values()
    )
    programs = programs_of(study, summary.history, notes)
    return Record(readable_study, summary, exchanges, (*notes, *missing(summary)), about, programs)


def programs_of(study: optuna.Study, history: History, notes: list[str]) -> tuple[tuple[str, str], ...]:
    """The programs of a study of programs, each after its parent."""
    from tunewise.codegen.tree import Program, Tree

    keys = [key for key in study.user_attrs if key.startswith(PROGRAM_KEY)]
    found = [sound(study.user_attrs, key, ProgramForm, notes, "the study") for key in keys]
    known = [{name: one[name] for name in ProgramForm.model_fields if name in one} for one in found if one]
    tree = Tree(tuple(sorted((Program(**one) for one in known), key=lambda p: p.number)), history)
    codes = [program.code for program, _ in tree.ordered()]
    return tuple(zip(tree.lines(), codes, strict=True))


def readable(trial: FrozenTrial, notes: list[str]) -> FrozenTrial:
    """A copy with one finite value or none, and only attributes that can be read."""
    known = copy.copy(trial)
    where = f"trial {trial.number}"
    known.user_attrs = {}
    for key, form in ((PROPOSAL_KEY, ProposalForm), (RESULT_KEY, ResultForm)):
        if (entry := sound(trial.user_attrs, key, form, notes, where)) is not None:
            known.user_attrs[key] = entry
    known.system_attrs = {}
    if fixed := sound(trial.system_attrs, "fixed_params", FixedForm, notes, where):
        known.system_attrs["fixed_params"] = fixed
    for key, entry in calls_of(trial).items():
        try:
            CALL.validate_python(entry)
            known.system_attrs[key] = entry
        except ValidationError:
            note(notes, key, where)
    value = trial.values[0] if trial.values else None
    known.values = None if value is None else [value]
    if trial.state == TrialState.COMPLETE and (value is None or not math.isfinite(value)):
        known.values, known.state = None, TrialState.FAIL
        error = f"its value is {value}, which is no result"
        known.user_attrs[RESULT_KEY] = {**known.user_attrs.get(RESULT_KEY, {}), "error": error}
    return known


def sound(attrs: Mapping[str, Any], key: str, form: type[Form], notes: list[str], where: str) -> dict[str, Any] | None:
    """An attribute that has its form; None when it is absent or damaged, which is noted."""
    if key not in attrs:
        return None
    try:
        return form.model_validate(attrs[key]).model_dump(exclude_unset=True)
    except ValidationError:
        note(notes, key, where)
        return None


def note(notes: list[str], key: str, where: str) -> None:
    """Say that something cannot be read."""
    notes.append(f"What {key} says about {where} is damaged and was left out.")


def calls_of(trial: FrozenTrial) -> dict[str, Any]:
    """The calls that were made for a trial, in their order."""
    keys = [key for key in trial.system_attrs if key.startswith(CALL_KEY)]
    return {key: trial.system_attrs[key] for key in sorted(keys, key=lambda key: (len(key), key))}


def text_of(entry: Any) -> str:
    """A text, where there is one."""
    return entry if isinstance(entry, str) else ""


def missing(summary: Summary) -> list[str]:
    """What a reader would look for and not find."""
    history = summary.history
    notes = []
    if not history.trials:
        notes.append("The study has no trial yet.")
    elif not history.finished:
        notes.append("No trial has finished yet, so there is no best value, and most figures have nothing to show.")
    elif len(history.finished) < ENOUGH_FOR_IMPORTANCE:
        few = len(history.finished)
        notes.append(
            f"Only {few} trial{'s' * (few > 1)} finished: figures over many trials say little or are left out."
        )
    if history.trials and all(not trial.proposal for trial in history):
        notes.append("No trial says who proposed it: the study was not made by tunewise.")
    if waiting := [t for t in history if t.state == "running"]:
        notes.append(f"{len(waiting)} trial{'s' * (len(waiting) > 1)} had not ended when this was made.")
    return notes


def best_first(record: Record, most: int) -> list[TrialRecord]:
    """At most so many finished trials, the best ones, in the order of their numbers."""
    return sorted(record.history.ranked[:most], key=lambda trial: trial.number)


def best_and_latest(history: History, most: int) -> list[TrialRecord]:
    """All trials, or so many of them: the best half, and the latest ones besides."""
    kept = {trial.number for trial in history.ranked[: most // 2]}
    for trial in reversed(history):
        if len(kept) >= most:
            break
        kept.add(trial.number)
    return [trial for trial in history if trial.number in kept]
