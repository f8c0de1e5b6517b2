"""Logs and training scripts: data, read in bounds, each line under its number so that no line can pass for ours."""

from __future__ import annotations

import re
import sys
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tunewise.errors import UsageError
from tunewise.secrets import mask
from tunewise.text import without_commands

__all__ = ["Source", "read_log", "read_script"]

MAX_LINE = 400
"""Characters of a line that are read."""
LOG_TAIL = 2_000
"""Lines at the end of a log that are kept; a prompt holds fewer, a tool reaches all of them."""
unreadable = re.compile(r"[\x00-\x07\x0e-\x1a\N{REPLACEMENT CHARACTER}]")
MOST_UNREADABLE = 0.1
"""Share of a log: a machine that lost power leaves zeros, and some programs write in other encodings."""
MAX_SCRIPT = 5_000
"""Lines of a script."""


@dataclass(frozen=True, slots=True)
class Source:
    """A text of the user's, by lines.

    Attributes:
        label: How it is cited: "log", "script", "script2".
        name: Of the file.
        first: Number of the first line that is kept, from 1.
        lines: Those that are kept, masked and without commands to a terminal.
    """

    label: str
    name: str
    first: int
    lines: tuple[str, ...]

    @property
    def last(self) -> int:
        """Number of the last line; 0 of an empty file."""
        return self.first + len(self.lines) - 1

    def numbered(self, first: int, last: int) -> str:
        """Lines from `first` to `last`, both included, as far as they are kept, each after its number."""
        begin = max(first, self.first)
        chosen = self.lines[begin - self.first : max(0, last - self.first + 1)]
        return "\n".join(f"{self.label} {number}| {line}" for number, line in enumerate(chosen, start=begin))


def read_log(path: str) -> Source:
    """The end of a log; "-" reads standard input.

    Raises:
        UsageError: It cannot be read or is no text.
    """
    tail: deque[bytes] = deque(maxlen=LOG_TAIL)
    total = 0
    try:
        if path == "-":
            total = fill(tail, sys.stdin.buffer)
        else:
            with Path(path).expanduser().open("rb") as file:
                total = fill(tail, file)
    except (OSError, RuntimeError) as error:  # no such file, or no such home
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"The log {path} cannot be read: {reason}. Name a text file with --log.") from None
    decoded = [line.decode("utf-8", "replace") for line in tail]
    if sum(len(unreadable.findall(line)) for line in decoded) > MOST_UNREADABLE * sum(map(len, decoded)):
        raise UsageError(f"The log {path} is not a text in UTF-8. Name a text file with --log, or convert it.")
    # a progress bar overwrites its line: what a person saw last is behind the last carriage return
    lines = (line.rstrip("\r\n").rpartition("\r")[2] for line in decoded)
    name = "standard input" if path == "-" else Path(path).name
    return Source("log", without_commands(name), total - len(tail) + 1, masked(lines))


def fill(tail: deque[bytes], file: IO[bytes]) -> int:
    """Keep the last lines of a file; returns how many it has."""
    total = 0
    while line := file.readline(1 << 20):
        if total and not tail[-1].endswith(b"\n"):  # one very long line
            tail[-1] = line[-(1 << 16) :]
            continue
        tail.append(line)
        total += 1
    return total


def read_script(path: str, label: str = "script") -> Source:
    """A training script or a configuration file.

    Raises:
        UsageError: It cannot be read or is no text.
    """
    try:
        with Path(path).expanduser().open("rb") as opened:
            data = opened.read(MAX_SCRIPT * MAX_LINE)
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{path} cannot be read: {reason}. Name a text file with --file.") from None
    if b"\0" in data:
        raise UsageError(f"{path} is not a text. Name a training script or a configuration file with --file.")
    lines = data.decode("utf-8", "replace").splitlines()[:MAX_SCRIPT]
    return Source(label, without_commands(Path(path).name), 1, masked(lines))


def masked(lines: Iterable[str]) -> tuple[str, ...]:
    """Lines without secrets (some are longer than a line) and commands, none of them very long."""
    text = mask("\n".join(lines))
    return tuple(without_commands(line)[:MAX_LINE] for line in text.split("\n")) if text else ()
