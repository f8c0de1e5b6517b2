"""What a language model is to tunewise: something that completes a request.

No type of an SDK or of an HTTP library appears here or in any public signature.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Protocol, runtime_checkable

__all__ = ["ChatModel", "ChatReply", "ChatRequest", "FinishReason", "Message", "Role"]

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length", "refusal", "other"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """Everything that decides a reply.

    Attributes:
        messages: The conversation so far; the last message is the user's.
        schema: JSON Schema that the reply should satisfy, a wish: servers that cannot enforce it ignore it, so whoever
            asks validates the reply all the same.
        temperature: 0 for the likeliest reply; None leaves it to the server.
        seed: For servers that can repeat a sampled reply.
        max_output_tokens: Upper bound on the reply, thinking included.
    """

    messages: tuple[Message, ...]
    schema: Mapping[str, Any] | None = None
    temperature: float | None = 0.0
    seed: int | None = None
    max_output_tokens: int = 2048

    @property
    def key(self) -> str:
        """sha256 of the canonical form: equal requests have equal keys, on every machine."""
        parts = {field.name: getattr(self, field.name) for field in fields(self)}  # asdict would copy the schema
        canonical = json.dumps(parts, default=asdict, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatReply:
    """What came back. Nothing in it is trusted.

    Attributes:
        text: The reply; may be empty.
        model: The model as the server names it.
        finish_reason: "length": cut off at `max_output_tokens`; "refusal": the model or a filter refused.
        input_tokens: As the server counts them; None when it does not say.
        output_tokens: Likewise.
        seconds: Wall time of the call, retries included.
    """

    text: str
    model: str
    finish_reason: FinishReason = "stop"
    input_tokens: int | None = None
    output_tokens: int | None = None
    seconds: float = 0.0


@runtime_checkable
class ChatModel(Protocol):
    """A language model.

    `complete` blocks until there is a reply. It retries what a retry can mend, and then raises:

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
