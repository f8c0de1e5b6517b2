"""What pydantic has found wrong with a dataclass, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import get_args, get_type_hints

from pydantic import ValidationError

from tunewise.text import did_you_mean, shorten

__all__ = ["explain"]

HIDDEN = ("path",)
"""Fields of a study file that nobody writes into it."""


def explain(error: ValidationError, whole: type) -> str:
    """The first broken rule, in a sentence.

    Args:
        error: What a `TypeAdapter` has raised.
        whole: The dataclass that was to be read.
    """
    first = error.errors()[0]
    part, steps = find(whole, [str(step) for step in first["loc"]])
    place, given = ".".join(steps), first["input"]
    keys = [key.name for key in fields_of(part) if key.name not in HIDDEN]
    match first["type"]:
        case "unexpected_keyword_argument":
            hint = did_you_mean(steps[-1], keys, f"The keys are {', '.join(keys)}.")
            return f"the key {place!r} is unknown. {hint}"
        case "missing" | "missing_argument":
            needs = [key.name for key in fields_of(part) if is_needed(key) and key.name not in (*HIDDEN, "study_name")]
            return f"{place!r} is missing. It needs {', '.join(needs)}."
        case "string_too_short":
            return f"{place!r} is empty. Write a name, or leave the key out."
        case "dataclass_type" | "dict_type":
            return not_a_mapping(place, given)
        case "kind" if not isinstance(given, Mapping):
            return not_a_mapping(place, given)
        case "kind":
            return f"{place}: {first['msg']}. {near_kind(given, part, steps)}"
    message = first["msg"].removeprefix("Value error, ").rstrip(".")
    shown = "" if isinstance(given, dict) else f" = {shorten(given)}"
    way_out = "" if first["type"] == "value_error" else " Correct it."
    return f"{place}{shown}: {message[0].lower()}{message[1:]}.{way_out}"


def not_a_mapping(place: str, given: object) -> str:
    """A plain value where keys belong."""
    return f"{place} = {shorten(given)} is not a mapping. Write key: value below it."


def near_kind(given: Mapping[object, object], part: type, steps: list[str]) -> str:
    """What was meant where a union of parts was not told apart."""
    kinds = [next(iter(fields_of(kind))).name for kind in dataclasses_in(get_type_hints(part)[steps[-1]])]
    has = [kind for kind in kinds if kind in given]
    near = [hint for key in given if (hint := did_you_mean(key, kinds))]
    return f"It has {' and '.join(has)}." if has else next(iter(near), "It has none.")


def find(whole: type, steps: list[str]) -> tuple[type, list[str]]:
    """The dataclass in which the last key stands, and the keys that lead there, without pydantic's names of types."""
    part: type | None = whole
    owner, shown = whole, []
    rest = [step for step in steps if step not in ("str", "[key]") and "[" not in step]
    while rest:
        step = rest.pop(0)
        shown.append(step)
        if part is None:
            continue
        owner, kinds = part, dataclasses_in(get_type_hints(part).get(step))
        if len(kinds) > 1 and rest:  # a union, whose next step is the key that decides
            tag = rest.pop(0)
            part = next(kind for kind in kinds if tag in [key.name for key in fields_of(kind)])
        else:
            part = kinds[0] if kinds else None
    return owner, shown


def dataclasses_in(hint: object) -> list[type]:
    """The dataclasses that a type hint names."""
    if isinstance(hint, type) and is_dataclass(hint):
        return [hint]
    return [kind for part in get_args(hint) for kind in dataclasses_in(part)]


def fields_of(kind: type) -> tuple[Field[object], ...]:
    """The fields of a dataclass."""
    assert is_dataclass(kind)
    return fields(kind)


def is_needed(key: Field[object]) -> bool:
    """Whether it has no default."""
    return key.default is MISSING and key.default_factory is MISSING
