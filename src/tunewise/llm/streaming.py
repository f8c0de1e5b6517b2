"""Reading a reply while it is written: for models that can stream, and for those that cannot."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tunewise.llm.base import ChatModel, ChatReply, ChatRequest, StreamingModel
from tunewise.llm.completion import MAX_REPLY_CHARACTERS, join

if TYPE_CHECKING:
    import httpx2

__all__ = ["Assembly", "calls_tools", "is_stream", "last_of", "lines_of", "play", "stream", "words_in"]

word = re.compile(r"\s*\S+\s*|\s+")


def stream(model: ChatModel, request: ChatRequest) -> Generator[str, None, ChatReply]:
    """Yields the text of a reply as it comes, all at once where the model cannot stream; returns the reply.

    Raises:
        ModelError: As for `ChatModel.complete`.
    """
    if isinstance(model, StreamingModel):
        return (yield from model.stream(request))
    reply = model.complete(request)
    if reply.text:
        yield reply.text
    return reply


def play(reply: ChatReply) -> Generator[str, None, ChatReply]:
    """A reply that is known already, word by word."""
    yield from word.findall(reply.text)
    return reply


def calls_tools(model: ChatModel) -> bool:
    """Whether to offer a model tools: it states so in its attribute `calls_tools`, and does not without one."""
    return getattr(model, "calls_tools", False) is True


def last_of(reading: Generator[str, None, ChatReply]) -> ChatReply:
    """The reply of a stream that nobody watches."""
    while True:
        try:
            next(reading)
        except StopIteration as done:
            reply: ChatReply = done.value
            return reply


def is_stream(response: httpx2.Response) -> bool:
    """Whether an answer comes in events, be it that nobody asked for that."""
    return "event-stream" in response.headers.get("content-type", "")


def lines_of(response: httpx2.Response) -> Iterator[str]:
    """The lines of an event stream. Further signs that end a line for Python may stand within an event."""
    begun: list[str] = []
    for part in response.iter_text():
        *ended, rest = re.split(r"\r\n|\r|\n", part)
        for end in ended:
            yield "".join([*begun, end])
            begun.clear()
        begun.append(rest)
    yield "".join(begun)


def words_in(text: str, *, all_of_it: bool) -> tuple[str, str]:
    """The whole words of a text, and the beginning of the next one."""
    end = len(text) if all_of_it or len(text) > 400 else len(text.rstrip()) and max(map(text.rfind, " \n\t")) + 1
    return text[:end], text[end:]


@dataclass(slots=True)
class CallInTheMaking:
    """A call of a tool, as far as it has come; the server's `index` and `id` are whatever it says."""

    index: object
    id: object = None
    names: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, object]:
        """As the protocol has it without a stream."""
        function = {"name": "".join(self.names), "arguments": "".join(self.arguments)}
        return {"index": self.index, "id": self.id, "function": function}


class Assembly:
    """Puts a completion together from the lines of an event stream.

    Args:
        most: How many characters it reads, thoughts and the protocol's own included; then the reply is cut off.

    Attributes:
        done: Whether nothing more is to be read.
        error: What broke it off, in the server's words; empty when nothing did.
    """

    def __init__(self, most: int) -> None:
        self.done = False
        self.error = ""
        self._left = most
        self._room = MAX_REPLY_CHARACTERS
        self._answer: dict[str, object] = {}
        self._texts: dict[str, list[str]] = {"content": [], "refusal": [], "reasoning_content": []}
        self._calls: list[CallInTheMaking] = []
        self._finish: object = None

    @property
    def finished(self) -> bool:
        """Whether the reply has come to its end; some servers stop there without another word."""
        return self.done or self._finish is not None

    def add(self, line: str) -> str:
        """Take a line of the stream; returns the text in it. What is no event is passed over."""
        field, _, data = line.partition(":")
        if field != "data" or self.done:
            return ""
        if data.strip() == "[DONE]":
            self.done = True
            return ""
        self._left -= len(data)
        if self._left < 0:
            self.done, self._finish = True, "length"
            return ""
        try:
            return self._take(json.loads(data))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            self.done, self.error = True, f"an event is not of this protocol: {data[:200]!r}"
            return ""

    def completion(self) -> dict[str, object]:
        """What the server would have answered without a stream."""
        calls = [call.to_dict() for call in self._calls]
        message = {name: "".join(parts) for name, parts in self._texts.items()} | {"tool_calls": calls}
        return self._answer | {"choices": [{"message": message, "finish_reason": self._finish}]}

    def _take(self, event: dict[str, Any]) -> str:
        if event.get("error"):
            self.done, self.error = True, json.dumps(event["error"], ensure_ascii=False)
            return ""
        self._answer |= {name: event[name] for name in ("model", "usage") if event.get(name)}
        written: list[str] = []
        for choice in event.get("choices") or ():
            delta = choice.get("delta") or {}
            written.append(join(delta.get("content")))
            self._texts["reasoning_content"].append(join(delta.get("reasoning_content") or delta.get("reasoning")))
            self._texts["refusal"].append(join(delta.get("refusal")))
            for call in delta.get("tool_calls") or ():
                self._take_call(call)
            self._finish = choice.get("finish_reason") or self._finish
        self._texts["content"] += written
        self._room -= sum(map(len, written))
        if self._room < 0:
            self.done, self._finish = True, "length"
        return "".join(written)

    def _take_call(self, part: dict[str, Any]) -> None:
        """A call, or more of its arguments. Calls differ by index; where servers give none, or one to all, by id."""
        index, id_ = part.get("index"), part.get("id")
        known = [c for c in self._calls if c.index == index] or (self._calls[-1:] if index is None else [])
        function = part.get("function") or {}
        if known and not (id_ and known[-1].id and id_ != known[-1].id):
            call = known[-1]
        else:
            call = CallInTheMaking(index)
            self._calls.append(call)
        call.id = call.id or id_
        call.names.append(join(function.get("name")))
        arguments = function.get("arguments") or ""
        call.arguments.append(arguments if isinstance(arguments, str) else json.dumps(arguments))
