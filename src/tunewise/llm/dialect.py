"""What a server of the chat-completions protocol accepts: found out by asking, one thing given up at a time."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from tunewise.llm.base import ChatRequest, Message, ToolCall
from tunewise.plain import PlainDict
from tunewise.text import encodable

__all__ = ["Dialect", "recall", "remember"]

Limit = Literal["max_tokens", "max_completion_tokens"]
Structure = Literal["json_schema", "json_object", "text"]
weaker_structure: dict[Structure, Structure] = {"json_schema": "json_object", "json_object": "text"}

mentions = {
    "tools": re.compile(r"\btools?\b|tool.(choice|use|call)|function.?call"),
    "stream_options": re.compile(r"stream_options|include_usage"),
    "response_format": re.compile(r"response_format|json_schema|json_object|schema|structured|grammar|guided"),
    "temperature": re.compile(r"temperature"),
    "seed": re.compile(r"\bseed\b"),
    "max_tokens": re.compile(r"\bmax_tokens\b"),
    "max_completion_tokens": re.compile(r"\bmax_completion_tokens\b"),
    "system": re.compile(
        r"system.{0,3}(role|message|prompt|instruction)|role.{0,60}\bsystem\b|\bsystem\b.{0,40}not (supported|allowed)"
        r"|developer instruction|roles must alternate|only (support )?user and assistant"
    ),
    "stream": re.compile(
        r"(only|must|requires?|required|enable|set|need).{0,40}\bstream|\bstream(ing)?\b.{0,40}(only|must|required|true)"
    ),
}
ROOM = 32_768
"""Tokens that a reply may take at first, thinking included: reasoning models need thousands for a short answer."""
MOST_ROOM = 131_072
LEAST_ROOM = 1_024


@dataclass(frozen=True, slots=True)
class Dialect:
    """Which parameters are sent, and how.

    Attributes:
        limit: What the server calls the bound on the reply. It is never given up, only called by its other name.
        renamed: Whether `limit` is the other name already.
        room: Tokens that a reply may take, thinking included.
        structure: How a schema is enforced: by itself, as "some JSON", or not at all.
        proven: Whether the server has answered a request with a schema.
        system: Whether there is a system message; where not, its text stands before the user's first.
        stream: Whether every reply is asked for as a stream.
        temperature: Whether it is sent.
        seed: Whether it is sent.
        tools: Whether they are offered; where not, what tools gave before stands in the conversation as text.
        stream_options: Whether a stream is asked to end with the count of its tokens.
    """

    limit: Limit = "max_tokens"
    renamed: bool = False
    room: int = ROOM
    structure: Structure = "json_schema"
    proven: bool = False
    system: bool = True
    stream: bool = False
    temperature: bool = True
    seed: bool = True
    tools: bool = True
    stream_options: bool = True

    def room_for(self, request: ChatRequest) -> int:
        """How many tokens the reply to a request may take."""
        asked = request.max_output_tokens
        return self.room if asked is None else min(asked, self.room)

    def arguments(self, model: str, request: ChatRequest, *, stream: bool = False) -> dict[str, Any]:
        """The request as the server wants it."""
        messages = list(request.messages) if self.tools else without_tools(request.messages)
        arguments: dict[str, Any] = {
            "model": model,
            "messages": list(map(on_the_wire, messages if self.system else without_system(messages))),
            self.limit: self.room_for(request),
        }
        if stream or self.stream:
            arguments["stream"] = True
        if (stream or self.stream) and self.stream_options:
            arguments["stream_options"] = {"include_usage": True}
        if self.tools and request.tools:
            arguments["tools"] = [
                {
                    "type": "function",
                    "function": {"name": t.name, "description": t.description, "parameters": dict(t.schema)},
                }
                for t in request.tools
            ]
        if self.temperature and request.temperature is not None:
            arguments["temperature"] = request.temperature
        if self.seed and request.seed is not None:
            arguments["seed"] = request.seed
        if request.schema is not None and self.structure == "json_schema":
            schema = {"name": "reply", "strict": True, "schema": dict(request.schema)}
            arguments["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif request.schema is not None and self.structure == "json_object":
            arguments["response_format"] = {"type": "json_object"}
        return arguments

    def without(self, blamed: str) -> Self | None:
        """The dialect without one thing; None when it cannot be given up."""
        if blamed == "response_format":
            return replace(self, structure=weaker_structure[self.structure])
        if blamed in ("temperature", "seed", "tools", "stream_options", "system"):
            unsent: dict[str, Any] = {blamed: False}
            return replace(self, **unsent)
        if blamed == "stream":
            return replace(self, stream=True)
        if blamed == self.limit and not self.renamed:
            other: Limit = "max_tokens" if self.limit == "max_completion_tokens" else "max_completion_tokens"
            return replace(self, limit=other, renamed=True)
        return None

    def after(self, request: ChatRequest, parameter: str | None, words: str, *, stream: bool = False) -> Self | None:
        """What to try after the server has refused the request; None when nothing is left to give up.

        A server blames a parameter by field or in words; one that blames nothing may still dislike the schema, the
        way a stream ends, or tools.
        """
        arguments = self.arguments("", request, stream=stream)
        can_change = arguments.keys() & mentions.keys() - {"stream"}
        if "stream" not in arguments:
            can_change.add("stream")
        if self.system and any(message.role == "system" for message in request.messages):
            can_change.add("system")
        found = {name: mentions[name].search(words.lower()) for name in can_change}
        by_position = sorted((match.start(), name) for name, match in found.items() if match)
        suspects = [name for name in ("response_format", "stream_options", "tools") if name in arguments]
        blamed = [
            *[name for name in (parameter,) if name in can_change and name != "stream"],
            *[name for name in ("stream", "system") if found.get(name)],  # said in so many words
            *[name for _, name in by_position],
            *suspects,
        ]
        return self.without(blamed[0]) if blamed else None

    def narrower(self, request: ChatRequest, words: str) -> Self | None:
        """With less room, as the server's words have it; None when there is hardly any left."""
        room = self.room_for(request)
        named = [int(number) for number in re.findall(r"(?<![\d.])\d{4,7}(?!\d|\.\d)", words)]
        smaller = max((number for number in named if LEAST_ROOM <= number < room), default=room // 4)
        return replace(self, room=smaller) if smaller >= LEAST_ROOM else None

    def wider(self) -> Self:
        """With more room, after a reply that did not fit."""
        return replace(self, room=min(MOST_ROOM, 4 * self.room))


def on_the_wire(message: Message) -> PlainDict:
    """A message as the protocol has it."""
    wire: PlainDict = {"role": message.role, "content": encodable(message.content)}
    if message.tool_calls:
        wire["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": an_object(call)}}
            for call in message.tool_calls
        ]
    if message.role == "tool":
        wire["tool_call_id"] = message.tool_call_id
    return wire


