"""The life of a proposal: asked for, read, refused up to three times, and honest about where it came from.

A proposer does no I/O. It is a generator: it yields a `ChatRequest`, is sent the `ChatReply` (or is thrown the
`ModelError` that came in its place), and returns a `Proposal`. One driver (in `tunewise.sampler`) calls the model.

```python
asking = compressed(ask)
request = next(asking)
try:
    request = asking.send(ChatReply(text='{"C": 10}', model="me"))  # refused: the next request says why
except StopIteration as done:
    proposal = done.value
```
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tunewise.errors import ContextLimitExceeded, InvalidReply, ModelUnavailable
from tunewise.history import History, TrialRecord
from tunewise.llm.base import ChatReply, ChatRequest, Message
from tunewise.prompts.parse import ParsedReply, parse_reply
from tunewise.prompts.render import render, template_hash
from tunewise.prompts.schema import reply_schema
from tunewise.prompts.views import WrongReplyView, show
from tunewise.space import Configuration, SearchSpace, Value
from tunewise.task import Task

MAX_REFUSALS = 3
"""How often a reply is sent back for one trial [Zhang]."""
NEAR = 1e-3
"""Configurations closer than this in every coordinate of the unit cube count as one: 0.1 % of the range is below what
one training run can tell apart, and 12 to 16 % of a model's proposals are that close to an earlier one (METHOD)."""
RETRY_TEMPERATURES = (0.7, 1.0, 1.0)
"""Of the requests that follow a refusal: at temperature 0 a small model gives the same wrong answer again."""
MAX_ROOM = 16_384
"""Tokens that a reply may take after it was cut off once or more."""
MAX_KEPT = 2_000
"""Characters of a reply that are kept for the dialogue; of a longer one the two ends."""

Source = Literal["default", "model", "repair", "acquisition", "prior", "random"]
"""Who made a configuration. "repair": the model, but a value had to be moved to its bound or grid. "acquisition": the
surrogate, where it expects most of another trial. "prior": the surrogate, led elsewhere by a prior that the model
wrote."""

