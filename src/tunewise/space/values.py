"""Untrusted values: reading them as numbers or choices, and showing them in messages."""

from __future__ import annotations

import contextlib
import json
import re

import numpy as np

from tunewise.checks import is_finite
from tunewise.errors import InvalidReply
from tunewise.text import shorten

Value = None | bool | int | float | str
"""What a hyperparameter can be set to."""

Configuration = dict[str, Value]
"""One value for each hyperparameter that exists, in the order of the space."""


def unwrapped(value: object) -> object:
    """A scalar of numpy as one of Python."""
    return value.item() if isinstance(value, np.generic) else value


def as_number(given: object) -> float:
    """A finite number from a reply, which may have written it as text."""
    given = unwrapped(given)
    if isinstance(given, str) and len(given) <= 64:
        with contextlib.suppress(ValueError):
            given = float(given.strip().replace("_", "x"))  # float("1_0") is 10; a reply that says so is a mistake
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise InvalidReply(f"must be a number, not {shorten(given)}")
    if not is_finite(given):
        raise InvalidReply(f"must be a finite number, not {shorten(given)}")
    return given


def spelling(value: object) -> object:
    """What two spellings of one choice have in common: "1", 1 and 1.0; "None", "null" and None; "ReLU" and "relu"."""
    if isinstance(value, str):
        text = value.strip().strip("\"'").lower()
        if len(text) <= 64:
            with contextlib.suppress(ValueError):
                return float(text)
        if text[:1] in ("[", "("):
            return list_spelling(text)
        return {"none": "null"}.get(text, text)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return str(type(value))
    return list_spelling(repr(value)) if isinstance(value, list | tuple) else repr(value).lower()


def list_spelling(text: str) -> str:
    """What "[64, 32]" and "(64, 32)" have in common."""
    return re.sub(r"\s+", "", text.lower()).translate(str.maketrans("()'", '[]"')).replace(",]", "]")


def contains(values: tuple[Value, ...], value: Value) -> bool:
    """Membership that tells 1 from True."""
    return any(isinstance(v, bool) == isinstance(value, bool) and v == value for v in values)


def normalized(name: str) -> str:
    """What two spellings of one name have in common: "Learning rate" and "learning_rate"."""
    return re.sub(r"[\W_]+", "", name[:200].lower())


def exactly(value: object) -> str:
    """A value as JSON, so that who copies a bound has it; what JSON lacks (another's choices) as Python's text."""
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return json.dumps(value, ensure_ascii=False, default=repr)
