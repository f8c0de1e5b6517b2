"""What a language model is to tunewise: something that completes a request.

No type of an SDK or of an HTTP library appears here or in any public signature.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Protocol, runtime_checkable

from tunewise.plain import PlainDict

__all__ = [
    "ChatModel",
    "ChatReply",
    "ChatRequest",
    "FinishReason",
    "Message",
    "Role",
    "StreamingModel",
    "Tool",
    "ToolCall",
]

Role = Literal["system", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "refusal", "interrupted", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """What a model may ask to have called. Whether it is called is for whoever offers it.

    Attributes:
        name: Letters, digits, underscores.
        description: What it does, for the model.
        schema: JSON Schema of its arguments, an object.
    """

    name: str
    description: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A model's wish to have a tool called. Nothing in it is trusted.

    Attributes:
        name: Of a tool, perhaps of one that nobody offered.
        arguments: JSON as the model wrote it, perhaps none.
        id: What the answer refers to.
    """

    name: str
    arguments: str
    id: str


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation.

    Attributes:
        role: Who speaks; "tool" for what a tool gave.
        content: The text.
        tool_calls: What an assistant wanted called.
        tool_call_id: Of the call that a "tool" message answers.
    """

    role: Role
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""

    def to_dict(self) -> PlainDict:
        """Plain JSON. What only tools need is left out where there are none."""
        return {name: value for name, value in asdict(self).items() if value or name in ("role", "content")}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Message:
        """The inverse of `to_dict`.

        Raises:
            TypeError: It is not the record of a message.
        """
        calls = tuple(ToolCall(**call) for call in data.get("tool_calls", ()))
        return cls(**{**data, "tool_calls": calls})


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """Everything that decides a reply.

    Attributes:
        messages: The conversation so far; the last message is the user's.
        schema: JSON Schema that the reply should satisfy, a wish: servers that cannot enforce it ignore it, so whoever
            asks validates the reply all the same.
        temperature: 0 for the likeliest reply; None leaves it to the server.
        seed: For servers that can repeat a sampled reply.
        max_output_tokens: Upper bound on the reply, thinking included; None for what the model allows.
        tools: What the model may ask for, a wish too: servers that know no tools answer without.
    """

    messages: tuple[Message, ...]
    schema: Mapping[str, Any] | None = None
    temperature: float | None = 0.0
    seed: int | None = None
    max_output_tokens: int | None = None
    tools: tuple[Tool, ...] = ()

    def to_dict(self) -> PlainDict:
        """Plain JSON. Without tools it is what it was before there were any, and so is the key."""
        parts = {field.name: getattr(self, field.name) for field in fields(self)}  # asdict would copy the schema
        parts["messages"] = [message.to_dict() for message in self.messages]
        parts["tools"] = [asdict(tool) for tool in self.tools]
        return parts if self.tools else {name: part for name, part in parts.items() if name != "tools"}

    @property
    def key(self) -> str:
        """sha256 of the canonical form: equal requests have equal keys, on every machine.

        How long the reply may be is not part of it: that depends on caps, and on what a server has taught. What stands
        there is what it always was in recordings of version 0.1.
        """
        asked = self.to_dict() | {"max_output_tokens": 2048}
        canonical = json.dumps(asked, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatReply:
    """What came back. Nothing in it is trusted.

    Attributes:
        text: The reply; may be empty.
        model: The model as the server names it.
        finish_reason: "length": cut off at `max_output_tokens`; "refusal": the model or a filter refused;
            "interrupted": the reader has stopped it, and the text is what had come.
        input_tokens: As the server counts them; None when it does not say.
        output_tokens: Likewise.
        seconds: Wall time of the call, retries included.
        tool_calls: What the model wants called before it goes on.
    """

    text: str
    model: str
    finish_reason: FinishReason = "stop"
    input_tokens: int | None = None
    output_tokens: int | None = None
    seconds: float = 0.0
    tool_calls: tuple[ToolCall, ...] = ()

    def to_dict(self) -> PlainDict:
        """Plain JSON, without tool calls where there are none."""
        parts = asdict(self)
        return parts if self.tool_calls else {name: part for name, part in parts.items() if name != "tool_calls"}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ChatReply:
        """The inverse of `to_dict`.

        Raises:
            TypeError: It is not the record of a reply.
        """
        calls = tuple(ToolCall(**call) for call in data.get("tool_calls", ()))
        return cls(**{**data, "tool_calls": calls})


@runtime_checkable
class ChatModel(Protocol):
    """A language model.

    `complete` blocks until there is a reply. It retries what a retry can fix, and then raises:

    - `ModelUnavailable`: time-out, 429, 5xx, lost connection, an answer that is not the protocol's.
    - `ModelUnusable`: wrong key, unknown model, no such server.
    - `ContextLimitExceeded`: the request is too long.
    """

    @property
    def name(self) -> str:
        """The model's name, as asked for."""
        ...

    @property
    def context_tokens(self) -> int | None:
        """How many tokens a request and its reply may have together; None when unknown."""
        ...

    def complete(self, request: ChatRequest) -> ChatReply:
        """The reply to a request."""
        ...


@runtime_checkable
class StreamingModel(Protocol):
    """A language model that can be read while it writes."""

    def stream(self, request: ChatRequest) -> Generator[str, None, ChatReply]:
        """Yields the text piece by piece, and returns the reply that `complete` would give; raises what it raises.

        Closing the generator stops the model.
        """
        ...
