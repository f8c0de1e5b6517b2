"""What an agent may look up and do."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from tunewise.assistant.tools import STUDY, Arguments, cut
from tunewise.mcp.desk import Entry
from tunewise.secrets import mask

__all__ = ["TOOLS", "OfStudy", "Tool"]


class OfStudy(Arguments):
    """Which study is meant."""

    study: str | None = Field(default=None, max_length=200, description="Its name; may be left out where there is one.")


class Advice(OfStudy):
    """How much advice."""

    count: int = Field(default=3, ge=1, le=10)


class Propose(OfStudy):
    """A configuration of the agent's own."""

    configuration: dict[str, object] = Field(description="A value for every hyperparameter that exists in it.")
    reason: str = Field(default="", max_length=2_000, description="Why, in a sentence; it is kept with the trial.")


class Tell(OfStudy):
    """The result of a trial: a value, or why there is none."""

    trial: int = Field(ge=0, strict=True)
    value: float | None = Field(default=None, strict=True, description="The metric.")
    error: str | None = Field(default=None, max_length=4_000, description="Why it failed, in place of a value.")


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool.

    Attributes:
        description: For the agent.
        arguments: Their form.
        run: Gives the text of the result.
        writes: Whether it changes a study.
    """

    description: str
    arguments: type[OfStudy]
    run: Callable[[Entry, Any], str]
    writes: bool = False


def looked_up() -> Mapping[str, Tool]:
    """What the assistant's model may look up, for an agent."""

    def tool(name: str) -> Tool:
        lookup = STUDY[name]
        form = type(lookup.arguments.__name__, (OfStudy, lookup.arguments), {})
        return Tool(lookup.description, form, lambda entry, asked: lookup.read(entry.subject(), asked))

    return {name: tool(name) for name in STUDY}


def explain(entry: Entry, asked: OfStudy) -> str:
    """Best against default, who proposed what, what it cost, what matters."""
    del asked
    from tunewise.report import report

    return report(entry.open(), form="md", address=entry.name)


def ask(entry: Entry, asked: OfStudy) -> str:
    """The next configuration."""
    del asked
    return json.dumps(entry.ask())


def tell(entry: Entry, asked: Tell) -> str:
    """Report a result."""
    given = {"trial": asked.trial, "value": asked.value, "error": asked.error}
    return json.dumps(entry.tell({key: value for key, value in given.items() if value is not None}))


TOOLS: Mapping[str, Tool] = {
    **looked_up(),
    "advice": Tool(
        "Where the surrogate (a Gaussian process fitted to the trials) would evaluate next, and what it expects there. "
        "It knows nothing about what hyperparameters mean.",
        Advice,
        lambda entry, asked: entry.advice(asked.count),
    ),
    "explain": Tool("A report of the study: best, default, sources, cost, failures, effects.", OfStudy, explain),
    "ask": Tool(
        "Gives the next configuration to evaluate, and a trial number to tell the result under. Begins the study where "
        "it has not begun. Evaluate it as it is, then call tell.",
        OfStudy,
        ask,
        writes=True,
    ),
    "propose": Tool(
        "Begins a trial with a configuration of your own, kept under the source 'agent'. Evaluate it, then call tell.",
        Propose,
        lambda entry, asked: json.dumps(entry.propose(asked.configuration, mask(asked.reason))),
        writes=True,
    ),
    "tell": Tool(
        "Reports the result of a trial that ask or propose gave: value or error, once.", Tell, tell, writes=True
    ),
}
"""By name. What is looked up is read-only."""


def bounded(text: str) -> str:
    """A result as an agent gets it: secrets masked, no longer than a context can bear."""
    return cut(mask(text))
