"""The one gate for texts of models, objectives and study files: no control characters, no secrets."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import lru_cache

from tunewise.plain import Plain, PlainDict
from tunewise.secrets import mask, mask_named
from tunewise.text import duration, visible

__all__ = ["Cleaner", "number", "took", "value"]

SHORT = 2_000
"""Characters up to which a cleaned text is remembered: names, sources and values come again and again."""


class Cleaner:
    """Makes control and direction characters visible and masks what is or looks like a secret."""

    def __init__(self) -> None:
        self._remembered = lru_cache(maxsize=10_000)(cleaned)

    def __call__(self, text: object) -> str:
        """A text that is safe to be looked at; it still has to be escaped."""
        given = str(text)
        return self._remembered(given) if len(given) <= SHORT else cleaned(given)

    def data(self, data: Plain) -> Plain:
        """Plain data with every text in it cleaned, keys too."""
        match data:
            case str():
                return self(data)
            case Mapping():
                return self.entries({str(key): value for key, value in data.items()})
            case list() | tuple():
                return [self.data(value) for value in data]
        return data

    def entries(self, data: Mapping[str, Plain]) -> PlainDict:
        """A mapping with every text in it cleaned, keys too; what a name says is a secret is masked."""
        return {self(key): self.named(key, value) for key, value in data.items()}

    def named(self, name: str, data: Plain) -> Plain:
        """Plain data under a name, which may say that it is a secret."""
        return self(mask_named(name, data)) if isinstance(data, str) else self.data(data)


def cleaned(text: str) -> str:
    """The text without what only a machine would see, and without secrets."""
    return visible(mask(text).replace("\r\n", "\n"))


def number(given: float | None) -> str:
    """A number for people: six significant digits; nothing where there is none."""
    return "" if given is None else f"{given:.6g}"


def took(seconds: float | None) -> str:
    """A time for people; nothing where it is not known."""
    return duration(seconds) if seconds is not None and math.isfinite(seconds) else ""


def value(given: object) -> str:
    """A hyperparameter's value for people."""
    match given:
        case str():
            return given
        case float():
            return f"{given:.6g}"
        case bool() | None:
            return json.dumps(given)
    return str(given)