def without_tools(messages: tuple[Message, ...]) -> list[Message]:
    """A conversation with its function calls told in words; roles take turns, as some servers demand."""
    told: list[Message] = []
    for message in messages:
        role = "user" if message.role == "tool" else message.role
        calls = [f"(I look up: {call.name} {an_object(call)})" for call in message.tool_calls]
        found = "What was looked up:\n" if message.role == "tool" else ""
        content = "\n".join(part for part in (found + message.content, *calls) if part)
        if told and told[-1].role == role != "system":
            told[-1] = Message(role, f"{told[-1].content}\n\n{content}")
        else:
            told.append(Message(role, content))
    return told


def without_system(messages: list[Message]) -> list[Message]:
    """A conversation whose system message stands before the user's first words; roles take turns."""
    rules = [message.content for message in messages if message.role == "system"]
    told: list[Message] = []
    for message in messages:
        if message.role == "system":
            continue
        if rules:
            content = "\n\n".join([*rules, message.content])
            rules, message = [], replace(message, role="user", content=content)
        if told and told[-1].role == message.role == "user":
            told[-1] = replace(message, content=f"{told[-1].content}\n\n{message.content}")
        else:
            told.append(message)
    return told or [Message("user", "\n\n".join(rules))]


def an_object(call: ToolCall) -> str:
    """The arguments of a call if they are a JSON object, else an empty one: servers read them."""
    try:
        return encodable(call.arguments) if isinstance(json.loads(call.arguments), dict) else "{}"
    except (ValueError, RecursionError):
        return "{}"


known: dict[tuple[str, str], Dialect] = {}
lock = threading.Lock()


def recall(base_url: str, model: str, *, room: int | None = None) -> Dialect:
    """What this process knows of a model on a server, or the first guess; with no more room than is set.

    OpenAI's new models refuse `max_tokens`; elsewhere `max_completion_tokens` may be unknown, or silently ignored.
    """
    with lock:
        guess = Dialect("max_completion_tokens" if "//api.openai.com/" in base_url else "max_tokens")
        dialect = known.get((base_url, model), guess)
    if room is None:
        return dialect
    return replace(dialect, room=room if dialect.room >= ROOM else min(room, dialect.room))


def remember(base_url: str, model: str, dialect: Dialect) -> None:
    """Keep what has worked, for the rest of this process."""
    with lock:
        known[base_url, model] = dialect
