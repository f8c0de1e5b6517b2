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
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, ClassVar

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
            if header["model"] != self.name:
                raise StudyError(
                    f"The cassette {self.path} holds calls of the model {header['model']!r}, not of {self.name!r}. "
                    "Record into another file."
                )
            self._asked.update(key for key, _ in calls)
            if not self.path.read_bytes().endswith(b"\n"):
                self._append("\n")
        else:
            price = asdict(self.price) if self.price else None
            facts = {"model": self.name, "context_tokens": self.context_tokens, "price": price}
            more = {"calls_tools": self.calls_tools, "max_output_tokens": self.max_output_tokens}
            self._write({"tunewise_cassette": FORMAT, **facts, **more})

    def complete(self, request: ChatRequest) -> ChatReply:
        """Ask, record, and return or raise what came."""
        with self._taping(request) as call:
            reply = self._inner.complete(request)
            call["reply"] = reply.to_dict()
        return reply

    def stream(self, request: ChatRequest) -> Generator[str, None, ChatReply]:
        """The same, as it comes. Of a reply that the reader stops, what had come is recorded."""
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
    def _taping(self, request: ChatRequest) -> Iterator[dict[str, Any]]:
        """A line to be completed with the reply; it is written before anybody has that."""
        with self._lock:
            repeat = self._asked[request.key]
            self._asked[request.key] += 1
        call: dict[str, Any] = {"key": request.key, "repeat": repeat, "request": request.to_dict()}
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

    def _write(self, line: Mapping[str, Any]) -> None:
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
        self.name: str = header["model"]
        self.context_tokens: int | None = header["context_tokens"]
        self.price = Price(**header["price"]) if header["price"] else None
        self.calls_tools: bool = header.get("calls_tools") is True
        self.max_output_tokens: int | None = header.get("max_output_tokens")  # not in older cassettes
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
        if "error" in call:
            raise error_types.get(call["error"]["type"], ModelError)(call["error"]["message"])
        return ChatReply.from_dict(call["reply"])

    def stream(self, request: ChatRequest) -> Generator[str, None, ChatReply]:
        """The same, word by word."""
        return (yield from play(self.complete(request)))

    def _alike(self, request: ChatRequest, number: int) -> dict[str, Any] | None:
        """The call at this place, if its request was the same but for numbers."""
        recorded = list(self._calls.values())[number - 1 : number]
        return recorded[0] if recorded and wording(recorded[0]["request"]) == wording(request.to_dict()) else None

    def _explain(self, request: ChatRequest, repeat: int, number: int) -> str:
        recorded = list(self._calls.values())
        if repeat:
            reason = f"this request was recorded {repeat} times, and is made once more"
        elif number > len(recorded):
            reason = f"it holds {len(recorded)} calls"
        else:
            reason = difference(recorded[number - 1]["request"], json.loads(json.dumps(request.to_dict())))
        return (
            f"Call {number} is not in the cassette {self.path}: {reason}. "
            "Run what was recorded, with the same seed and version, or record again."
        )


def wording(request: Mapping[str, Any]) -> str:
    """A request without its numbers, and without what is no part of its key."""
    said = json.dumps({**request, "max_output_tokens": 0}, sort_keys=True)
    return re.sub(r"-?\d+(\.\d+)?([eE][-+]?\d+)?", "#", said)


def load(path: Path) -> tuple[dict[str, Any], dict[tuple[str, int], dict[str, Any]]]:
    """Header and calls of a cassette, in the order of the file.

    Raises:
        StudyError: The file cannot be read, or is no cassette; the message names the line.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"The cassette {path} cannot be read: {error}. Give the path of a recording.") from None
    header: dict[str, Any] = {}
    calls: dict[tuple[str, int], dict[str, Any]] = {}
    for number, line in enumerate(lines, start=1):
        try:
            if number == 1:
                header = check_header(json.loads(line))
            elif line:
                call = check_call(json.loads(line))
                calls.setdefault((call["key"], call["repeat"]), call)
        except (ValueError, LookupError, TypeError, RecursionError):
            raise StudyError(
                f"Line {number} of {path} is not that of a cassette. "
                + (
                    "Give the path of a recording."
                    if number == 1
                    else "Delete it if a crash has cut it, or record again."
                )
            ) from None
    return header, calls


def check_header(header: dict[str, Any]) -> dict[str, Any]:
    """The first line, if it is one of ours; anything else raises."""
    context_tokens, price = header["context_tokens"], header["price"]
    if header["tunewise_cassette"] != FORMAT or not isinstance(header["model"], str):
        raise ValueError(header)
    if not isinstance(context_tokens, int | None) or (price is not None and not Price(**price)):
        raise ValueError(header)
    return header


def check_call(call: dict[str, Any]) -> dict[str, Any]:
    """Any other line, if it is one of ours; anything else raises."""
    if not (isinstance(call["key"], str) and isinstance(call["repeat"], int) and isinstance(call["request"], dict)):
        raise TypeError(call)
    texts = (
        (call["error"]["type"], call["error"]["message"])
        if "error" in call
        else (ChatReply.from_dict(call["reply"]).text,)
    )
    if not all(isinstance(text, str) for text in texts):
        raise TypeError(call)
    return call


def difference(recorded: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    """Where a request first departs from the one that was recorded at its place."""
    for name in dict.fromkeys([*asked, *recorded]):
        if name == "max_output_tokens":  # no part of the key
            continue
        value: Any = asked.get(name)
        before = recorded.get(name)
        if before == value:
            continue
        if name != "messages" or not isinstance(before, list) or len(before) != len(value):
            return f"{name} was {brief(before)} when it was recorded, and is {brief(value)}"
        for number, (old, new) in enumerate(zip(before, value, strict=True), start=1):
            if old != new and old.get("content") == new["content"]:
                return f"message {number} has other tool calls than when it was recorded"
            if old != new:
                return f"message {number} {departure(str(old.get('content')), new['content'])}"
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
