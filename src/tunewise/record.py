"""What is stored with a trial: where its configuration came from, on what grounds, and what its evaluation said.

Each is a frozen value with one `to_dict` and one `from_dict`. Reading distrusts what is stored: a part that is damaged
is left out and named, the others are kept. Proposals of version 0.1 are read as well.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, TypeVar, cast, get_type_hints

from tunewise.objectives import Scalarization
from tunewise.plain import Plain, PlainDict
from tunewise.space import Configuration

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = ["MODEL_SOURCES", "Advice", "Candidate", "Decision", "Expected", "Proposal", "Result", "Source"]

VERSION = 2
"""Of the stored form. Version 0.1 of tunewise stored none."""

Source = Literal["default", "model", "repair", "surrogate", "random", "enqueued", "agent", "unknown"]
"""Who made a configuration. "repair": the model, but a value had to be moved to its bound or grid. "surrogate": the
point where its acquisition function is largest. "enqueued": a person, or somebody in their name. "agent": an agent
that evaluates its own trials."""

MODEL_SOURCES: tuple[Source, ...] = ("model", "repair")
"""Sources of trials that the language model proposed."""

Record = TypeVar("Record")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A surrogate's prediction of a trial's metric, in its unit: mean, and standard deviation."""

    mean: float
    std: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A configuration that the surrogate would evaluate next, and what it expects there, if it can say."""

    configuration: Configuration
    expected: Expected | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A configuration that the model offered.

    Attributes:
        configuration: Allowed in the space.
        reason: The model's words.
        repairs: What was changed in its values.
        note: What was dropped from it.
        model: The model as the server names it.
    """

    configuration: Configuration
    reason: str = ""
    repairs: tuple[str, ...] = ()
    note: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What `auto` decided for a trial, and on what grounds.

    Attributes:
        credit: The model's at that moment, in [0, 1]; None where no model could be asked.
        call: What a call to the model was about, or "no reply"; empty where none was made.
        offered: What the call brought, in the model's order.
        failure: Why the call brought nothing.
        unreadable: How many replies held no configuration.
        advice: The surrogate's next points, its first choice first.
        expected: What the surrogate expected of the configuration that ran.
    """

    credit: float | None = None
    call: str = ""
    offered: tuple[Candidate, ...] = ()
    failure: str = ""
    unreadable: int = 0
    advice: tuple[Advice, ...] = ()
    expected: Expected | None = None

    @property
    def surrogate_choice(self) -> Configuration | None:
        """Where the surrogate would have gone."""
        return self.advice[0].configuration if self.advice else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A configuration and the truth about where it came from. Without arguments: that nobody said.

    Attributes:
        configuration: Allowed in the space.
        source: Who made it.
        reason: The model's own words on why, or ours.
        fallback: Why the model did not make it although it was asked to; empty otherwise.
        repairs: What was changed in the model's values.
        reply: The model's reply, as it goes into a dialogue.
        refused: Objections to earlier replies for this trial.
        note: What else the user should know.
        method: Name of the proposer.
        model: The model as the server names it; empty when none was asked.
        template: Hash of the prompt templates.
        scalarization: What it was to make small, where that is not the study's one metric.
        decision: What `auto` decided.
    """

    configuration: Configuration = field(default_factory=dict)
    source: Source = "unknown"
    reason: str = ""
    fallback: str = ""
    repairs: tuple[str, ...] = ()
    reply: str = ""
    refused: tuple[str, ...] = ()
    note: str = ""
    method: str = ""
    model: str = ""
    template: str = ""
    scalarization: Scalarization | None = None
    decision: Decision = Decision()  # frozen, so thousands of proposals share it

    def to_dict(self) -> PlainDict:
        """Plain data for the storage; what is empty is left out."""
        return {"version": VERSION, **plain(self)}

    @classmethod
    def from_dict(cls, data: object) -> tuple[Proposal, tuple[str, ...]]:
        """Read what is stored, of this version or of 0.1.

        Returns:
            The proposal, and the names of its parts that were damaged and left out.
        """
        if isinstance(data, Mapping) and "version" not in data:
            data = from_first_version(data)
        return read(cls, data, "proposal")

    def joined(self, later: Proposal) -> Proposal:
        """One proposal for a trial whose parameters were asked for one by one; what was random makes it all random."""
        if not self.configuration:
            return later
        worse = max(self, later, key=lambda p: (bool(p.fallback), p.source == "repair"))
        configuration = {**self.configuration, **later.configuration}
        return replace(
            worse,
            configuration=configuration,
            reply=json.dumps(configuration, ensure_ascii=False) if worse.reply else "",
            repairs=self.repairs + later.repairs,
            refused=self.refused + later.refused,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of an evaluation.

    Attributes:
        value: The metric; None where it failed, or where Optuna alone keeps it.
        error: Why it failed; empty where it did not.
        pruned: Why it stopped early, perhaps empty; None where it did not.
        last_step: The latest step that it reported in the run that counts; None without.
        note: What else is to be told.
        seconds: Wall time; None when unknown.
        extra: Other numbers that it returned.
    """

    value: float | None = None
    error: str = ""
    pruned: str | None = None
    last_step: int | None = None
    note: str = ""
    seconds: float | None = None
    extra: dict[str, float] = field(default_factory=dict)

    def to_dict(self) -> PlainDict:
        """Plain data for the storage; what is empty is left out."""
        return plain(self)

    @classmethod
    def from_dict(cls, data: object) -> tuple[Result, tuple[str, ...]]:
        """Read what is stored.

        Returns:
            The result, and the names of its parts that were damaged and left out.
        """
        result, damaged = read(cls, data, "result")
        if result.seconds is not None and not math.isfinite(result.seconds):
            return replace(result, seconds=None), damaged
        return result, damaged


def plain(record: object) -> PlainDict:
    """A dataclass as plain data, without what is as by default."""
    assert is_dataclass(record)
    known = {f.name: getattr(record, f.name) for f in fields(record)}
    return {f.name: plain_value(known[f.name]) for f in fields(record) if known[f.name] != default_of(f)}


def plain_value(value: object) -> Plain:
    """A part of a record as plain data."""
    if is_dataclass(value):
        return plain(value)
    if isinstance(value, tuple):
        return [plain_value(each) for each in value]
    return cast("Plain", dict(value) if isinstance(value, Mapping) else value)


def default_of(described: Field[object]) -> object:
    """What a field holds where nothing was given."""
    return described.default if described.default_factory is MISSING else described.default_factory()


NESTED: Mapping[str, type] = {
    "advice": Advice,
    "offered": Candidate,
    "decision": Decision,
    "scalarization": Scalarization,
}
"""Parts that are read part by part themselves."""
SEVERAL = ("advice", "offered")
"""Those of them that are lists."""


def read(cls: type[Record], data: object, name: str) -> tuple[Record, tuple[str, ...]]:
    """A record of stored data: every part that can be read, and the names of those that cannot.

    Raises:
        TypeError: What the record cannot be without is missing or damaged.
    """
    if not isinstance(data, Mapping):
        return cls(), (name,)
    try:
        return cast("Record", whole(cast("type", cls)).validate_python(data)), ()
    except ValueError:  # something in it is damaged or null: part by part
        pass
    parts: dict[str, object] = {}
    damaged: list[str] = []
    for part in fields(cast("type[Decision]", cls)):
        if part.name in data and data[part.name] is not None:
            value, wrong = read_part(cls, part.name, data[part.name])
            damaged += [f"{name}.{each}" if each else f"{name}.{part.name}" for each in wrong]
            parts |= {} if value is None else {part.name: value}
    return cls(**parts), tuple(damaged)


def read_part(cls: type, name: str, stored: object) -> tuple[object, tuple[str, ...]]:
    """The value of a field, None where it is damaged; and what is damaged in it, empty where that is all of it."""
    if name in SEVERAL and isinstance(stored, list | tuple):
        several = [read_nested(NESTED[name], each, name) for each in stored]
        return tuple(v for v, _ in several if v is not None), tuple(w for _, wrong in several for w in wrong)
    if name in NESTED:
        return read_nested(NESTED[name], stored, name)
    try:
        return adapters(cls)[name].validate_python(stored), ()
    except ValueError:
        return None, ("",)


def read_nested(cls: type[Record], stored: object, name: str) -> tuple[Record | None, tuple[str, ...]]:
    """A record within a record; None where it lacks what it cannot be without."""
    try:
        return read(cls, stored, name)
    except TypeError:
        return None, ("",)


@lru_cache
def whole(cls: type) -> TypeAdapter[object]:
    """What validates a record at once, which takes a tenth of the time."""
    from pydantic import TypeAdapter

    return TypeAdapter(cls)


@lru_cache
def adapters(cls: type) -> dict[str, TypeAdapter[object]]:
    """What validates each field of a record."""
    from pydantic import TypeAdapter

    return {name: TypeAdapter(hint) for name, hint in get_type_hints(cls).items()}


def from_first_version(data: Mapping[str, object]) -> dict[str, object]:
    """What version 0.1 of tunewise stored, in the present form: a policy of many keys held what `auto` decided."""
    policy = data.get("policy")
    if "policy" not in data:
        known = dict(data)
    elif not isinstance(policy, Mapping):
        known = {**data, "decision": policy}  # damaged, which is found out where it is read
    else:
        expected, alternative = policy.get("expected"), policy.get("alternative")
        own = {"configuration": data.get("configuration"), "expected": expected}
        advice = {"configuration": alternative} if alternative else own if data.get("source") == "acquisition" else None
        decision = {key: policy[key] for key in ("credit", "call", "offered", "failure", "expected") if key in policy}
        known = {**data, "decision": {**decision, **({"advice": [advice]} if advice else {})}}
        known |= {"scalarization": policy["aim"]} if "aim" in policy else {}
    if known.get("source") in ("acquisition", "prior"):  # "prior": led elsewhere by one that the model had stated
        known["source"] = "surrogate"
    return known
