"""Watching a run from outside: reading what it writes, ending it at a limit, and saying how it ended.

Nothing that the program says about itself is believed here; its answer is read as untrusted JSON.
"""

from __future__ import annotations

import json
import math
import os
import selectors
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tunewise.errors import SandboxUnavailable
from tunewise.sandbox.base import Limits, Listener, Outcome
from tunewise.sandbox.folder import hidden_bytes, used_bytes
from tunewise.text import on_one_line

__all__ = ["Child", "read_answer", "supervise"]

LOOK_S, SELDOM_S = 0.05, 0.5  # between two looks; a look at many files costs us too
CHUNK = 1 << 16
LONGEST_ERROR = 500  # characters
DEEPEST = 64  # containers in containers, so that whoever writes the answer somewhere does not fail on it


class Child(Protocol):
    """A program that runs."""

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        ...

    def kill(self) -> None:
        """End it with everything it has started; may be called again."""
        ...

    def pids(self) -> Sequence[int]:
        """The processes whose threads and files are its own."""
        ...


@dataclass(slots=True)
class Tail:
    """The end of a stream."""

    most: int
    kept: bytearray = field(default_factory=bytearray)

    def feed(self, data: bytes) -> None:
        self.kept += data
        del self.kept[: -self.most]

    def __str__(self) -> str:
        return self.kept.decode("utf-8", "replace")


@dataclass(slots=True)
class Answers:
    """The lines of the answer's pipe: of each kind the last whole one; of `l` the first, which is ours."""

    most: int
    listener: Listener | None = None
    last: dict[bytes, bytes] = field(default_factory=dict)
    rest: bytearray = field(default_factory=bytearray)
    too_long: bool = False
    stopped: bool = False

    def feed(self, data: bytes) -> None:
        self.rest += data
        if b"\n" in data:
            *whole, self.rest = self.rest.split(b"\n")
            for line in whole:
                self.too_long |= len(line) > self.most + 1
                kind = bytes(line[:1])
                if kind in {b"r", b"e"} or (kind == b"l" and kind not in self.last):
                    self.last[kind] = bytes(line[1:])
                if kind == b"r" and self.listener and not self.stopped:
                    with suppress(ValueError):
                        self.stopped = self.listener(read_answer(self.last[kind]))
        self.too_long |= len(self.rest) > self.most + 1


def supervise(
    child: Child, streams: tuple[int, int, int], *, folder: str, limits: Limits, listener: Listener | None = None
) -> Outcome:
    """Stay with a run until its end or a limit; it is dead afterwards.

    Args:
        child: What runs.
        streams: Where answers, stdout and stderr can be read.
        folder: Its work folder.
        limits: What it may use.
        listener: Hears its answers while it runs.

    Raises:
        SandboxUnavailable: The process could not be locked down; the program has not run.
    """
    began = time.monotonic()
    answers = Answers(limits.result_kb * 1024, listener)
    out, err = Tail(limits.output_kb * 1024), Tail(limits.output_kb * 1024)
    breach = ""
    with selectors.DefaultSelector() as selector:
        for descriptor, sink in zip(streams, (answers, out, err), strict=True):
            os.set_blocking(descriptor, False)
            selector.register(descriptor, selectors.EVENT_READ, sink)
        try:
            look_at = began
            while (code := child.poll()) is None and not breach and not answers.stopped:
                drain(selector, LOOK_S if selector.get_map() else 0.001)
                now = time.monotonic()
                if now - began > limits.wall_s:
                    breach = f"its limit of {limits.wall_s:g} s"
                elif answers.too_long:
                    breach = f"the largest answer, {limits.result_kb} KiB"
                elif now > look_at:
                    breach = usage_breach(child, folder, limits, bounded=answers.last.get(b"l") == b"true")
                    cost = time.monotonic() - now
                    look_at = now + cost + min(max(LOOK_S, 4 * cost), SELDOM_S)
        finally:
            child.kill()
        while drain(selector, 0):  # what was written before the end
            if answers.too_long or time.monotonic() - began > limits.wall_s + 5:
                break
    seconds = time.monotonic() - began
    if breach or answers.too_long:
        error = f"The program exceeded {breach or f'the largest answer, {limits.result_kb} KiB'} and was ended."
    else:
        error = reason(code or 0, answers)
        if b"l" not in answers.last:
            words = f"{one_line(error).rstrip('.')}. {one_line(str(err))}".strip()
            raise SandboxUnavailable(f"The process could not be locked down: {words}")
    result = None
    if b"r" in answers.last:
        try:
            result = read_answer(answers.last[b"r"])
        except ValueError as wrong:
            error = error or str(wrong)
    return Outcome(
        result=result, error=one_line(error), stdout=str(out), stderr=str(err), seconds=seconds, stopped=answers.stopped
    )


