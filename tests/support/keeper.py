"""Somebody who listens to an evaluation."""

from __future__ import annotations


class Keeper:
    """Keeps what arrives, and says stop at a step."""

    def __init__(self, stop_at: int = 10**9) -> None:
        self.got: list[tuple[float, int | None]] = []
        self.stop_at = stop_at

    def __call__(self, value: float, step: int | None) -> bool:
        self.got.append((value, step))
        return (step or 0) >= self.stop_at
