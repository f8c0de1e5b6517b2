"""Checks of arguments that many parts share."""

from __future__ import annotations

from typing import Final

from tunewise.errors import UsageError
from tunewise.text import shorten

MOST: Final = 2**63
"""Beyond any count, seed or size."""

__all__ = ["check_whole"]


def check_whole(
    name: str, value: object, least: int, *, error: type[UsageError] = UsageError, way_out: str = "Correct it."
) -> None:
    """Make sure that a value is a whole number of at least this.

    Raises:
        UsageError: It is not; of the kind that was given.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise error(f"{name} = {shorten(value)} is not a whole number of at least {least}. {way_out}")
    if value >= MOST:
        raise error(f"{name} = {shorten(value)} is not below {MOST}. {way_out}")
