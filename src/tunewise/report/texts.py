"""The one gate for texts of models, objectives and study files: no control characters, no secrets."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from tunewise.llm.manual import printable
from tunewise.study.progress import duration

__all__ = ["Cleaner", "fit", "number", "took", "value"]

MASK = "(masked)"

KEYS = re.compile(
    r"(?<![\w-])(?:sk-[\w-]{16,}|gh[a-z]_\w{20,}|github_pat_\w{20,}|hf_\w{20,}|AKIA[0-9A-Z]{16}|AIza[\w-]{35}"
    r"|xox[a-z]-[\w-]{10,})|(?<=Bearer )[\w.~+/-]{16,}=*|(?<=://)[^/\s:@]{0,200}:[^/\s@]{1,200}(?=@)"
    r"|-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\w+/=\s\\]*(?:-----END [A-Z ]{0,40}PRIVATE KEY-----)?"
)
"""What keys of well-known services, passwords in addresses and private keys look like."""
SECRET_NAME = re.compile(r"(?i)(?:key|token|secret|passw(?:or)?d|credentials?)$")
MIN_SECRET = 8
"""Characters below which the value of a variable is taken for a word."""


class Cleaner:
    """Makes control and direction characters visible and masks what looks like a secret.

    Args:
        environment: Values of variables whose name says that they are secret are masked wherever they stand.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        values = {v for k, v in environment.items() if SECRET_NAME.search(k) and len(v) >= MIN_SECRET}
        longest_first = sorted(map(re.escape, values), key=len, reverse=True)
        self._planted = re.compile("|".join(longest_first) or r"(?!)")

    def __call__(self, text: object) -> str:
        """A text that is safe to be looked at; it still has to be escaped."""
        masked = KEYS.sub(MASK, self._planted.sub(MASK, str(text)))
        return printable(masked.replace("\r\n", "\n"))

    def data(self, data: Any) -> Any:
        """Plain data with every text in it cleaned, keys too."""
        match data:
            case str():
                return self(data)
            case Mapping():
                return {self(key): self.data(value) for key, value in data.items()}
            case list() | tuple():
                return [self.data(value) for value in data]
        return data


def number(given: float | None) -> str:
    """A number for people: six significant digits; nothing where there is none."""
    return "" if given is None else f"{given:.6g}"


def took(seconds: float | None) -> str:
    """A time for people; nothing where it is not known."""
    return duration(seconds) if seconds is not None and math.isfinite(seconds) else ""


def value(given: Any) -> str:
    """A hyperparameter's value for people."""
    match given:
        case str():
            return given
        case float():
            return f"{given:.6g}"
        case bool() | None:
            return json.dumps(given)
    return str(given)


def fit(text: str, room: int) -> str:
    """The text, cut in its middle where it is longer than `room` characters: both ends tell more than one."""
    if len(text) <= room:
        return text
    half = max(1, room // 2)
    return f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"
