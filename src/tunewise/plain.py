"""Plain data: what JSON can hold, as it is stored and sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

__all__ = ["Plain", "PlainDict"]

Plain: TypeAlias = bool | int | float | str | Sequence["Plain"] | Mapping[str, "Plain"] | None
"""A value of JSON."""
PlainDict: TypeAlias = dict[str, Plain]
"""An object of JSON that is being made."""
