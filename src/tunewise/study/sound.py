"""Reading a study of any origin once, at the border: what is damaged is left out, and said."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from tunewise.history import CALL_KEY, CHAT_CALL_KEY, PROPOSAL_KEY, RESULT_KEY
from tunewise.llm.ledger import Call
from tunewise.objectives import non_dominated, objectives_of

__all__ = ["STUDY_KEY", "Form", "Front", "Sound", "calls_of", "sound", "sound_copy"]

STUDY_KEY = "tunewise:study"
"""User attribute of a study: the space and the task that it was made with, and how it was run."""


LARGEST = 1e300
"""Values of constraints beyond are damage."""


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


class ExpectedForm(Form):
    """What the surrogate expected of a trial."""

    mean: float
    std: float


class PolicyForm(Form):
    """Why `auto` chose as it did; see `tunewise.proposers.credit`."""

    credit: float | None = None
    call: str = ""
    offered: list[Any] = []
    wasted: float = 0.0
    bar: float | None = None
    expected: ExpectedForm | None = None


class ResultForm(Form):
    """A stored result."""

    error: str = ""
    seconds: float | None = None
    extra: dict[str, float] = {}


class TaskForm(Form):
    """A stored task."""

    metric: str = "value"


class SessionForm(Form):
    """How trials came to be from one of them on; see `tunewise.study.sessions`."""

    first: int = 0
    sampler: str = ""
    versions: dict[str, str] = {}


class AboutForm(Form):
    """A study's own attribute."""

    space: dict[str, dict[str, Any]] = {}
    task: TaskForm = TaskForm()
    sessions: list[SessionForm] = []


class FixedForm(Form):
    """What a person enqueued."""


CALL: TypeAdapter[Call] = TypeAdapter(Call)


@dataclass(frozen=True)
class Front:
    """What a study with several objectives has in place of a best trial.

    Attributes:
        names: `k` names of the objectives.
        directions: `k` times "minimize" or "maximize".
        values: `k` finite values of each trial that finished, by its number.
        best: Numbers of the trials that no other is at least as good as in everything and better in something.
    """

    names: tuple[str, ...]
    directions: tuple[str, ...]
    values: Mapping[int, tuple[float, ...]]
    best: tuple[int, ...]


@dataclass(frozen=True)
class Sound:
    """A study that anything can be read from.

    Attributes:
        study: A copy in memory with one objective, the first, and sound attributes.
        about: Space, task and sessions, where tunewise stored them.
        chat_calls: Made for conversations about the study.
        front: Of several objectives; None where there is one.
        notes: What could not be read, a sentence each.
    """

    study: optuna.Study
    about: Mapping[str, Any]
    chat_calls: tuple[Call, ...]
    front: Front | None
    notes: tuple[str, ...]


def sound_copy(study: optuna.Study) -> Sound:
    """Read a study by anybody, in any state, without changing it."""
    notes: list[str] = []
    trials = study.get_trials(deepcopy=False)
    front = (
        front_of(study, [with_sound_constraints(trial, []) for trial in trials]) if len(study.directions) > 1 else None
    )
    if front:
        notes.append(
            f"The study has {len(front.names)} objectives. No single trial is best: {said_of(front)} What names one "
            f"value (best, default, figures) is about the first objective, {front.names[0]}, only."
        )
    storage = optuna.storages.InMemoryStorage()
    # a direction that was never set is Optuna's way to say that no trial has ended yet
    maximize = study.directions[0] == StudyDirection.MAXIMIZE
    copied = storage.create_new_study(
        [StudyDirection.MAXIMIZE if maximize else StudyDirection.MINIMIZE], study.study_name
    )
    about = sound(study.user_attrs, STUDY_KEY, AboutForm, notes, "the study") or {}
    storage.set_study_user_attr(copied, STUDY_KEY, about)
    for trial in trials:
        storage.create_new_trial(copied, template_trial=readable(trial, notes))
    entries = study._storage.get_study_system_attrs(study._study_id)
    keys = sorted(key for key in entries if key.startswith(CHAT_CALL_KEY))
    chats = tuple(call for key in keys if (call := sound_call(entries[key], key, notes, "a conversation")))
    readable_study = optuna.load_study(study_name=study.study_name, storage=storage)
    return Sound(readable_study, about, chats, front, tuple(notes))


