"""Asking a model until its reply can be used: one loop, and what of a reply counts as usable."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from tunewise.errors import ContextLimitExceeded, InvalidReply, ModelError, ModelUnavailable
from tunewise.history import TrialRecord
from tunewise.llm.base import ChatReply, ChatRequest, Message
from tunewise.prompts.parse import ParsedReply, parse_batch, parse_reply
from tunewise.prompts.render import render
from tunewise.prompts.schema import batch_schema, reply_schema
from tunewise.prompts.views import WrongReplyView
from tunewise.proposers.base import ProposalContext, Proposing, draw
from tunewise.record import Candidate, Proposal
from tunewise.space import Configuration, SearchSpace

__all__ = ["Answer", "Batch", "Objection", "ask_again", "ask_for_batch", "ask_for_one"]

MAX_REFUSALS = 3
"""How often a reply is sent back for one trial [Zhang]."""
RETRY_TEMPERATURES = (0.7, 1.0, 1.0)
"""Of the requests that follow a refusal: at temperature 0 a small model gives the same wrong answer again."""
MAX_KEPT = 2_000
"""Characters of a reply that are kept for the dialogue; of a longer one the two ends."""
MAX_KEPT_REASON = 300

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What came of asking.

    Attributes:
        value: What was read; None where nothing could be used.
        reply: The last reply; None where none came.
        refused: What was wrong with the replies that were sent back.
        error: Why no reply came.
        unreadable: How many of the replies held no configuration, as far as that is counted.
    """

    value: T | None = None
    reply: ChatReply | None = None
    refused: tuple[str, ...] = ()
    error: ModelError | None = None
    unreadable: int = 0

    @property
    def failure(self) -> str:
        """Why nothing was read; empty where something was."""
        if self.value is not None:
            return ""
        count = f"{len(self.refused)} replies" if len(self.refused) > 1 else "the reply"
        why = (
            f"the model gave no reply: {self.error}" if self.error else f"{count} could not be used: {self.refused[-1]}"
        )
        return " ".join(why.split())


def ask_again(
    first: ChatRequest, read: Callable[[ChatReply], T], *, retries: int = MAX_REFUSALS
) -> Generator[ChatRequest, ChatReply, Answer[T]]:
    """Ask; while a reply cannot be used, ask again and say why.

    The replies are not sent back with the objections, because a model copies what stands before it.

    Args:
        first: The request.
        read: Makes something of a reply, or raises `InvalidReply`.
        retries: How often a reply is sent back.
    """
    request: ChatRequest = first
    refused: tuple[str, ...] = ()
    while True:
        try:
            reply = yield request
        except (ContextLimitExceeded, ModelUnavailable) as error:
            return Answer(refused=refused, error=error)
        try:
            return Answer(read(reply), reply, refused)
        except InvalidReply as error:
            refused = (*refused, str(error))
        if len(refused) > retries:
            return Answer(reply=reply, refused=refused)
        *before, last = first.messages
        request = replace(
            first,
            messages=(*before, Message("user", f"{last.content}\n\n{render(WrongReplyView(refused))}")),
            temperature=max(
                first.temperature or 0.0, RETRY_TEMPERATURES[min(len(refused), len(RETRY_TEMPERATURES)) - 1]
            ),
        )


def ask_for_one(context: ProposalContext, messages: tuple[Message, ...], *, method: str) -> Proposing:
    """Ask for one configuration; a random one, marked as such, where no reply could be used.

    Raises:
        ContextLimitExceeded: The first request was too long.
    """
    usable: list[tuple[ParsedReply, ChatReply]] = []

    def read(reply: ChatReply) -> ParsedReply:
        parsed = read_whole(reply, context.space)
        if objection := object_to(parsed, context):
            if parsed.repairs and not context.duplicate(parsed.configuration):
                usable.append((parsed, reply))
            raise InvalidReply(objection)
        return parsed

    answer = yield from ask_again(first_request(context, messages), read)
    if isinstance(answer.error, ContextLimitExceeded) and not answer.refused:
        raise answer.error
    if answer.value and answer.reply:
        usable.append((answer.value, answer.reply))
    if not usable:
        return fallback(context, answer.failure, refused=answer.refused, method=method)
    parsed, reply = usable[-1]
    return Proposal(
        configuration=parsed.configuration,
        source="repair" if parsed.repairs else "model",
        reason=parsed.reason,
        repairs=tuple(map(str, parsed.repairs)),
        reply=kept(reply.text),
        refused=answer.refused,
        note=parsed.note,
        method=method,
        model=reply.model,
    )


