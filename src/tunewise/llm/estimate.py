"""How many tokens a call takes, as far as nobody has counted them."""

from __future__ import annotations

import json
from dataclasses import asdict
from math import ceil

from tunewise.llm.base import ChatReply, ChatRequest
from tunewise.tokens import estimate_tokens

__all__ = ["believed", "least_input_tokens", "least_output_tokens", "most_input_tokens"]

MOST = 10**9
LIE = 64
"""A count so many times below our own estimate is no count; the estimate is seldom off by a third."""
SLACK = 32
"""Of short texts nothing can be said."""


def most_input_tokens(request: ChatRequest) -> int:
    """What a request takes at most, nearly: text, schema and tools (servers make them text), marks between turns."""
    shapes = [] if request.schema is None else [request.schema]
    tools = [asdict(tool) for tool in request.tools]
    calls = [asdict(call) for message in request.messages for call in message.tool_calls]
    around = sum(estimate_tokens(json.dumps(shape)) for shape in (*shapes, *tools, *calls))
    turns = sum(estimate_tokens(message.content) + 16 for message in request.messages)
    return 32 + ceil(1.1 * (around + turns))


def least_input_tokens(request: ChatRequest) -> int:
    """The estimate for the text alone."""
    return sum(estimate_tokens(message.content) for message in request.messages)


def least_output_tokens(reply: ChatReply) -> int:
    """The estimate for what came back, thoughts not counted."""
    return estimate_tokens(reply.text) + sum(estimate_tokens(call.arguments) for call in reply.tool_calls)


def believed(count: object, least: int) -> int | None:
    """A count of tokens as it is recorded: the estimate where a server says far less, None where it says nothing."""
    if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= MOST:
        return None
    return count if count > 0 and LIE * count + SLACK >= least else max(count, least)
