"""The axis of a metric: logarithmic where values span decades, and no outlier presses all others together."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tunewise.report.plots import Axis

__all__ = ["Scale", "scale_of"]

FAR = 3.0
"""Distances between the quartiles beyond the worse one, from which on a value is an outlier."""
LEAST = 5
"""Values below which nothing is called an outlier."""
ROOM = 0.08
"""Share of the axis that is left free on both sides."""


@dataclass(frozen=True)
class Scale:
    """The axis of a metric.

    Attributes:
        low: Its lower end.
        high: Its upper end.
        log: Whether it is logarithmic.
        limit: The worst value that has a place of its own; None where all have one. What is worse stands at the rim.
        minimize: Whether small values are good.
    """

    low: float
    high: float
    log: bool = False
    limit: float | None = None
    minimize: bool = True

    def is_beyond(self, value: float) -> bool:
        """Whether a value has no place on the axis."""
        return self.limit is not None and (value > self.limit if self.minimize else value < self.limit)

    def place(self, value: float) -> float:
        """Where a value is drawn: at its place, or at the rim."""
        return (self.high if self.minimize else self.low) if self.is_beyond(value) else value

    def symbols(self, values: Sequence[float], usual: str) -> str | list[str]:
        """The marks of values: those at the rim point out of the figure."""
        if not any(map(self.is_beyond, values)):
            return usual
        rim = "triangle-up-open" if self.minimize else "triangle-down-open"
        return [rim if self.is_beyond(value) else usual for value in values]

    def axis(self) -> Axis:
        """For plotly; empty where it finds an axis by itself."""
        if not self.log and self.limit is None:
            return {}
        ends = [math.log10(self.low), math.log10(self.high)] if self.log else [self.low, self.high]
        # a form of our own, else plotly writes 5 in place of 0.05
        ticks: Axis = {"dtick": "D2" if self.high < 1000 * self.low else 1, "tickformat": "~g"} if self.log else {}
        return {"type": "log" if self.log else "linear", "range": ends, "autorange": False, **ticks}

    def in_words(self, beyond: int) -> str:
        """What a reader has to know of it."""
        log = " The scale is logarithmic." if self.log else ""
        count = "One value is" if beyond == 1 else f"{beyond} values are"
        far = f" {count} worse than the axis reaches and stand{'s' * (beyond == 1)} at its rim." if beyond else ""
        return log + far


def scale_of(values: Sequence[float], *, minimize: bool) -> Scale:
    """An axis for these values: of the quartiles' distance, not of the extremes [Tukey].

    Args:
        values: Finite, any number of them.
        minimize: Whether small values are good.
    """
    if not values:
        return Scale(0.0, 1.0, minimize=minimize)
    kept = within(values, minimize=minimize)
    log = minimize and min(kept) > 0 and 10 * min(kept) < max(kept)
    if log:  # what is far on a line may be near in decades
        reach = 10 ** max(within([math.log10(v) for v in values], minimize=True)) * (1 + 1e-9)
        kept = [v for v in values if v <= reach]
    low, high = min(kept), max(kept)
    limit = (high if minimize else low) if len(kept) < len(values) else None
    if log:
        room = 10 ** (ROOM * (math.log10(high) - math.log10(low)))
        ends = max(low / room, sys.float_info.min * sys.float_info.epsilon), min(high * room, sys.float_info.max)
        return Scale(*ends, log=True, limit=limit, minimize=minimize)
    room = ROOM * (high - low) or ROOM * abs(high) or 1.0
    return Scale(low - room, high + room, limit=limit, minimize=minimize)


def within(values: Sequence[float], *, minimize: bool) -> list[float]:
    """The values without those that are far on the worse side."""
    if len(values) < LEAST:
        return list(values)
    signed = np.array(values) * (1 if minimize else -1)
    lower, upper = np.quantile(signed, [0.25, 0.75])
    limit = upper + FAR * max(upper - lower, 1e-12 * max(1.0, abs(upper)))
    return [v for v, s in zip(values, signed, strict=True) if s <= limit]
