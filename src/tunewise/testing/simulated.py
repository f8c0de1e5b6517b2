"""Models that are no models, for comparisons: each reads the real prompt and answers as a kind of model would.

They see nothing but the request: the search space, the default and the trials are read out of the prompt's text, so
that a prompt that loses information breaks them. Where the optimum (the expert) or the worst region (the adversary)
lies is given when they are made. A reply is a function of the request and the seed alone, as at temperature 0.

```python
model = expert({"C": 10.0, "gamma": 0.01}, spread=0.1, seed=3)
LLMSampler(model, proposer="auto", space=space)
```
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tunewise.llm.base import ChatReply, ChatRequest
from tunewise.llm.prices import FREE, Price
from tunewise.space import Categorical, Configuration, Float, Hyperparameter, Int, SearchSpace, Value

__all__ = ["Seen", "Simulated", "adversary", "default_lover", "expert", "rambler", "read_prompt", "repeater", "stale"]

JSON = json.JSONDecoder()
KINDS = "one of|uniform (?:float|integer) from|(?:float|integer), one of(?: \\d+ values from)?"
SPACE_LINE = re.compile(rf"^- (.+?): ({KINDS}) (.*)$", re.MULTILINE)
NO_VALUES = ("default ", "exists only ", "logarithmic ")
TABLE_LINE = re.compile(r"^\d+ [a-z]+ (.*)$", re.MULTILINE)
TRIAL_LINE = re.compile(r"^(\d+)\. (\{.*\}|the default) -> (.*)$", re.MULTILINE)
OTHERS_LINE = re.compile(r"^Trial (\d+) was not proposed by you \(.*?\): (\{.*\})$", re.MULTILINE)
RESULT_LINE = re.compile(r"^Trial (\d+): (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Seen:
    """What a request says.

    Attributes:
        space: The search space, conditions and defaults included.
        trials: Past configurations and their values; None where there is none.
        count: How many configurations are asked for; 0: one alone, not in a list.
    """

    space: SearchSpace
    trials: tuple[tuple[Configuration, float | None], ...]
    count: int

    @property
    def best(self) -> Configuration:
        """The trial with the least value; the default, or the middle of the space, before there is one."""
        known = [(value, i) for i, (_, value) in enumerate(self.trials) if value is not None]
        if known:
            return self.trials[min(known)[1]][0]
        return self.space.default or self.space.decode(np.full(self.space.width, 0.5))


Policy = Callable[[Seen, np.random.Generator], list[Configuration]]


class Simulated:
    """A `ChatModel` around a policy.

    Attributes:
        name: What it is.
        requests: Everything that was asked, oldest first.
    """

    price: Price | None = FREE
    context_tokens: int | None = None

    def __init__(self, name: str, policy: Policy, *, seed: int = 0, broken: float = 0.0) -> None:
        """A model.

        Args:
            name: What it is.
            policy: The configurations that it offers.
            seed: Of its randomness.
            broken: Share of replies whose JSON is torn.
        """
        self.name = name
        self.requests: list[ChatRequest] = []
        self._policy, self._seed, self._broken = policy, seed, broken

    def complete(self, request: ChatRequest) -> ChatReply:
        """Read the prompt, answer in the form that it asks for."""
        self.requests.append(request)
        seen = read_prompt(request)
        rng = np.random.default_rng([self._seed, zlib.crc32(request.key.encode())])
        torn = rng.random() < self._broken
        offers = self._policy(seen, rng)
        if seen.count:
            text = json.dumps({"candidates": [{"reason": self.name, "configuration": c} for c in offers]})
        else:
            text = json.dumps(offers[0])
        if torn:
            text = "Let me think about it: " + text.replace('"', "").replace(":", " is ")[: len(text) // 2]
        return ChatReply(text=text, model=self.name, input_tokens=None, output_tokens=None)


def expert(optimum: Mapping[str, Value], *, spread: float = 0.1, seed: int = 0) -> Simulated:
    """Draws around the true optimum.

    Args:
        optimum: Where it lies.
        spread: Standard deviation of each coordinate of the unit cube; the probability of a wrong category.
        seed: Of the draws.
    """
    return Simulated("expert", lambda seen, rng: around(optimum, seen, rng, spread), seed=seed)


def adversary(worst: Mapping[str, Value], *, spread: float = 0.1, seed: int = 0) -> Simulated:
    """Draws around the worst place, with the same confidence."""
    return Simulated("adversary", lambda seen, rng: around(worst, seen, rng, spread), seed=seed)


def stale(optimum: Mapping[str, Value], *, spread: float = 0.1, seed: int = 0) -> Simulated:
    """An expert as long as at most two trials are known, who afterwards repeats the best one."""

    def policy(seen: Seen, rng: np.random.Generator) -> list[Configuration]:
        if len(seen.trials) <= 2:
            return around(optimum, seen, rng, spread)
        return [seen.best] * max(1, seen.count)

    return Simulated("stale", policy, seed=seed)


def default_lover(*, step: float = 0.03, seed: int = 0) -> Simulated:
    """Stays within a few percent of the default."""

    def policy(seen: Seen, rng: np.random.Generator) -> list[Configuration]:
        base = seen.space.default or seen.best
        return [moved(seen.space, base, rng, step, 0.0) for _ in range(max(1, seen.count))]

    return Simulated("default_lover", policy, seed=seed)


def repeater(*, seed: int = 0) -> Simulated:
    """Has one idea."""

    def policy(seen: Seen, rng: np.random.Generator) -> list[Configuration]:
        del rng
        idea = seen.space.sample(np.random.default_rng([seed, 1]))
        return [idea] * max(1, seen.count)

    return Simulated("repeater", policy, seed=seed)


def rambler(*, broken: float = 0.5, seed: int = 0) -> Simulated:
    """Proposes at random, and writes broken JSON half of the time."""

    def policy(seen: Seen, rng: np.random.Generator) -> list[Configuration]:
        return [seen.space.sample(rng) for _ in range(max(1, seen.count))]

    return Simulated("rambler", policy, seed=seed, broken=broken)


def around(center: Mapping[str, Value], seen: Seen, rng: np.random.Generator, spread: float) -> list[Configuration]:
    """As many draws around a place as are asked for."""
    return [moved(seen.space, center, rng, spread, spread) for _ in range(max(1, seen.count))]


def moved(
    space: SearchSpace, center: Mapping[str, Value], rng: np.random.Generator, spread: float, other: float
) -> Configuration:
    """A configuration at a normal distance in every number, and with another category now and then."""
    x = space.encode(center)
    for name, hyperparameter in space.items():
        block = space.columns[name]
        if hyperparameter.ordered:
            x[block] = np.clip(x[block] + spread * rng.standard_normal(), 0, 1)
        elif rng.random() < other:
            x[block] = rng.random(hyperparameter.width)
    return space.decode(x)


def read_prompt(request: ChatRequest) -> Seen:
    """Understand a request of any of our proposers."""
    text = "\n\n".join(m.content for m in request.messages if m.role == "user")
    hyperparameters = {m[1]: read_hyperparameter(m[2], m[3]) for m in SPACE_LINE.finditer(text)}
    assert hyperparameters, "the prompt names no search space"
    space = SearchSpace(hyperparameters)
    asked = re.search(r"Give the (?:first |next )?(\d+ )?configuration", text)
    assert asked, "the prompt does not say how many configurations it wants"
    count = int(asked[1] or 1) if '"candidates"' in text else 0
    dialogue = any(m.role == "assistant" for m in request.messages)
    told = read_dialogue(request) if dialogue else read_table(text, space) or read_trials(text, space)
    return Seen(space, tuple(told), count)


def read_table(text: str, space: SearchSpace) -> list[tuple[Configuration, float | None]]:
    """The lines of the table: number, who proposed it, a cell for each hyperparameter, after a colon the results."""
    _, began, table = text.partition("\ntrial by ")
    trials: list[tuple[Configuration, float | None]] = []
    for match in TABLE_LINE.finditer(table.partition("\n\n")[0]) if began else ():
        configuration: Configuration = {}
        at = match.start(1)
        for name in space:
            if table.startswith("-", at) and table[at + 1] in " :":
                at += len("- ")
                continue
            configuration[name], at = JSON.raw_decode(table, at)
            at += len(" ")
        value = re.match(r" ?(-?[\d.]+(e[+-]?\d+)?)(?= \(|,|$)", table[at : match.end()])
        trials.append((configuration, float(value[1]) if value else None))
    return trials


def read_trials(text: str, space: SearchSpace) -> list[tuple[Configuration, float | None]]:
    """The numbered lines; differences are from the default."""
    base: Configuration = space.default or {} if "as differences from the default" in text else {}
    trials: list[tuple[Configuration, float | None]] = []
    for match in TRIAL_LINE.finditer(text):
        configuration = base | (json.loads(match[2]) if match[2] != "the default" else {})
        trials.append((configuration, value_in(match[3])))
    return trials or [(json.loads(m[2]), None) for m in OTHERS_LINE.finditer(text)]


def read_dialogue(request: ChatRequest) -> list[tuple[Configuration, float | None]]:
    """The turns of the chat prompt."""
    trials: dict[int, tuple[Configuration, float | None]] = {}
    said: Configuration = {}
    for message in request.messages:
        if message.role == "assistant":
            said = json.loads(message.content)
            continue
        others = {int(m[1]): json.loads(m[2]) for m in OTHERS_LINE.finditer(message.content)}
        for match in RESULT_LINE.finditer(message.content):
            number = int(match[1])
            trials[number] = (others.get(number, said), value_in(match[2]))
    return list(trials.values())


def value_in(outcome: str) -> float | None:
    """The number in `loss = 1.2e-01`; the first of several."""
    match = re.search(r"= (-?\d\.\d+e[+-]\d+)", outcome)
    return (
        float(match[1])
        if match and not outcome.startswith(("failed", "stopped")) and "violates" not in outcome
        else None
    )


def read_hyperparameter(kind: str, facts: str) -> Hyperparameter:
    """A line of the search space; a grid as the range that it spans."""
    more: dict[str, Any] = {}
    log, whole = False, "integer" in kind
    step: float | None = None
    low: Any
    high: Any
    if kind.endswith("one of"):
        choices, facts = read_values(facts, ", ")
        low, high = choices[0], choices[-1]
        log, facts = skipped(", logarithmic scale", facts)
    elif kind.endswith("values from"):
        low, at = JSON.raw_decode(facts)
        high, end = JSON.raw_decode(facts, at + len(" to "))
        log = " times the one before" in facts
        facts = re.sub(r"^, (each \S+ times the one before|\S+ apart)", "", facts[end:])
    else:
        low, at = JSON.raw_decode(facts)
        high, end = JSON.raw_decode(facts, at + len(" to "))
        log, facts = skipped(", logarithmic scale", facts[end:])
        stepped, facts = skipped(", in steps of ", facts)
        step, end = JSON.raw_decode(facts) if stepped else (None, 0)
        facts = facts[end:]
    has_default, facts = skipped(", default ", facts)
    if has_default:
        more["default"], end = JSON.raw_decode(facts)
        facts = facts[end:]
    more["when"] = {}
    while match := re.match(r", exists only when (.+?) is (?=[\"\d\-tfn])", facts):
        more["when"][match[1]], facts = read_values(facts[match.end() :], " or ")
    if kind == "one of":
        return Categorical(choices, **more)
    if whole:
        return Int(low, high, log=log, step=int(step or 1), **more)
    return Float(low, high, log=log, step=step, **more)


def skipped(start: str, text: str) -> tuple[bool, str]:
    """Whether a text starts so, and what follows."""
    return text.startswith(start), text.removeprefix(start)


def read_values(text: str, between: str) -> tuple[list[Value], str]:
    """JSON values with something between them, and what follows."""
    values, at = [], 0
    while True:
        value, at = JSON.raw_decode(text, at)
        values.append(value)
        if not text.startswith(between, at) or text.startswith(NO_VALUES, at + len(between)):
            return values, text[at:]
        at += len(between)
