"""What the model may look up by itself: typed, bounded, read-only."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tunewise.assistant.subject import Subject
from tunewise.errors import InvalidReply
from tunewise.history import State, TrialRecord
from tunewise.llm.base import Tool, ToolCall
from tunewise.prompts.show import describe, outcome, show
from tunewise.space import Configuration, SearchSpace
from tunewise.text import clip

__all__ = ["Arguments", "Lookup", "cut", "lookups", "read_arguments", "tool_for"]

MAX_RESULT = 6_000
"""Characters of what a tool returns."""
MAX_TRIALS = 40


class Arguments(BaseModel):
    """Of a tool; a key that is unknown is an error that the model is told."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Nothing(Arguments):
    """No arguments."""


class TrialsArguments(Arguments):
    """Which trials, in which order."""

    state: Literal["any", State] = "any"
    order: Literal["best", "latest", "oldest"] = "best"
    limit: int = Field(default=20, ge=1, le=MAX_TRIALS)
    skip: int = Field(default=0, ge=0)


class TrialArguments(Arguments):
    """One trial."""

    number: int = Field(ge=0)


class NearArguments(Arguments):
    """A point of the space, perhaps in part."""

    configuration: dict[str, object]
    limit: int = Field(default=5, ge=1, le=MAX_TRIALS)


class LinesArguments(Arguments):
    """Lines of a source."""

    source: str
    first: int = Field(ge=1)
    count: int = Field(default=40, ge=1, le=200)


@dataclass(frozen=True, slots=True)
class Lookup:
    """A tool and what it does.

    Attributes:
        description: For the model.
        arguments: Their form.
        read: Gives the text; raises `InvalidReply` where the arguments make no sense.
    """

    description: str
    arguments: type[Arguments]
    read: Callable[[Subject, Any], str]


def trials(subject: Subject, asked: TrialsArguments) -> str:
    """A page of trials."""
    assert subject.stored is not None
    history = subject.stored.history
    fits = [t for t in history if asked.state in ("any", t.state)]
    if asked.order == "best":
        ranks = {t.number: rank for rank, t in enumerate(history.ranked)}
        fits.sort(key=lambda t: ranks.get(t.number, len(ranks) + t.number))
    elif asked.order == "latest":
        fits.reverse()
    page = fits[asked.skip : asked.skip + asked.limit]
    lines = [line(subject, trial) for trial in page]
    return "\n".join([*lines, f"({len(page)} of {len(fits)} trials)"])


def trial(subject: Subject, asked: TrialArguments) -> str:
    """Everything about one trial."""
    known = find(subject, asked.number)
    facts = {
        "trial": known.number,
        "state": known.state,
        "source": known.source,
        "configuration": known.configuration,
        "value": known.value,
        "seconds": known.seconds,
        "reason": clip(known.proposal.reason, 400),
        "fallback": clip(known.proposal.fallback, 400),
        "error": clip(known.error, 800),
        "other numbers": known.extra,
        "steps of its curve": len(known.curve),
    }
    return json.dumps({name: fact for name, fact in facts.items() if fact not in ("", None, {}, 0)}, default=str)


def best(subject: Subject, _: Nothing) -> str:
    """The incumbent against the default."""
    assert subject.stored is not None
    stored = subject.stored
    if stored.best is None:
        return "No trial meets the constraints yet." if stored.history.finished else "No trial has finished yet."
    default = [f"default: {line(subject, stored.default)}"] if stored.default else ["no default was evaluated"]
    return "\n".join([f"best: {line(subject, stored.best)}", *default, stored.verdict()])


def effects(subject: Subject, _: Nothing) -> str:
    """Shares of each hyperparameter."""
    assert subject.stored is not None
    shares = [f"{name}: {share:.0%}" for name, share in subject.stored.effects.shares.items()]
    rough = "(shares of what the surrogate expects to change; a rough guess with few trials)"
    return "\n".join([*shares, rough]) if shares else "The trials do not tell."


def failures(subject: Subject, _: Nothing) -> str:
    """Failed trials by reason."""
    assert subject.stored is not None
    found = []
    for failure in subject.stored.history.failures[:10]:
        numbers = ", ".join(str(t.number) for t in failure.trials[:20])
        examples = "; ".join(show(t.configuration) for t in failure.trials[-3:])
        found.append(f"trial {numbers}: {clip(failure.reason, 400)} For example {examples}")
    return "\n".join(found) or "No trial has failed."


