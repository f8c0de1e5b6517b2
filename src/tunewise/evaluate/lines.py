"""Intermediate values in what a program writes, line by line, while it writes.

A line is one of two things:

* a JSON object with the metric and a step: `{"step": 3, "error": 0.12}`; `epoch` is as good a name as `step`;
* text that fits a pattern such as `epoch {step} * val_acc={value}`, where `*` stands for anything, and a space for any
  number of spaces. Without `{step}` the lines are counted.

All else is passed over. A line that never ends takes no memory.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tunewise.errors import StudyError
from tunewise.evaluate.base import as_float, is_number
from tunewise.evaluate.run import Run
from tunewise.text import shorten

__all__ = ["LineReader", "ProgramReports", "compile_pattern"]

LONGEST_LINE = 4096  # bytes
STEP_KEYS = ("step", "epoch")
GROUPS = {"{value}": r"(?P<value>\S+?)", "{step}": r"(?P<step>\d+)", "*": ".*?"}


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """A pattern as users write it, for whole lines or their beginnings.

    Raises:
        StudyError: It has no `{value}`, or one of its places twice.
    """
    parts = [part for part in re.split(r"(\{value\}|\{step\}|\*|\s+)", pattern.strip()) if part]
    if parts.count("{value}") != 1 or parts.count("{step}") > 1:
        raise StudyError(
            f"The pattern {shorten(pattern)} needs {{value}} once, and may have {{step}} once. Write for example "
            "epoch {step} * val_acc={value}."
        )
    words = [r"\s+" if part.isspace() else GROUPS.get(part) or re.escape(part) for part in parts]
    return re.compile(r"\s*" + "".join(words) + r"(?=[\s,;)\]]|$)")


class LineReader:
    """Reads values from the output of one program.

    Args:
        metric: The key of the metric in JSON lines.
        pattern: Of lines that are no JSON; None: only JSON is read.
        report: Is handed value and step; a step of None is the one after the last.
    """

    def __init__(
        self, metric: str, pattern: re.Pattern[str] | None, report: Callable[[float, int | None], None]
    ) -> None:
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
                    self._read(line)

    def _read(self, line: bytes) -> None:
        if line.lstrip()[:1] == b"{":
            if self._quoted in line:
                self._read_json(json.loads(line))
        elif self._pattern and (found := self._pattern.match(line.decode("utf-8", "replace"))):
            groups = found.groupdict()
            value = float(groups["value"].rstrip("%,;"))
            self._tell(value, int(groups["step"]) if groups.get("step") else None)

    def _read_json(self, entry: object) -> None:
        if not isinstance(entry, dict):
            return
        step = next((entry[key] for key in STEP_KEYS if key in entry), None)
        value = entry.get(self._metric)
        if isinstance(step, int) and not isinstance(step, bool) and step >= 0 and is_number(value):
            self._tell(as_float(value), step)

    def _tell(self, value: float, step: int | None) -> None:
        self._report(value, step)


class ProgramReports:
    """What one program says while it runs: in its output, and in a file.

    Attributes:
        run: Is told all of it.
        output: Reads the output.
        last: The last value; None before the first.
    """

    def __init__(self, metric: str, pattern: re.Pattern[str] | None, run: Run, file: Path) -> None:
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
