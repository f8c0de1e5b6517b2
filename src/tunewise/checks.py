"""Checks of arguments that many parts share."""

from __future__ import annotations

import math
from importlib.util import find_spec
from numbers import Integral
from typing import Final, TypeVar

from tunewise.errors import StudyError, UsageError
from tunewise.text import shorten

__all__ = ["check_sklearn", "check_whole", "whole"]

Given = TypeVar("Given")

MOST: Final = 2**63
"""Beyond any count, seed or size."""


def check_whole(
    name: str, value: object, least: int, *, error: type[UsageError] = UsageError, way_out: str = "Correct it."
) -> None:
    """Make sure that a value is a whole number of at least this.

    Raises:
        UsageError: It is not; of the kind that was given.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        shown = repr(shorten(value)) if isinstance(value, str) else shorten(value)
        raise error(f"{name} = {shown} is not a whole number of at least {least}. {way_out}")
    if value >= MOST:
        raise error(f"{name} = {shorten(value)} is not below {MOST}. {way_out}")


def whole(value: Given) -> Given | int:
    """An integer of numpy's, or of another library, as Python's own; all else as it is."""
    return int(value) if isinstance(value, Integral) and not isinstance(value, int) else value


def check_sklearn(what: str) -> None:
    """Make sure that scikit-learn is there, which is an extra of tunewise.

    Args:
        what: That needs it, in words.

    Raises:
        StudyError: It is not installed.
    """
    if find_spec("sklearn") is None:
        raise StudyError(f"{what} scikit-learn, which is not installed. Run pip install 'tunewise[sklearn]'.")


def is_finite(number: float) -> bool:
    """Whether a float can hold a number, which may be an integer beyond every float, and it is no NaN or infinity."""
    try:
        return math.isfinite(number)
    except OverflowError:
        return False
