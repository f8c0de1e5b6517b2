"""What is kept of the values that a trial reports while it runs."""

from __future__ import annotations

import math

__all__ = ["Curve"]

ALL_KEPT = 1000
"""So many values are kept as they come; then only those whose step is `GROWTH` times that of the last one kept."""
GROWTH = 1.01


class Curve:
    """The intermediate values of one trial, of which a bounded number is kept, the last one always.

    Attributes:
        kept: Step and value of what is kept so far.
        last: Step and value of the last report; None before the first.
        ignored: How many reports came with a step that was not above the last one.
    """

    def __init__(self) -> None:
        self.kept: dict[int, float] = {}
        self.last: tuple[int, float] | None = None
        self.ignored = 0

    def add(self, value: float, step: int | None) -> int | None:
        """Take a report.

        Args:
            value: A float; NaN and infinity are kept, too.
            step: At least 0; None: one after the last.

        Returns:
            Its step, if it is to be stored.
        """
        before = -1 if self.last is None else self.last[0]
        step = before + 1 if step is None else step
        if step <= before:
            self.ignored += 1
            return None
        self.last = step, value
        if len(self.kept) >= ALL_KEPT and step < GROWTH * next(reversed(self.kept)):
            return None
        self.kept[step] = value
        return step

    @property
    def unkept(self) -> tuple[int, float] | None:
        """The last report, if it is not among those kept: it is to be stored at the end."""
        return None if self.last is None or self.last[0] in self.kept else self.last

    @property
    def note(self) -> str:
        """What is wrong with the curve, in a sentence; "" when nothing is."""
        notes = []
        if self.ignored:
            notes.append(f"{self.ignored} reports came with a step that was not above the last one, and were left out.")
        if self.last and not math.isfinite(self.last[1]):
            notes.append(f"The last value that it reported is {self.last[1]}.")
        return " ".join(notes)
