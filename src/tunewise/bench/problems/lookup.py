"""Something by its name, or an error that says which names there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from tunewise.errors import StudyError
from tunewise.text import did_you_mean, shorten

__all__ = ["look_up", "unknown"]

T = TypeVar("T")


def look_up(name: str, known: Mapping[str, T], kind: str) -> T:
    """What stands under `name`.

    Raises:
        StudyError: Nothing does; the message holds a near match, or the names.
    """
    if name in known:
        return known[name]
    raise unknown(name, known, kind)


def unknown(name: str, known: Iterable[str], kind: str) -> StudyError:
    """The error for a name that is not known."""
    hint = did_you_mean(name, known, f"There are: {', '.join(known)}.")
    return StudyError(f"There is no {kind} {shorten(name)!r}. {hint}")
