"""What is recorded of a call to a language model, and what calls took together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from tunewise.errors import ModelUnavailable, StudyError
from tunewise.llm.base import ChatReply, FinishReason, ToolCall
from tunewise.llm.prices import Price
from tunewise.plain import PlainDict

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = ["Call", "Totals"]

LARGEST = 10**12
"""Tokens, dollars and seconds beyond are no record of a call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a language model, successful or not.

    Attributes:
        key: Of the request.
        model: As the server names it; as asked for, when the call failed.
        text: The reply, as it came; of an interrupted one, what had come.
        finish_reason: As in `ChatReply`; "other" when the call failed.
        input_tokens: As the server counts them; None when unknown.
        output_tokens: Likewise.
        most_input_tokens: What the prompt takes at most, by estimate. Caps count it while the truth is unknown.
        most_output_tokens: What the reply takes at most, likewise.
        cost_usd: None when unknown, which is not 0.
        seconds: Wall time, retries included.
        error: Why there is no reply; empty when there is one.
        tool_calls: What the model wanted called.
    """

    key: str
    model: str
    text: str = ""
    finish_reason: FinishReason = "other"
    input_tokens: int | None = None
    output_tokens: int | None = None
    most_input_tokens: int = 0
    most_output_tokens: int = 0
    cost_usd: float | None = None
    seconds: float = 0.0
    error: str = ""
    tool_calls: tuple[ToolCall, ...] = ()

    def reply(self) -> ChatReply:
        """The reply as it was received.

        Raises:
            ModelUnavailable: The call had failed.
        """
        if self.error:
            raise ModelUnavailable(self.error)
        return ChatReply(
            text=self.text,
            model=self.model,
            finish_reason=self.finish_reason,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            seconds=self.seconds,
            tool_calls=self.tool_calls,
        )

    def to_dict(self) -> PlainDict:
        """Plain JSON, without tool calls where there are none."""
        parts = asdict(self)
        return parts if self.tool_calls else {name: part for name, part in parts.items() if name != "tool_calls"}

    @classmethod
    def from_dict(cls, data: object) -> Call:
        """The inverse of `to_dict`. What a later version may have added is ignored.

        Raises:
            StudyError: It is not the record of a call.
        """
        try:
            call = call_form().validate_python(data)
            check_amounts(call)
        except ValueError as error:
            first = str(error).partition("\n")[2].partition(" [type=")[0] or str(error)
            raise StudyError(
                f"The record of a model's call is damaged: {' '.join(first.split())[:200]}. Take the study from a "
                "backup, or begin a new one."
            ) from None
        known = call.cost_usd is not None and math.isfinite(call.cost_usd)
        return call if known else replace(call, cost_usd=None)

    def most(self, price: Price | None) -> tuple[int, float]:
        """Tokens and US dollars that it may have taken, its upper bound where the truth is unknown."""
        reading = self.most_input_tokens if self.input_tokens is None else self.input_tokens
        writing = self.most_output_tokens if self.output_tokens is None else self.output_tokens
        cost = self.cost_usd if self.cost_usd is not None else price.cost(reading, writing) if price else None
        return reading + writing, cost or 0.0


def check_amounts(call: Call) -> None:
    """Refuse counts and costs that no call can have: caps and totals would believe them.

    Raises:
        ValueError: One is negative, or beyond all use.
    """
    for name in ("input_tokens", "output_tokens", "most_input_tokens", "most_output_tokens", "cost_usd", "seconds"):
        amount = getattr(call, name)
        if amount is not None and (amount < 0 or amount > LARGEST) and amount != math.inf:
            raise ValueError(f"{name} = {str(amount)[:40]} cannot be")


@cache
def call_form() -> TypeAdapter[Call]:
    """Reads the record of a call; made where one is read."""
    from pydantic import TypeAdapter

    return TypeAdapter(Call)


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What all calls took together.

    Attributes:
        calls: Failed ones included.
        failed_calls: Calls without a reply.
        uncounted_calls: Calls whose tokens nobody reported; they are missing in the two sums that follow.
        input_tokens: Sum of what is known.
        output_tokens: Sum of what is known.
        cost_usd: None as soon as the cost of one call is unknown.
        at_least_usd: Sum of the costs that are known.
    """

    calls: int
    failed_calls: int
    uncounted_calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    at_least_usd: float

    @classmethod
    def of(cls, calls: Sequence[Call]) -> Totals:
        """What these calls took."""
        costs = [call.cost_usd for call in calls]
        known = sum(cost for cost in costs if cost is not None)
        return cls(
            calls=len(calls),
            failed_calls=sum(bool(call.error) for call in calls),
            uncounted_calls=sum(None in (call.input_tokens, call.output_tokens) for call in calls),
            input_tokens=sum(call.input_tokens or 0 for call in calls),
            output_tokens=sum(call.output_tokens or 0 for call in calls),
            cost_usd=None if None in costs else known,
            at_least_usd=known,
        )
