"""Record the calls of a model, and replay them: the same seed and cassette give the same study.

A cassette is a text file of one JSON object per line. The first line describes the model; every other line is one call,
found by the key of its request and by how many times that request had been made before.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import ClassVar

from tunewise.errors import (
    ContextLimitExceeded,
    ModelError,
    ModelUnavailable,
    ModelUnusable,
    ReplayMiss,
    StudyError,
)
from tunewise.llm.base import ChatModel, ChatReply, ChatRequest
from tunewise.llm.prices import Price, find_price
from tunewise.llm.streaming import calls_tools, play, stream
from tunewise.pickling import Portable
from tunewise.plain import PlainDict
from tunewise.text import shorten

__all__ = ["RecordingModel", "ReplayingModel"]

FORMAT = 1
error_types: dict[str, type[ModelError]] = {
    kind.__name__: kind for kind in (ModelError, ModelUnavailable, ModelUnusable, ContextLimitExceeded, ReplayMiss)
}


class RecordingModel(Portable):
    """Asks another model and writes every request with its reply or error to a file, before anyone reads the reply.

    No key, header or address is written. An interrupted call is not written, unless it was streamed: then what had
    come is the reply.

    Args:
        inner: Who is asked.
        path: The cassette; also an attribute. If it exists, it is continued, provided that it is a cassette of the same
            model.
    """

    of_process: ClassVar = {"_lock": threading.Lock}

    def __init__(self, inner: ChatModel, path: str | Path) -> None:
        self.name = inner.name
        self.context_tokens = inner.context_tokens
        self.price = find_price(inner)
        self.calls_tools = calls_tools(inner)
        self.max_output_tokens: int | None = getattr(inner, "max_output_tokens", None)
        self._inner = inner
        self.path = Path(path)
        self._lock = threading.Lock()
        self._asked: Counter[str] = Counter()
        if self.path.exists() and self.path.stat().st_size:
            header, calls = load(self.path)
            if header.model != self.name:
                raise StudyError(
                    f"The cassette {self.path} holds calls of the model {header.model!r}, not of {self.name!r}. "
                    "Record into another file."
                )
            self._asked.update(key for key, _ in calls)
            if not self.path.read_bytes().endswith(b"\n"):
                self._append("\n")
        else:
            header = Header(self.name, self.context_tokens, self.price, self.calls_tools, self.max_output_tokens)
            self._write({"tunewise_cassette": FORMAT, **asdict(header)})

    def reach(self) -> None:
        """As that of the other model."""
        from tunewise.llm.resolve import reach

        reach(self._inner)

    def complete(self, request: ChatRequest) -> ChatReply:
        """Ask, record, and return or raise what came."""
        with self._taping(request) as call:
            reply = self._inner.complete(request)
            call["reply"] = reply.to_dict()
        return reply

    def stream(self, request: ChatRequest) -> Generator[str, None, ChatReply]:
        """Ask, and yield the reply as it comes. Of a reply that the reader stops, what had come is recorded."""
        text, started = "", time.perf_counter()
        with self._taping(request) as call:
            reading = stream(self._inner, request)
            try:
                while True:
                    piece = next(reading)
                    text += piece
                    yield piece
            except StopIteration as done:
                reply: ChatReply = done.value
            except (GeneratorExit, KeyboardInterrupt):
                reading.close()
                partial = ChatReply(text=text, model=self.name, finish_reason="interrupted")
                call["reply"] = replace(partial, seconds=time.perf_counter() - started).to_dict()
                raise
            call["reply"] = reply.to_dict()
        return reply

    @contextmanager
    def _taping(self, request: ChatRequest) -> Iterator[PlainDict]:
        """A line to be completed with the reply; it is written before anybody has that."""
        with self._lock:
            repeat = self._asked[request.key]
            self._asked[request.key] += 1
        call: PlainDict = {"key": request.key, "repeat": repeat, "request": request.to_dict()}
        try:
            yield call
        except ModelError as error:
            call["error"] = {"type": type(error).__name__, "message": str(error)}
            raise
        finally:
            if call.keys() & {"reply", "error"}:
                self._write(call)

    def close(self) -> None:
        """Close the model that is asked."""
        close = getattr(self._inner, "close", None)
        if callable(close):
            close()

    def _write(self, line: PlainDict) -> None:
        self._append(json.dumps(line) + "\n")

    def _append(self, text: str) -> None:
        try:
            with self._lock, self.path.open("a", encoding="ascii") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StudyError(
                f"The cassette {self.path} cannot be written: {error.strerror}. Choose another path or make room."
            ) from None


class ReplayingModel(Portable):
    """Answers from a cassette as the recorded model did: name, replies, tokens, times, errors and price are its.

    Args:
        path: The cassette; also an attribute.
        loose: Whether the call that was recorded at the same place also answers a request that differs from it in
            numbers alone: another machine may compute other last digits. A prompt whose words have changed is missed
            all the same.

    Raises:
        StudyError: It is none, or a line of it is damaged.
    """

    of_process: ClassVar = {"_lock": threading.Lock}

    def __init__(self, path: str | Path, *, loose: bool = False) -> None:
        self.path = Path(path)
        self._loose = loose
        header, self._calls = load(self.path)
        self.name = header.model
        self.context_tokens = header.context_tokens
        self.price = header.price
        self.calls_tools = header.calls_tools
        self.max_output_tokens = header.max_output_tokens
        self._asked: Counter[str] = Counter()
        self._lock = threading.Lock()

    def complete(self, request: ChatRequest) -> ChatReply:
        """What was recorded for this request.

        Raises:
            ReplayMiss: Nothing was.
            ModelError: What the recorded model raised.
        """
        with self._lock:
            repeat = self._asked[request.key]
            self._asked[request.key] += 1
            number = self._asked.total()
        call = self._calls.get((request.key, repeat)) or (self._alike(request, number) if self._loose else None)
        if call is None:
            raise ReplayMiss(self._explain(request, repeat, number))
        if isinstance(call.outcome, ModelError):
            raise type(call.outcome)(str(call.outcome))
        return call.outcome

    def stream(self, request: ChatRequest) -> Generator[str, None, ChatReply]:
        """What was recorded for this request, word by word."""
        return (yield from play(self.complete(request)))

    def _alike(self, request: ChatRequest, number: int) -> Recorded | None:
        """The call at this place, if its request was the same but for numbers."""
        recorded = list(self._calls.values())[number - 1 : number]
        return recorded[0] if recorded and wording(recorded[0].request) == wording(request.to_dict()) else None

    def _explain(self, request: ChatRequest, repeat: int, number: int) -> str:
        recorded = list(self._calls.values())
        if repeat:
            reason = f"this request was recorded {repeat} times, and is made once more"
        elif number > len(recorded):
            reason = f"it holds {len(recorded)} calls"
        else:
            asked = json.loads(json.dumps(request.to_dict()))
            reason = difference(recorded[number - 1].request, asked, without_numbers if self._loose else str)
        return (
            f"Call {number} is not in the cassette {self.path}: {reason}. "
            "Run what was recorded, with the same seed and version, or record again."
        )


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of a cassette: what replies are made of beside the calls. Older cassettes lack the last two."""

    model: str
    context_tokens: int | None
    price: Price | None
    calls_tools: bool = False
    max_output_tokens: int | None = None

    @classmethod
    def read(cls, line: str) -> Header:
        """The header in a line, if it is one of ours; anything else raises."""
        stored = json.loads(line)
        model, context_tokens, price = stored["model"], stored["context_tokens"], stored["price"]
        if stored["tunewise_cassette"] != FORMAT or not isinstance(model, str):
            raise ValueError(line)
        if not isinstance(context_tokens, int | None):
            raise TypeError(line)
        return cls(
            model,
            context_tokens,
            None if price is None else Price(**price),
            calls_tools=stored.get("calls_tools") is True,
            max_output_tokens=stored.get("max_output_tokens"),
        )


