"""Intermediate values in what a program writes, line by line, while it writes.

A line is one of two things:

* a JSON object with the metric and a step: `{"step": 3, "error": 0.12}`; `epoch` is as good a name as `step`;
* text that fits a pattern such as `epoch {step} * val_acc={value}`, where `*` stands for anything, and a space for any
  number of spaces. Without `{step}` the lines are counted.

Colours of terminals are removed before, and a progress bar that returns to the beginning of its line begins a new one.
All else is passed over. A line that never ends takes no memory.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tunewise.errors import StudyError
from tunewise.evaluate.base import as_float, is_number
from tunewise.evaluate.run import MAX_STEP, Run
from tunewise.text import shorten

__all__ = ["LinePattern", "LineReader", "ProgramReports", "compile_pattern"]

LONGEST_LINE = 4096  # bytes
STEP_KEYS = ("step", "epoch")
GROUPS = {"{value}": r"(?P<value>\S+?)", "{step}": r"(?P<step>\d+)"}
END = r"(?=[\s;)\]]|,(?!\d)|$)"
"""Of a value that nothing else follows in its part of a pattern: a comma before a digit belongs to it."""
COLOURS = re.compile(rb"\x1b\[[0-9;?]*[ -/]*[@-~]")
"""And other escape sequences of terminals."""
THOUSANDS = re.compile(r"[-+]?\d{1,3}(,\d{3})+\.\d*")
DECIMAL_COMMA = re.compile(r"([-+]?\d+),(\d+(?:[eE][-+]?\d+)?)")


@dataclass(frozen=True, slots=True)
class LinePattern:
    """A pattern of lines: parts that follow one another, with anything between them.

    Each part is looked for behind the one before, and never again: one regular expression with `.*` for each star would
    take time by a power of the line's length, and a program could stop the study by a line.
    """

    parts: tuple[re.Pattern[str], ...]

    def match(self, line: str) -> dict[str, str] | None:
        """What stands at its places in a line; None where it does not fit."""
        line = " ".join(line.split())
        found: dict[str, str] = {}
        at = 0
        for number, part in enumerate(self.parts):
            there = part.search(line, at) if number else part.match(line)
            if there is None:
                return None
            found |= there.groupdict()
            at = there.end()
        return found


def compile_pattern(pattern: str) -> LinePattern:
    """A pattern as users write it, for whole lines or their beginnings.

    Raises:
        StudyError: It has no `{value}`, or one of its places twice.
    """
    if pattern.count("{value}") != 1 or pattern.count("{step}") > 1:
        raise StudyError(
            f"The pattern {shorten(pattern)} needs {{value}} once, and may have {{step}} once. Write for example "
            "epoch {step} * val_acc={value}."
        )
    # A star may stand for nothing, and then the spaces around it are one.
    parts = re.split(r"\s*\*", " ".join(pattern.split()))
    return LinePattern(tuple(re.compile(expression(part)) for part in parts))


def expression(part: str) -> str:
    """A part of a pattern without stars, as a regular expression."""
    words = re.split(r"(\{value\}|\{step\})", part)
    return "".join(GROUPS.get(word) or re.escape(word) for word in words) + END * part.endswith("{value}")


def as_number(text: str) -> float:
    """A number as programs write it: 0.91, 91%, 0,91 with a decimal comma, 1,234.5; else what is before a comma.

    Raises:
        ValueError: It is none.
    """
    text = text.rstrip("%,;")
    if THOUSANDS.fullmatch(text):
        text = text.replace(",", "")
    elif decimal := DECIMAL_COMMA.fullmatch(text):
        text = f"{decimal[1]}.{decimal[2]}"
    return float(text.partition(",")[0])


class LineReader:
    """Reads values from the output of one program.

    Args:
        metric: The key of the metric in JSON lines.
        pattern: Of lines that are no JSON; None: only JSON is read.
        report: Is handed value and step; a step of None is the one after the last.
    """

    def __init__(self, metric: str, pattern: LinePattern | None, report: Callable[[float, int | None], None]) -> None:
        self._metric = metric
        self._quoted = json.dumps(metric).encode()
        self._pattern = pattern
        self._report = report
        self._rest = b""  # of a line that has not ended

    def feed(self, chunk: bytes) -> None:
        """Take what the program has written since."""
        *lines, rest = re.split(rb"[\r\n]", self._rest + chunk)
        self._rest = rest[: LONGEST_LINE + 1]
        for line in lines:
            if line and len(line) <= LONGEST_LINE:
                with suppress(ValueError, RecursionError):
                    self._read(COLOURS.sub(b"", line) if b"\x1b" in line else line)

    def _read(self, line: bytes) -> None:
        if line.lstrip()[:1] == b"{":
            if self._quoted in line:
                self._read_json(json.loads(line))
        elif self._pattern and (found := self._pattern.match(line.decode("utf-8", "replace"))):
            step = int(found["step"]) if "step" in found else None
            if step is None or step <= MAX_STEP:
                self._report(as_number(found["value"]), step)

    def _read_json(self, entry: object) -> None:
        if not isinstance(entry, dict):
            return
        step = next((entry[key] for key in STEP_KEYS if key in entry), None)
        value = entry.get(self._metric)
        if isinstance(step, float) and step.is_integer():
            step = int(step)
        if isinstance(step, int) and not isinstance(step, bool) and 0 <= step <= MAX_STEP and is_number(value):
            self._report(as_float(value), step)


class ProgramReports:
    """What one program says while it runs: in its output, and in a file.

    Attributes:
        run: Is told all of it.
        output: Reads the output.
        last: The last value; None before the first.
    """

    def __init__(self, metric: str, pattern: LinePattern | None, run: Run, file: Path) -> None:
        self.run = run
        self.output = LineReader(metric, pattern, self._report)
        self.last: float | None = None
        self._lines = LineReader(metric, pattern, self._report)
        self._file = file
        self._read = 0

    def look(self) -> None:
        """Read what the file has more than before."""
        with suppress(OSError), self._file.open("rb") as file:
            file.seek(self._read)
            while chunk := file.read(1 << 16):
                self._read += len(chunk)
                self._lines.feed(chunk)

    def finish(self) -> None:
        """The program has ended; so have its last lines."""
        self.look()
        for lines in (self.output, self._lines):
            lines.feed(b"\n")

    def _report(self, value: float, step: int | None) -> None:
        self.last = value
        self.run.report(value, step)
