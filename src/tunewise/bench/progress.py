"""What a run of the benchmark shows: how much is done, what ended last, how long the rest will take."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from tunewise.bench.records import RunKey
from tunewise.text import duration

__all__ = ["Progress", "time_left"]

EVERY_S = 30.0
"""Between two lines where the output is no terminal."""

Kind = tuple[str, int]


class Progress:
    """Shows a run while it lasts.

    Args:
        console: Where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = self._said = time.monotonic()
        self._total = self._done = self._jobs = 0
        self._left: Counter[Kind] = Counter()
        self._took: defaultdict[Kind, list[float]] = defaultdict(list)
        self._last = ""
        self._live = Live(get_renderable=self._now, console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._live.is_started:
            self._live.stop()

    def begun(self, todo: Sequence[RunKey], done: int, jobs: int) -> None:
        """Say what there is to do."""
        self._total, self._jobs = len(todo), jobs
        self._left = Counter((key.method, key.budget) for key in todo)
        earlier = f", {done} are there already" if done else ""
        self._console.print(f"{len(todo)} runs{earlier}")
        if self._console.is_terminal and todo:
            self._live.start()

    def ended(self, key: RunKey, seconds: float) -> None:
        """Note a run that ended."""
        kind = (key.method, key.budget)
        self._done += 1
        self._left[kind] -= 1
        self._took[kind].append(seconds)
        self._last = f"{key.problem} {key.method} seed {key.seed}"
        if not self._console.is_terminal and time.monotonic() - self._said > EVERY_S:
            self._said = time.monotonic()
            self._console.print(f"{self._done} of {self._total}, {self._remaining()} left; {self._last}")

    def _remaining(self) -> str:
        seconds = time_left(self._left, self._took, self._jobs)
        return "?" if seconds is None else duration(seconds)

    def _now(self) -> Table:
        grid = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=max(1, self._total), completed=self._done, width=24)
        elapsed = duration(time.monotonic() - self._began)
        grid.add_row(
            bar, f"{self._done}/{self._total}", f"{elapsed}, {self._remaining()} left", f"[dim]{self._last}[/]"
        )
        return grid


def time_left(left: Counter[Kind], took: defaultdict[Kind, list[float]], jobs: int) -> float | None:
    """Seconds that the rest will take; None before the first run ended.

    Each method counts with its own mean: a run of one takes a thousand times that of another.
    """
    known = {kind: sum(times) / len(times) for kind, times in took.items()}
    if not known:
        return None
    typical = sum(known.values()) / len(known)
    return sum(count * known.get(kind, typical) for kind, count in left.items()) / max(1, jobs)