@dataclass(frozen=True, slots=True)
class Recorded:
    """Any other line: a request, how often it had been made before, and what came of it."""

    key: str
    repeat: int
    request: Mapping[str, object]
    outcome: ChatReply | ModelError

    @classmethod
    def read(cls, line: str) -> Recorded:
        """The call in a line, if it is one of ours; anything else raises."""
        stored = json.loads(line)
        key, repeat, request, error = stored["key"], stored["repeat"], stored["request"], stored.get("error")
        if not (isinstance(key, str) and isinstance(repeat, int) and isinstance(request, dict)):
            raise TypeError(line)
        if "error" in stored:
            kind, message = error["type"], error["message"]
            if not (isinstance(kind, str) and isinstance(message, str)):
                raise TypeError(line)
            return cls(key, repeat, request, error_types.get(kind, ModelError)(message))
        reply = ChatReply.from_dict(stored["reply"])
        if not isinstance(reply.text, str):
            raise TypeError(line)
        return cls(key, repeat, request, reply)


def wording(request: Mapping[str, object]) -> str:
    """A request without its numbers, and without what is no part of its key."""
    return without_numbers(json.dumps({**request, "max_output_tokens": 0}, sort_keys=True))


def without_numbers(text: str) -> str:
    """A text with a sign in the place of each number."""
    return re.sub(r"-?\d+(\.\d+)?([eE][-+]?\d+)?", "#", text)


