"""What the records of a benchmark hold already: which runs need not be made, and what they have cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from tunewise.bench.methods import METHODS
from tunewise.bench.records import Records, Run, RunKey
from tunewise.errors import BudgetReached

__all__ = ["CostGuard", "Known"]


class Known:
    """Which run answers for a key: itself, or a longer one of a method that does not plan by the budget."""

    def __init__(self, runs: Records) -> None:
        self.runs = dict(runs)
        self._longest: dict[RunKey, RunKey] = {}
        for key in runs:
            self._note(key)

    def add(self, run: Run) -> None:
        """One that ended."""
        self.runs[run.key] = run
        self._note(run.key)

    def find(self, key: RunKey) -> RunKey | None:
        """The run that answers; None where there is none."""
        if key in self.runs:
            return key
        longest = self._longest.get(key._replace(budget=0))
        return longest if longest and longest.budget > key.budget and not METHODS[key.method].planned else None

    def _note(self, key: RunKey) -> None:
        kind = key._replace(budget=0)
        if kind not in self._longest or self._longest[kind].budget < key.budget:
            self._longest[kind] = key


class CostGuard:
    """What the runs that ask a model may take: US dollars, calls; None is no cap."""

    def __init__(self, known: Known, *, max_usd: float | None, max_calls: int | None) -> None:
        self._known, self._max_usd, self._max_calls = known, max_usd, max_calls
        self._left_out = 0

    def allow(self, todo: Iterable[tuple[RunKey, int]]) -> Iterator[tuple[RunKey, int]]:
        """The runs that may still be begun. Several processes begin a few before the bill of the others is known."""
        for key, size in todo:
            if METHODS[key.method].asks and self._reached():
                self._left_out += 1
            else:
                yield key, size

    def check(self, records: Path) -> None:
        """Say that something was left out.

        Raises:
            BudgetReached: It was.
        """
        if self._left_out:
            raise BudgetReached(
                f"The runs in {records} have reached a cap: {self._reached()}. {self._left_out} runs that ask the "
                "model were not begun. What was finished is kept; the same command with a higher cap, or without one, "
                "goes on."
            )

    def _reached(self) -> str:
        """Which cap is reached, in words; empty while none is."""
        steps = [step for run in self._known.runs.values() for step in run.steps]
        costs = [step.cost_usd for step in steps]
        known = sum(cost for cost in costs if cost is not None)
        if self._max_usd is not None and None in costs:
            return f"they have cost an unknown sum, at least ${known:.4f}, and a cap cannot hold"
        if self._max_usd is not None and known >= self._max_usd:
            return f"they have cost ${known:.4f}; --max-usd is {self._max_usd}"
        calls = sum(step.calls for step in steps)
        if self._max_calls is not None and calls >= self._max_calls:
            return f"they took {calls} calls; --max-calls is {self._max_calls}"
        return ""