Meanwhile = Generator[ChatRequest, ChatReply, dict[str, Any]]
"""Like a proposer, but for what is worth knowing at the next trial."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A configuration and the truth about where it came from.

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
        policy: What the proposer will want to know about this trial later, as plain data.
        meanwhile: Calls that may be made while the trial runs; what it returns is added to `policy`.
    """

    configuration: Configuration
    source: Source
    reason: str = ""
    fallback: str = ""
    repairs: tuple[str, ...] = ()
    reply: str = ""
    refused: tuple[str, ...] = ()
    note: str = ""
    method: str = ""
    model: str = ""
    template: str = field(default_factory=template_hash)
    policy: Mapping[str, Any] = field(default_factory=dict)
    meanwhile: Meanwhile | None = field(default=None, compare=False, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for the storage; what is empty is left out."""
        names = (f.name for f in fields(self) if f.name != "meanwhile")
        known = {name: value for name in names if (value := getattr(self, name)) not in ("", (), {})}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in known.items()}


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What a proposer knows.

    Attributes:
        task: What is tuned.
        space: What must be proposed.
        history: All other trials.
        trial: Number of the trial that is asked for, from 0.
        rng: The only randomness.
        seed: For servers that can repeat a sampled reply.
        fixed: What this trial has already been given.
        context_tokens: The model's limit, if known.
        reasoning: Whether the model is to analyse before it proposes (chain of thought).
        expert: Whether the system message gives the model the role of an expert.
        temperature: Of the first request for a trial [Zhang: 0]; those after a refusal are warmer.
        model: Whether there is a model to ask.
        ahead: Whether calls may be made while the trial runs, so that nobody waits for them.
    """

    task: Task
    space: SearchSpace
    history: History = field(default_factory=History)
    trial: int = 0
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    seed: int | None = None
    fixed: Mapping[str, Value] = field(default_factory=dict)
    context_tokens: int | None = None
    reasoning: bool = False
    expert: bool = True
    temperature: float = 0.0
    model: bool = True
    ahead: bool = False

    @property
    def last(self) -> bool:
        """Whether the budget ends with this trial."""
        return self.task.budget is not None and self.trial >= self.task.budget - 1

    @cached_property
    def tried(self) -> list[TrialRecord]:
        """Trials, running ones too, that gave a value to some hyperparameter of the space."""
        return [t for t in self.history if any(name in t.configuration for name in self.space)]

    @cached_property
    def _tried_points(self) -> NDArray[np.float64]:
        return self._place([t.configuration for t in self.tried])

    def _place(self, configurations: Sequence[Mapping[str, Value]]) -> NDArray[np.float64]:
        # 2 is far from the cube: what exists in one configuration only makes two of them differ
        return self.space.encode_all(configurations, absent=2.0)

    @cached_property
    def exhausted(self) -> bool:
        """Whether every configuration has been tried."""
        return self.space.count <= len(np.unique(self._tried_points, axis=0))

    def nearly(self, configuration: Mapping[str, Value]) -> TrialRecord | None:
        """The earlier trial that a configuration repeats, if it does and something else is left to try."""
        if self.fixed or not self.tried or self.exhausted:
            return None
        distances = np.abs(self._tried_points - self._place([configuration])).max(axis=1)
        nearest = int(distances.argmin())
        return self.tried[nearest] if distances[nearest] < NEAR else None

    def near(self, one: Mapping[str, Value], other: Mapping[str, Value]) -> bool:
        """Whether two configurations count as one."""
        first, second = self._place([one, other])
        return bool(np.abs(first - second).max() < NEAR)


Proposing = Generator[ChatRequest, ChatReply, Proposal]


class Proposer(Protocol):
    """A way to find the next configuration."""

    def __call__(self, ask: Ask) -> Proposing:
        """Yields requests, is sent replies, returns the proposal."""
        ...


def ask_until_valid(ask: Ask, messages: tuple[Message, ...], *, method: str) -> Proposing:
    """Ask for one configuration; send a reply that cannot be used back with the reason, at most three times."""
    schema = reply_schema(ask.space, reasoning=ask.reasoning)
    first = ChatRequest(messages=messages, schema=schema, seed=ask.seed, temperature=ask.temperature)
    request = first
    refused: tuple[str, ...] = ()
    usable: tuple[ParsedReply, ChatReply] | None = None
    no_reply = ""
    while len(refused) <= MAX_REFUSALS:
        try:
            reply = yield request
        except (ContextLimitExceeded, ModelUnavailable) as error:
            if isinstance(error, ContextLimitExceeded) and not refused:
                raise
            no_reply = f"the model gave no reply: {error}"
            break
        try:
            parsed = read_whole(reply, ask.space)
            objection = object_to(parsed, ask)
            if parsed.repairs and objection and not ask.nearly(parsed.configuration):
                usable = parsed, reply
        except InvalidReply as error:
            objection = str(error)
        if not objection:
            return from_model(parsed, reply, refused=refused, method=method)
        refused += (objection,)
        if len(refused) <= MAX_REFUSALS:
            request = asked_again(first, refused, room=request.max_output_tokens * (2 if cut_off(reply) else 1))
    if usable:
        return from_model(*usable, refused=refused, method=method)
    why = no_reply or f"{len(refused)} replies could not be used: {refused[-1]}"
    return fallback(ask, why, refused=refused, method=method)


def read_whole(reply: ChatReply, space: SearchSpace) -> ParsedReply:
    """Read a reply, with what the server says about it."""
    if reply.finish_reason == "refusal":
        raise InvalidReply(f"The model refused: {reply.text[:200]!r}. Only a configuration is asked for.")
    try:
        return parse_reply(reply.text, space)
    except InvalidReply as error:
        if cut_off(reply):
            raise InvalidReply(f"The reply was cut off because it was too long. {error}") from None
        raise


def object_to(parsed: ParsedReply, ask: Ask) -> str:
    """What is wrong with a configuration that can be read: out of range, or tried before; empty if nothing is."""
    if parsed.repairs:
        return "; ".join(f"{r.name} = {r.given} is {r.rule}" for r in parsed.repairs) + "."
    if twin := ask.nearly(parsed.configuration):
        return f"{repetition_of(twin)}. Propose a different configuration."
    return ""


def repetition_of(trial: TrialRecord) -> str:
    """Which trial is repeated."""
    known = "is being evaluated now" if trial.state == "running" else "has been evaluated"
    return f"It repeats trial {trial.number}, which {known}"


def asked_again(first: ChatRequest, refused: tuple[str, ...], *, room: int) -> ChatRequest:
    """The first request with the objections; without the replies, because a model copies what stands before it."""
    *before, last = first.messages
    return replace(
        first,
        messages=(*before, Message("user", f"{last.content}\n\n{render(WrongReplyView(refused))}")),
        temperature=max(first.temperature or 0.0, RETRY_TEMPERATURES[len(refused) - 1]),
        max_output_tokens=min(room, MAX_ROOM),
    )


def cut_off(reply: ChatReply) -> bool:
    """Whether the reply ended because it was too long."""
    return reply.finish_reason == "length"


def from_model(parsed: ParsedReply, reply: ChatReply, *, refused: tuple[str, ...], method: str) -> Proposal:
    """The model's own proposal."""
    return Proposal(
        configuration=parsed.configuration,
        source="repair" if parsed.repairs else "model",
        reason=parsed.reason,
        repairs=tuple(str(repair) for repair in parsed.repairs),
        reply=kept(reply.text),
        refused=refused,
        note=parsed.note,
        method=method,
        model=reply.model,
    )


def kept(text: str) -> str:
    """A reply as it goes into a dialogue; the configuration usually stands at the end."""
    return text if len(text) <= MAX_KEPT else f"{text[: MAX_KEPT // 2]}\n...\n{text[-MAX_KEPT // 2 :]}"


def fallback(ask: Ask, why: str, *, refused: tuple[str, ...] = (), method: str) -> Proposal:
    """A random configuration, marked as such: nothing is ever random under a model's name."""
    return Proposal(
        configuration=draw(ask), source="random", fallback=" ".join(why.split()), refused=refused, method=method
    )


def draw(ask: Ask) -> Configuration:
    """A random configuration that has not been tried, where one is found."""
    for _ in range(100):
        configuration = ask.space.sample(ask.rng)
        if not ask.nearly(configuration):
            break
    return configuration


def joined(earlier: Mapping[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """One record for a trial whose parameters were asked for one by one; what was random makes the whole random."""
    if "configuration" not in earlier:
        return new
    configuration = {**earlier["configuration"], **new["configuration"]}
    worse = max(earlier, new, key=lambda p: ("fallback" in p, p["source"] == "repair"))
    both = {
        key: [*earlier.get(key, ()), *new.get(key, ())]
        for key in ("repairs", "refused")
        if key in earlier or key in new
    }
    reply = {"reply": show(configuration)} if "reply" in worse else {}
    return {**earlier, **new, **worse, **both, **reply, "configuration": configuration}
