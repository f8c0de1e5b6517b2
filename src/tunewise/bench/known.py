"""What the records of a benchmark hold already: which runs need not be made, and what they have cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from tunewise.bench.methods import METHODS
from tunewise.bench.records import Records, Run, RunKey
from tunewise.errors import BudgetReached

__all__ = ["Known", "Purse"]


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


class Purse:
    """What the runs that ask a model may cost."""

    def __init__(self, known: Known, max_usd: float | None) -> None:
        self._known, self._max_usd = known, max_usd
        self._left_out = 0

    def allow(self, todo: Iterable[tuple[RunKey, int]]) -> Iterator[tuple[RunKey, int]]:
        """The runs that may still be begun. Several processes begin a few before the bill of the others is known."""
        for key, size in todo:
            if METHODS[key.method].asks and self._empty():
                self._left_out += 1
            else:
                yield key, size

    def check(self, records: Path) -> None:
        """Say that something was left out.

        Raises:
            BudgetReached: It was.
        """
        if self._left_out:
            spent = self._spent()
            cost = "an unknown sum, and a cap cannot hold" if spent is None else f"${spent:.4f}"
            raise BudgetReached(
                f"The runs in {records} have cost {cost}; --max-usd is {self._max_usd}: {self._left_out} runs that ask "
                "the model were not begun. What was finished is kept; the same command with a higher cap, or without "
                "one, goes on."
            )

    def _empty(self) -> bool:
        if self._max_usd is None:
            return False
        spent = self._spent()
        return spent is None or spent >= self._max_usd

    def _spent(self) -> float | None:
        """US dollars; None as soon as a cost is unknown."""
        costs = [step.cost_usd for run in self._known.runs.values() for step in run.steps]
        known = [cost for cost in costs if cost is not None]
        return sum(known) if len(known) == len(costs) else None