def curve(subject: Subject, asked: TrialArguments) -> str:
    """Intermediate values of one trial."""
    points = find(subject, asked.number).curve
    step = max(1, len(points) // 100)
    chosen = [*points[:-1:step], *points[-1:]]
    return ", ".join(f"{at}: {value:.5g}" for at, value in chosen) or "It reported no intermediate values."


def space(subject: Subject, _: Nothing) -> str:
    """The search space."""
    return "\n".join(describe(name, h) for name, h in space_of(subject).items())


def near(subject: Subject, asked: NearArguments) -> str:
    """What was tried around a point: distance is the greatest difference in the unit cube, over what is given."""
    known = space_of(subject)
    given: Configuration = {}
    for name, value in asked.configuration.items():
        if name not in known:
            raise InvalidReply(f"there is no hyperparameter {clip(name, 40)}; there are {', '.join(known)}")
        try:
            given[name] = known[name].coerce(value)[0]
        except InvalidReply as error:
            raise InvalidReply(f"{name} {error}") from None
    if not given:
        raise InvalidReply("the configuration is empty")
    part = SearchSpace({name: replace(known[name], when={}) for name in given})
    place = part.encode(given)
    placed = [t for t in subject.trials.values() if all(name in t.configuration for name in given)]
    distances = [(float(abs(part.encode({n: t.configuration[n] for n in given}) - place).max()), t) for t in placed]
    distances.sort(key=lambda pair: (pair[0], pair[1].number))
    lines = [f"distance {distance:.3f}: {line(subject, t)}" for distance, t in distances[: asked.limit]]
    return "\n".join(lines) or "No trial has these hyperparameters."


def lines(subject: Subject, asked: LinesArguments) -> str:
    """A part of a log or a script."""
    source = next((s for s in subject.sources if s.label == asked.source), None)
    if source is None:
        raise InvalidReply(
            f"there is no {clip(asked.source, 40)}; there are {', '.join(s.label for s in subject.sources)}"
        )
    found = source.numbered(asked.first, asked.first + asked.count - 1)
    return found or f"{source.label} is kept from line {source.first} to {source.last}."


STUDY = {
    "trials": Lookup("Lists trials: configuration, outcome, source.", TrialsArguments, trials),
    "trial": Lookup("Everything known about one trial.", TrialArguments, trial),
    "best": Lookup("The best trial, the default, and what was gained.", Nothing, best),
    "effects": Lookup("Which hyperparameters matter.", Nothing, effects),
    "failures": Lookup("Failed trials by reason.", Nothing, failures),
    "curve": Lookup("Intermediate values (the learning curve) of one trial.", TrialArguments, curve),
    "space": Lookup("The search space.", Nothing, space),
    "near": Lookup("Trials nearest to a (partial) configuration.", NearArguments, near),
}
SOURCES = {"lines": Lookup("Lines of an attached log or script, by its label.", LinesArguments, lines)}


def lookups(subject: Subject) -> Mapping[str, Lookup]:
    """The tools that make sense for what is attached."""
    return (STUDY if subject.stored is not None else {}) | (SOURCES if subject.sources else {})


def tool_for(name: str, description: str, arguments: type[Arguments]) -> Tool:
    """A tool as a model is offered it."""
    schema = arguments.model_json_schema()
    plain = {key: value for key, value in schema.items() if key not in ("title", "description")}
    return Tool(name=name, description=description, schema={"properties": {}, **plain})


def read_arguments(form: type[Arguments], call: ToolCall) -> Any:
    """The arguments of a call.

    Raises:
        InvalidReply: They are not of the form; fit to be told to the model.
    """
    try:
        given = json.loads(call.arguments or "{}")
        return form.model_validate({} if given is None else given)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise InvalidReply(f"{clip(place, 60)}: {clip(first['msg'], 200)}") from None
    except (ValueError, RecursionError):
        raise InvalidReply("the arguments are not a JSON object") from None


def find(subject: Subject, number: int) -> TrialRecord:
    """A trial by its number."""
    if number not in subject.trials:
        raise InvalidReply(f"there is no trial {number}; the numbers go up to {max(subject.trials, default=-1)}")
    return subject.trials[number]


def space_of(subject: Subject) -> SearchSpace:
    """The search space, which must be known."""
    if subject.space is None:
        raise InvalidReply("the study does not say what its search space is")
    return subject.space


def line(subject: Subject, known: TrialRecord) -> str:
    """A trial in a line."""
    return (
        f"trial {known.number} ({known.source}): {show(known.configuration)} -> {outcome(known, subject.task.metric)}"
    )


def cut(text: str) -> str:
    """No more than a prompt can bear."""
    return text if len(text) <= MAX_RESULT else text[:MAX_RESULT] + "\n(cut off: ask for less)"