def load(path: Path) -> tuple[Header, dict[tuple[str, int], Recorded]]:
    """Header and calls of a cassette, in the order of the file.

    Raises:
        StudyError: The file cannot be read, or is no cassette; the message names the line.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"The cassette {path} cannot be read: {error}. Give the path of a recording.") from None
    header: Header | None = None
    calls: dict[tuple[str, int], Recorded] = {}
    for number, line in enumerate(lines, start=1):
        try:
            if header is None:
                header = Header.read(line)
            elif line:
                call = Recorded.read(line)
                calls.setdefault((call.key, call.repeat), call)
        except (ValueError, LookupError, TypeError, RecursionError):
            raise StudyError(
                f"Line {number} of {path} is not that of a cassette. "
                + (
                    "Give the path of a recording."
                    if number == 1
                    else "Delete it if a crash has cut it, or record again."
                )
            ) from None
    assert header is not None, "a text has at least one line"
    return header, calls


def difference(
    recorded: Mapping[str, object], asked: Mapping[str, object], compared: Callable[[str], str] = str
) -> str:
    """Where a request first departs from the one that was recorded at its place, by what of a text is compared."""
    for name in dict.fromkeys([*asked, *recorded]):
        if name == "max_output_tokens":  # no part of the key
            continue
        value, before = asked.get(name), recorded.get(name)
        if before == value:
            continue
        if (
            name != "messages"
            or not isinstance(before, list)
            or not isinstance(value, list)
            or len(before) != len(value)
        ):
            return f"{name} was {brief(before)} when it was recorded, and is {brief(value)}"
        for number, (old, new) in enumerate(zip(before, value, strict=True), start=1):
            if old != new and old.get("content") == new["content"]:
                return f"message {number} has other tool calls than when it was recorded"
            before_text, text = compared(str(old.get("content"))), compared(new["content"])
            if before_text != text:
                return f"message {number} {departure(before_text, text)}"
    return "it was recorded in another order"


def departure(old: str, new: str) -> str:
    """Two texts around the first character that differs."""
    pairs = zip(old, new, strict=False)
    at = next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(old), len(new)))
    window = slice(max(0, at - 20), at + 40)
    return f"was {old[window]!r} around character {at} when it was recorded, and is {new[window]!r}"


def brief(value: object) -> str:
    """A value that fits in a message; of a list, its length."""
    if isinstance(value, list):
        return f"{len(value)} long"
    return shorten(json.dumps(value))
