"""Asking for several configurations at once, and what of a reply can be used."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from tunewise.errors import ContextLimitExceeded, InvalidReply, ModelUnavailable
from tunewise.llm.base import ChatReply, ChatRequest, Message
from tunewise.prompts.parse import ParsedReply, parse_batch
from tunewise.prompts.schema import batch_schema
from tunewise.proposers.base import Ask, asked_again, cut_off, kept, repetition_of
from tunewise.proposers.credit import policy_of
from tunewise.space import Configuration

__all__ = ["Batch", "Candidate", "ask_for_batch", "unused"]

MAX_KEPT_REASON = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A configuration that the model offered.

    Attributes:
        configuration: Allowed in the space.
        reason: The model's words.
        repairs: What was changed in its values.
        note: What was dropped from it.
        model: Who said it.
    """

    configuration: Configuration
    reason: str = ""
    repairs: tuple[str, ...] = ()
    note: str = ""
    model: str = ""

    @classmethod
    def from_dict(cls, data: object) -> Candidate | None:
        """As stored with a trial; None where somebody has tampered with it."""
        match data:
            case {"configuration": dict(configuration), **more}:
                repairs = more.get("repairs")
                return cls(
                    configuration=configuration,
                    reason=str(more.get("reason", "")),
                    repairs=tuple(map(str, repairs)) if isinstance(repairs, list) else (),
                    note=str(more.get("note", "")),
                    model=str(more.get("model", "")),
                )
        return None

    def to_dict(self) -> dict[str, Any]:
        """Plain data; what is empty is left out."""
        known = {"reason": self.reason, "repairs": list(self.repairs), "note": self.note, "model": self.model}
        return {"configuration": self.configuration, **{key: value for key, value in known.items() if value}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What came of asking.

    Attributes:
        candidates: What can be used and is new, in the model's order.
        reply: The last reply.
        refused: What is wrong with all the others.
        no_reply: Why no reply came, if none did.
    """

    candidates: tuple[Candidate, ...] = ()
    reply: str = ""
    refused: tuple[str, ...] = ()
    no_reply: str = ""

    @property
    def failure(self) -> str:
        """Why nothing can be used; empty when something can."""
        if self.candidates:
            return ""
        return self.no_reply or f"nothing in the reply could be used: {self.refused[-1]}"


def ask_for_batch(
    ask: Ask, messages: tuple[Message, ...], *, most: int, retries: int
) -> Generator[ChatRequest, ChatReply, Batch]:
    """Ask for at most `most` configurations; ask again, with the objections, where none can be used."""
    schema = batch_schema(ask.space, most=most, reasoning=ask.reasoning)
    first = ChatRequest(messages=messages, schema=schema, seed=ask.seed, temperature=ask.temperature)
    request = first
    refused: tuple[str, ...] = ()
    for left in reversed(range(retries + 1)):
        try:
            reply = yield request
        except (ContextLimitExceeded, ModelUnavailable) as error:
            return Batch(refused=refused, no_reply=" ".join(f"the model gave no reply: {error}".split()))
        candidates, objections = usable(ask, reply)
        refused += objections
        if candidates or not left:
            break
        room = request.max_output_tokens * (2 if cut_off(reply) else 1)
        request = asked_again(first, (objections[-1],), room=room)
    return Batch(candidates=candidates[:most], reply=kept(reply.text), refused=refused)


def usable(ask: Ask, reply: ChatReply) -> tuple[tuple[Candidate, ...], tuple[str, ...]]:
    """The new configurations of a reply, and what is wrong with the others."""
    if reply.finish_reason == "refusal":
        return (), (f"The model refused: {reply.text[:200]!r}. Only configurations are asked for.",)
    try:
        parsed = parse_batch(reply.text, ask.space, base=ask.space.default)
    except InvalidReply as error:
        cut = "The reply was cut off because it was too long. " if cut_off(reply) else ""
        return (), (f"{cut}{error}",)
    candidates: list[Candidate] = []
    objections = list(parsed.objections)
    for one in parsed.replies:
        if twin := ask.nearly(one.configuration):
            objections.append(f"{repetition_of(twin)}. Propose different configurations.")
        elif not any(ask.near(one.configuration, c.configuration) for c in candidates):
            candidates.append(as_candidate(one, reply.model))
    return tuple(candidates), tuple(objections)


def as_candidate(parsed: ParsedReply, model: str) -> Candidate:
    """What is kept of a configuration until it is its turn."""
    return Candidate(
        configuration=parsed.configuration,
        reason=parsed.reason[:MAX_KEPT_REASON],
        repairs=tuple(map(str, parsed.repairs)),
        note=parsed.note,
        model=model,
    )


def unused(ask: Ask, *, most: int) -> tuple[Candidate, ...]:
    """What earlier calls offered and nobody has tried, the latest `most`, read from the history."""
    stored = (data for trial in ask.history for data in policy_of(trial).get("offered", ()))
    offered = [c for data in stored if (c := Candidate.from_dict(data))]
    fitting = [c for c in offered if ask.space.accepts(c.configuration) and set(c.configuration) <= set(ask.space)]
    return tuple(c for c in fitting if not ask.nearly(c.configuration))[-most:]
