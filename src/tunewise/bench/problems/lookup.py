"""Something by its name, or an error that says which names there are."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import TypeVar

from tunewise.errors import StudyError
from tunewise.space import shorten

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
    spelled = {key.lower(): key for key in known}
    near = difflib.get_close_matches(str(name).lower(), spelled, 1)
    hint = f"Did you mean {spelled[near[0]]}?" if near else f"There are: {', '.join(spelled.values())}."
    return StudyError(f"There is no {kind} {shorten(name)!r}. {hint}")
