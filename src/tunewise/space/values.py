"""Untrusted values: reading them as numbers or choices, and showing them in messages."""

from __future__ import annotations

import contextlib
import math
import re

from tunewise.errors import InvalidReply

Value = None | bool | int | float | str
"""What a hyperparameter can be set to."""

Configuration = dict[str, Value]
"""One value for each hyperparameter that exists, in the order of the space."""


def as_number(given: object) -> float:
    """A finite number from a reply, which may have written it as text."""
    if isinstance(given, str) and len(given) <= 64:
        with contextlib.suppress(ValueError):
            given = float(given.strip().replace("_", "x"))  # float("1_0") is 10; a reply that says so is a mistake
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise InvalidReply(f"must be a number, not {shorten(given)}")
    try:
        finite = math.isfinite(given)
    except OverflowError:  # an integer beyond every float
        finite = False
    if not finite:
        raise InvalidReply(f"must be a finite number, not {shorten(given)}")
    return given


def match_choice(given: object, choices: tuple[Value, ...]) -> Value:
    """The choice that a reply means: the same value, or the same in another spelling."""
    for choice in choices:
        if type(choice) is type(given) and choice == given:
            return choice
    spelled = spelling(given)
    alike = [choice for choice in choices if spelling(choice) == spelled]
    if len(alike) == 1:
        return alike[0]
    listed = ", ".join(repr(choice) for choice in choices[:20])
    raise InvalidReply(f"must be one of {listed}, not {shorten(given)}")


def spelling(value: object) -> object:
    """What two spellings of one choice have in common: "1", 1 and 1.0; "None", "null" and None; "ReLU" and "relu"."""
    if isinstance(value, str):
        text = value.strip().strip("\"'").lower()
        if len(text) <= 64:
            with contextlib.suppress(ValueError):
                return float(text)
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
    return repr(list(value) if isinstance(value, tuple) else value).lower()  # choices of others: tuples, classes


def contains(values: tuple[Value, ...], value: Value) -> bool:
    """Membership that tells 1 from True."""
    return any(isinstance(v, bool) == isinstance(value, bool) and v == value for v in values)


def index_of(value: Value, choices: tuple[Value, ...]) -> int:
    """Place of a choice, telling 1 from True; -1 when it is none."""
    return next((i for i, choice in enumerate(choices) if contains((choice,), value)), -1)


def normalized(name: str) -> str:
    """What two spellings of one name have in common: "Learning rate" and "learning_rate"."""
    return re.sub(r"[\W_]+", "", name[:200].lower())


def shorten(value: object, limit: int = 60) -> str:
    """A value as text for a message, however large it is."""
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 200:
        return f"an integer of {value.bit_length()} bits"
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."