def front_of(study: optuna.Study, trials: Sequence[FrozenTrial]) -> Front:
    """The trials that no other dominates, of those that meet the constraints and whose values are all finite."""
    objectives = objectives_of(study, "")
    values = {
        t.number: tuple(t.values)
        for t in trials
        if t.state == TrialState.COMPLETE
        and t.values
        and len(t.values) == len(objectives)
        and all(map(math.isfinite, t.values))
    }
    counted = [t.number for t in trials if t.number in values and all(c <= 0 for c in t.constraints.values())]
    costs = np.array([values[n] for n in counted]).reshape(len(counted), len(objectives)) * [o.sign for o in objectives]
    best = tuple(n for n, kept in zip(counted, non_dominated(costs), strict=True) if kept)
    return Front(tuple(o.name for o in objectives), tuple(o.direction for o in objectives), values, best)


def said_of(front: Front) -> str:
    """The front in a sentence."""
    if not front.best:
        return "none has finished with a value for each."
    shown = ", ".join(map(str, front.best[:20])) + (", ..." if len(front.best) > 20 else "")
    return f"of {len(front.values)} finished ones, no other beats {len(front.best)} in everything (trial {shown})."


def with_sound_constraints(trial: FrozenTrial, notes: list[str]) -> FrozenTrial:
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


def is_limit(key: str, entry: Any) -> bool:
    """Whether it is what Optuna keeps there: under a name a number, else a list of them."""
    if key != "constraints":
        return isinstance(entry, int | float) and abs(entry) <= LARGEST  # not NaN
    return isinstance(entry, list | tuple) and all(is_limit("", value) for value in entry)


def readable(trial: FrozenTrial, notes: list[str]) -> FrozenTrial:
    """A copy with one finite value or none, and only attributes that can be read."""
    trial = with_sound_constraints(trial, notes)
    known = copy.copy(trial)
    where = f"trial {trial.number}"
    known.user_attrs = {}
    for key, form in ((PROPOSAL_KEY, ProposalForm), (RESULT_KEY, ResultForm)):
        if (entry := sound(trial.user_attrs, key, form, notes, where)) is not None:
            known.user_attrs[key] = entry
    proposal = known.user_attrs.get(PROPOSAL_KEY, {})
    if RESULT_KEY in known.user_attrs:
        result = known.user_attrs[RESULT_KEY]
        known.user_attrs[RESULT_KEY] = {**result, "seconds": finite_or_none(result.get("seconds", took(trial)))}
    if "policy" in proposal:
        policy = sound(proposal, "policy", PolicyForm, notes, where)
        known.user_attrs[PROPOSAL_KEY] = {**proposal, "policy": policy or {}}
    known.system_attrs = {key: entry for key, entry in trial.system_attrs.items() if is_constraint(key)}
    if fixed := sound(trial.system_attrs, "fixed_params", FixedForm, notes, where):
        known.system_attrs["fixed_params"] = fixed
    for key, entry in calls_of(trial).items():
        if call := sound_call(entry, key, notes, where):
            known.system_attrs[key] = {**entry, **call.to_dict()}
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


def sound_call(entry: Any, key: str, notes: list[str], where: str) -> Call | None:
    """A call that has its form; None when it is damaged, which is noted."""
    try:
        call = CALL.validate_python(entry)
    except ValidationError:
        note(notes, key, where)
        return None
    return replace(call, cost_usd=finite_or_none(call.cost_usd))


def note(notes: list[str], key: str, where: str) -> None:
    """Say that something cannot be read."""
    notes.append(f"What {key} says about {where} is damaged and was left out.")


def took(trial: FrozenTrial) -> float | None:
    """Seconds by the clock of the study."""
    return trial.duration.total_seconds() if trial.duration else None


def finite_or_none(number: float | None) -> float | None:
    """The number; None where it is none."""
    return number if number is not None and math.isfinite(number) else None


def calls_of(trial: FrozenTrial) -> dict[str, Any]:
    """The calls that were made for a trial, in their order."""
    keys = [key for key in trial.system_attrs if key.startswith(CALL_KEY)]
    return {key: trial.system_attrs[key] for key in sorted(keys, key=lambda key: (len(key), key))}
