"""What the output of a program tells without having been told how: numbers with names, in its last lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tunewise.errors import TrialFailed
from tunewise.evaluate.base import is_number

__all__ = ["MetricMissing", "Named", "named_line", "named_values", "plain_name"]

NUMBER = r"[-+]?(?:\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|nan|inf(?:inity)?)"
LINE = re.compile(rf"(?P<before>(?P<name>.*[^\s:=].*?)\s*[:=\s]\s*)(?P<value>{NUMBER})%?", re.IGNORECASE)
STANDING_ALONE = re.compile(rf"(?<!\S)[\[(]?{NUMBER}(?:[/%,:;\])]\S*)?(?!\S)", re.IGNORECASE)
"""A number between the words of a line, such as that of an epoch."""
LONGEST = 200
"""Characters of a line that tells a number; a longer one is something else."""


class MetricMissing(TrialFailed):
    """A program ended well and told no metric.

    Args:
        message: The reason of the failed trial.
        named: The numbers that it told by another name.
    """

    def __init__(self, message: str, named: Sequence[Named] = ()) -> None:
        super().__init__(message)
        self.named = tuple(named)


@dataclass(frozen=True, slots=True)
class Named:
    """A number with a name.

    Attributes:
        name: What it is called.
        value: The number as it stands there: 5.26 where that is 5.26%.
        pattern: Of the line that it stands in, as a study file has it; empty for one that is JSON.
    """

    name: str
    value: float
    pattern: str = ""


def named_values(lines: Sequence[str]) -> Iterator[Named]:
    """The numbers of the last line that is a JSON object, and that of the last line, where it ends with one.

    Args:
        lines: Without spaces around them; none is empty.
    """
    for line in reversed(lines):
        if line.startswith("{"):
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(entry, dict):
                yield from (Named(key, float(value)) for key, value in entry.items() if is_number(value))
                break
    if lines and (named := named_line(lines[-1])):
        yield named


def named_line(line: str) -> Named | None:
    """The number at the end of a line, such as `validation error: 5.26%`; None where none stands there with a name."""
    found = LINE.fullmatch(line) if len(line) <= LONGEST else None  # matching takes time by the square of its length
    if not found or not re.search(r"[^\W\d_]", found["name"]) or re.search(r"[*{}]", line):
        return None
    name = re.split(r"[,;|>:=]\s+", STANDING_ALONE.sub(", ", found["name"]))[-1].strip(" -_[]()")
    pattern = STANDING_ALONE.sub("*", found["before"]) + "{value}"
    return Named(name or found["name"], float(found["value"]), pattern)


def plain_name(name: str) -> str:
    """A name without what differs from one spelling to the next: `val_error`, `Val error`."""
    return re.sub(r"[\W_]+", "", name).lower()
