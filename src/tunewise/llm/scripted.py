"""Models that are no models: for tests, examples, and objectives that come from somewhere else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from typing import ClassVar

from tunewise.errors import ModelError, ModelUnusable
from tunewise.llm.base import ChatReply, ChatRequest
from tunewise.llm.prices import FREE, Price
from tunewise.llm.streaming import play
from tunewise.pickling import Portable

__all__ = ["FunctionModel", "ScriptedModel"]


class ScriptedModel(Portable):
    """Plays a list: a string or a `ChatReply` is the reply, a `ModelError` is raised.

    Attributes:
        requests: Everything that was asked, oldest first.
    """

    of_process: ClassVar = {"_lock": threading.Lock}

    price: Price | None = FREE
    context_tokens: int | None = None
    calls_tools: bool = True

    def __init__(self, replies: Sequence[str | ChatReply | ModelError], *, name: str = "scripted") -> None:
        self.name = name
        self.requests: list[ChatRequest] = []
        self._replies = (replies,) if isinstance(replies, str) else tuple(replies)
        self._lock = threading.Lock()

    def complete(self, request: ChatRequest) -> ChatReply:
        """The next reply of the list.

        Raises:
            ModelUnusable: The list is played out.
        """
        with self._lock:
            turn = len(self.requests)
            self.requests.append(request)
        if turn >= len(self._replies):
            raise ModelUnusable(
                f"The scripted model {self.name!r} was asked {turn + 1} times and has {len(self._replies)} replies. "
                "Give it one reply for every call."
            )
        reply = self._replies[turn]
        if isinstance(reply, ModelError):
            raise reply
        return ChatReply(text=reply, model=self.name) if isinstance(reply, str) else reply

    def stream(self, request: ChatRequest) -> Generator[str, None, ChatReply]:
        """The next reply, word by word."""
        return (yield from play(self.complete(request)))


class FunctionModel:
    """Answers with a function of the request.

    Attributes:
        requests: Everything that was asked, oldest first.
    """

    price: Price | None = FREE
    context_tokens: int | None = None
    calls_tools: bool = True

    def __init__(self, function: Callable[[ChatRequest], str | ChatReply], *, name: str = "function") -> None:
        self.name = name
        self.requests: list[ChatRequest] = []
        self._function = function

    def complete(self, request: ChatRequest) -> ChatReply:
        """What the function returns; what it raises is raised."""
        self.requests.append(request)
        reply = self._function(request)
        return ChatReply(text=reply, model=self.name) if isinstance(reply, str) else reply

    def stream(self, request: ChatRequest) -> Generator[str, None, ChatReply]:
        """The function's reply, word by word."""
        return (yield from play(self.complete(request)))
