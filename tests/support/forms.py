"""Which parameters of a test run each time, and which with the whole of the tests alone (`make test-long`)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest

__all__ = ["in_short"]


def in_short(short: Collection[object], values: Iterable[object]) -> list[Any]:
    """All values as parameters, of which only the short ones run each time."""
    return [value if value in short else pytest.param(value, marks=pytest.mark.long) for value in values]
