"""Tuning by function calls: the program's function as a tool, and a model's calls of it as configurations."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from tunewise.codegen.contract import Contract
from tunewise.codegen.tree import Program
from tunewise.llm.base import ChatModel, ChatReply, ChatRequest, Message, Tool
from tunewise.prompts.schema import reply_schema
from tunewise.text import clip

__all__ = ["answered_by_calls", "tool_of"]

MAX_WORDS = 300


def tool_of(program: Program, contract: Contract, model: ChatModel) -> Tool | None:
    """The program's function for a model that calls tools; None for one that does not."""
    if not getattr(model, "calls_tools", False):
        return None
    return Tool(
        name=contract.function,
        description="Trains the program with these hyperparameters and returns its validation loss.",
        schema=reply_schema(program.space, reasoning=False),
    )


def answered_by_calls(request: ChatRequest, complete: Callable[[ChatRequest], ChatReply]) -> ChatReply:
    """The reply to a request with one tool, calls of it written as the JSON that proposers read.

    A model that calls anything else is told so, once; what it then answers is read as it is.
    """
    reply = complete(request)
    (name,) = [tool.name for tool in request.tools]
    if reply.tool_calls and not any(call.name == name for call in reply.tool_calls):
        wrong = clip(", ".join(call.name for call in reply.tool_calls), 100)
        last = request.messages[-1]
        objection = f"{last.content}\n\nYou called {wrong}, which does not exist. The only function is {name}."
        messages = (*request.messages[:-1], Message("user", objection))
        reply = complete(replace(request, messages=messages, temperature=max(request.temperature or 0.0, 0.7)))
    calls = [call.arguments for call in reply.tool_calls if call.name == name]
    if not calls:
        return reply
    words = clip(reply.text, MAX_WORDS)
    if len(calls) == 1:
        return replace(reply, text=f"{words}\n{calls[0]}", tool_calls=())
    each = [f'{{"reason": {json.dumps(words)}, "configuration": {arguments}}}' for arguments in calls]
    return replace(reply, text=f'{{"candidates": [{", ".join(each)}]}}', tool_calls=())
