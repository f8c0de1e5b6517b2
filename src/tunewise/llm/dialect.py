"""What a server of the chat-completions protocol accepts: found out by asking, one thing given up at a time."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from tunewise.llm.base import ChatRequest

__all__ = ["Dialect", "clean", "recall", "remember"]

Structure = Literal["json_schema", "json_object", "text"]
weaker_structure: dict[Structure, Structure] = {"json_schema": "json_object", "json_object": "text"}

mentions = {
    "response_format": re.compile(r"response_format|json_schema|json_object|schema|structured|grammar|guided"),
    "temperature": re.compile(r"temperature"),
    "seed": re.compile(r"\bseed\b"),
    "max_tokens": re.compile(r"\bmax_tokens\b"),
    "max_completion_tokens": re.compile(r"\bmax_completion_tokens\b"),
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """Which parameters are sent, and how.

    Attributes:
        limit: What the server calls the bound on the reply. It is never given up, only called by its other name.
        renamed: Whether `limit` is the other name already.
        structure: How a schema is enforced: by itself, as "some JSON", or not at all.
        temperature: Whether it is sent.
        seed: Whether it is sent.
    """

    limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    renamed: bool = False
    structure: Structure = "json_schema"
    temperature: bool = True
    seed: bool = True

    def arguments(self, model: str, request: ChatRequest) -> dict[str, Any]:
        """The request as the server wants it."""
        arguments: dict[str, Any] = {
            "model": model,
            "messages": [{"role": m.role, "content": clean(m.content)} for m in request.messages],
            self.limit: request.max_output_tokens,
        }
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
        if blamed == "temperature":
            return replace(self, temperature=False)
        if blamed == "seed":
            return replace(self, seed=False)
        if blamed == self.limit and not self.renamed:
            other: Any = "max_tokens" if self.limit == "max_completion_tokens" else "max_completion_tokens"
            return replace(self, limit=other, renamed=True)
        return None

    def after(self, request: ChatRequest, parameter: str | None, words: str) -> Self | None:
        """What to try after the server has refused the request; None when nothing is left to give up.

        A server blames a parameter by field or in words; one that blames nothing may still dislike the schema.
        """
        sent = self.arguments("", request).keys() & mentions.keys()
        found = {name: mentions[name].search(words.lower()) for name in sent}
        by_position = sorted((match.start(), name) for name, match in found.items() if match)
        blamed = parameter if parameter in sent else by_position[0][1] if by_position else "response_format"
        return self.without(blamed) if blamed in sent else None


known: dict[tuple[str, str], Dialect] = {}
lock = threading.Lock()


def recall(base_url: str, model: str) -> Dialect:
    """What this process knows of a model on a server, or the first guess.

    OpenAI's new models refuse `max_tokens`; elsewhere `max_completion_tokens` may be unknown, or silently ignored.
    """
    with lock:
        guess = Dialect("max_completion_tokens" if "//api.openai.com/" in base_url else "max_tokens")
        return known.get((base_url, model), guess)


def remember(base_url: str, model: str, dialect: Dialect) -> None:
    """Keep what has worked, for the rest of this process."""
    with lock:
        known[base_url, model] = dialect


def clean(text: str) -> str:
    """The text without lone surrogates, which no file and no server takes."""
    return text.encode("utf-8", "replace").decode()