def drain(selector: selectors.BaseSelector, timeout_s: float) -> bool:
    """Read once from each stream that has something, forget those that have ended; whether there was anything."""
    ready = selector.select(timeout_s)
    for key, _ in ready:
        data = b""
        with suppress(BlockingIOError):
            data = os.read(key.fd, CHUNK)
        if data:
            key.data.feed(data)
        else:
            selector.unregister(key.fd)
    return bool(ready)


def usage_breach(child: Child, folder: str, limits: Limits, *, bounded: bool) -> str:
    """Which limit that no kernel looks after is exceeded, or ""; it looks after the files where they are bounded."""
    pids, most = child.pids(), limits.disk_mb << 20
    try:
        hidden = 0 if bounded else sum(hidden_bytes(pid, folder, limits.file_mb << 20) for pid in pids)
        if used_bytes(folder, most) + hidden > most:
            return f"{limits.disk_mb} MiB of files"
    except OSError:
        return "what can be measured, with folders that are too deep or barred,"
    if sum(map(threads, pids)) > limits.processes:
        return f"{limits.processes} threads"
    return ""


def threads(pid: int) -> int:
    """How many threads a process has."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/task").stat().st_nlink - 2
    return 0


def reason(code: int, answers: Answers) -> str:
    """Why a program ended with this code, "" for 0."""
    if code == 0:
        return ""
    if b"e" in answers.last and code > 0:
        with suppress(ValueError, RecursionError):
            return str(json.loads(answers.last[b"e"])) or f"exit code {code}"
    if code > 0:
        return f"exit code {code}"
    match -code:
        case signal.SIGXCPU:
            return "The program exceeded its processor time and was ended."
        case signal.SIGSYS:
            return "The program made a system call that only an attack makes, and was ended."
        case signal.SIGKILL:
            return "The program was killed: out of memory, or beyond its processor time."
        case number:
            with suppress(ValueError):
                return f"The program ended by signal {signal.Signals(number).name}."
            return f"The program ended by signal {number}."


def one_line(text: str) -> str:
    """The end of a program's text, fit to be shown in a terminal and to be told to a model."""
    return on_one_line(text)[-LONGEST_ERROR:]


def deeper(value: object, levels: int) -> bool:
    """Whether containers are nested deeper than this."""
    layer = [value] if isinstance(value, dict | list) else []
    for _ in range(levels):
        layer = [
            inner
            for outer in layer
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
    return bool(layer)


def read_answer(line: bytes) -> Any:
    """Read an answer that may be anything.

    Raises:
        ValueError: It is not strict JSON: broken, NaN or infinite, nested too deeply, not Unicode.
    """

    def refuse(constant: str) -> float:
        raise ValueError(f"The answer holds {constant}, which is no number.")

    def finite(text: str) -> float:
        if not math.isfinite(value := float(text)):
            raise ValueError(f"The answer holds {text[:40]}, which is too large for a number.")
        return value

    try:
        value = json.loads(line, parse_constant=refuse, parse_float=finite)
        if b"\\u" in line:  # half a surrogate, perhaps
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("The answer is nested too deeply.") from None
    except UnicodeError:
        raise ValueError("The answer holds text that is not Unicode.") from None
    except json.JSONDecodeError:
        raise ValueError("The answer is not JSON.") from None
    except ValueError as error:
        raise ValueError(one_line(str(error))) from None
    if deeper(value, DEEPEST):
        raise ValueError("The answer is nested too deeply.")
    return value