def first_request(context: ProposalContext, messages: tuple[Message, ...], *, most: int = 0) -> ChatRequest:
    """Asks for a configuration, or for several in a list."""
    reasoning = context.reasoning
    schema = (
        batch_schema(context.space, most=most, reasoning=reasoning)
        if most
        else reply_schema(context.space, reasoning=reasoning)
    )
    return ChatRequest(messages=messages, schema=schema, seed=context.seed, temperature=context.temperature)


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a configuration that could run is turned down, and whether the model may try again."""

    why: str
    sent_back: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """Configurations of one reply.

    Attributes:
        candidates: What can be used and is new, in the model's order.
        objections: What is wrong with the others.
        turned_down: Whether the first one is not to run, for a reason that stands among the refusals.
    """

    candidates: tuple[Candidate, ...]
    objections: tuple[str, ...] = ()
    turned_down: bool = False


def ask_for_batch(
    context: ProposalContext,
    messages: tuple[Message, ...],
    *,
    most: int,
    retries: int,
    objection: Callable[[Configuration], Objection | None],
) -> Generator[ChatRequest, ChatReply, Answer[Batch]]:
    """Ask for at most `most` configurations; ask again where none can be used.

    Args:
        context: What is known.
        messages: The request.
        most: How many configurations are wanted.
        retries: How often a reply is sent back.
        objection: Why a configuration that comes first is turned down; None where it is not.

    Returns:
        Where nothing better comes, what was turned down last: it says where the model would go.
    """
    unreadable = 0
    turned_down: Batch | None = None

    def read(reply: ChatReply) -> Batch:
        nonlocal unreadable, turned_down
        unreadable += 1
        batch = read_batch(context, reply)
        unreadable -= 1
        if not batch.candidates:
            raise InvalidReply(batch.objections[-1])
        batch = replace(batch, candidates=batch.candidates[:most])
        if against := objection(batch.candidates[0].configuration):
            turned_down = batch = replace(batch, turned_down=True)
            if against.sent_back:
                raise InvalidReply(against.why)
            return replace(batch, objections=(*batch.objections, against.why))
        return batch

    answer = yield from ask_again(first_request(context, messages, most=most), read, retries=retries)
    return replace(answer, unreadable=unreadable, value=answer.value or (None if answer.error else turned_down))


def read_batch(context: ProposalContext, reply: ChatReply) -> Batch:
    """The new configurations of a reply, and what is wrong with the others.

    Raises:
        InvalidReply: It holds none at all.
    """
    if reply.finish_reason == "refusal":
        raise InvalidReply(f"The model refused: {reply.text[:200]!r}. Only configurations are asked for.")
    try:
        parsed = parse_batch(reply.text, context.space, base=context.space.default)
    except InvalidReply as error:
        raise InvalidReply(
            ("The reply was cut off because it was too long. " if cut_off(reply) else "") + str(error)
        ) from None
    candidates: list[Candidate] = []
    objections = list(parsed.objections)
    for one in parsed.replies:
        if earlier := context.duplicate(one.configuration):
            objections.append(f"{repetition_of(earlier)}. Propose a different configuration.")
        elif not any(context.same(one.configuration, c.configuration) for c in candidates):
            candidates.append(as_candidate(one, reply.model))
    return Batch(tuple(candidates), tuple(objections))


def as_candidate(parsed: ParsedReply, model: str) -> Candidate:
    """What is kept of a configuration until it is its turn."""
    return Candidate(
        configuration=parsed.configuration,
        reason=parsed.reason[:MAX_KEPT_REASON],
        repairs=tuple(map(str, parsed.repairs)),
        note=parsed.note,
        model=model,
    )


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


def object_to(parsed: ParsedReply, context: ProposalContext) -> str:
    """What is wrong with a configuration that can be read: out of range, or tried before; empty if nothing is."""
    if parsed.repairs:
        return "; ".join(f"{r.name} = {r.given} is {r.rule}" for r in parsed.repairs) + "."
    if earlier := context.duplicate(parsed.configuration):
        return f"{repetition_of(earlier)}. Propose a different configuration."
    return ""


def repetition_of(trial: TrialRecord) -> str:
    """Which trial is repeated."""
    known = {"running": "is being evaluated now", "waiting": "waits to be evaluated"}.get(
        trial.state, "has been evaluated"
    )
    return f"It repeats trial {trial.number}, which {known}"


def cut_off(reply: ChatReply) -> bool:
    """Whether the reply ended because it was too long."""
    return reply.finish_reason == "length"


def kept(text: str) -> str:
    """A reply as it goes into a dialogue; the configuration usually stands at the end."""
    return text if len(text) <= MAX_KEPT else f"{text[: MAX_KEPT // 2]}\n...\n{text[-MAX_KEPT // 2 :]}"


def fallback(context: ProposalContext, why: str, *, refused: tuple[str, ...] = (), method: str) -> Proposal:
    """A random configuration, marked as such: nothing is ever random under a model's name."""
    return Proposal(
        configuration=draw(context), source="random", fallback=" ".join(why.split()), refused=refused, method=method
    )
