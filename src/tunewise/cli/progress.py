"""A study while it runs: a line for each trial as it ends, and who is waited for where the terminal can show it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from tunewise.cli.terminal import fitted, inert, is_animated
from tunewise.cli.trial_table import Columns
from tunewise.history import History, TrialRecord
from tunewise.llm.calls import Totals
from tunewise.prompts.show import show
from tunewise.text import duration, money

__all__ = ["Progress", "Waiting"]

REFRESH_HZ = 4


@dataclass(slots=True)
class Running:
    """A trial that is being evaluated: on which worker, since when, and what it has reported last."""

    trial: TrialRecord
    worker: int
    began: float
    last: str = ""


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Who may be waited for beside evaluations.

    Attributes:
        model: Name of the model; empty where there is none.
        asked: Says whether a call to it is under way.
        totals: Says what the calls have taken so far.
    """

    model: str = ""
    asked: Callable[[], bool] = lambda: False
    totals: Callable[[], Totals] = lambda: Totals.of([])


class Progress:
    """Shows a study while it runs.

    Args:
        screen: Where to.
        columns: Of the lines.
        trials: How many trials the study is to have.
        waiting: Who else may be waited for.
        workers: How many trials run at a time.
        spinner: Whether what runs now is shown too; not where somebody types at the same terminal.
        verbose: Whether all that is known of a trial is told.
    """

    def __init__(
        self,
        screen: Console,
        columns: Columns,
        trials: int,
        waiting: Waiting | None = None,
        *,
        workers: int = 1,
        spinner: bool = True,
        verbose: bool = False,
    ) -> None:
        self._screen = screen
        self._columns = columns
        self._trials = trials
        self._waiting = waiting or Waiting()
        self._workers = workers
        self._verbose = verbose
        self._spinner = spinner and is_animated(screen)
        self._running: dict[int, Running] = {}
        self._since = Since()
        self._live = Live(
            get_renderable=self._now,
            console=screen,
            refresh_per_second=REFRESH_HZ,
            transient=True,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def begin(self, history: History) -> None:
        """Say where the study stands, and begin to show who is waited for."""
        if done := len(history.told):
            best = history.best
            reached = (
                f", best {self._columns.objectives[0].name} {best.value:.6g} (trial {best.number})" if best else ""
            )
            self._say(inert(f"Going on: {done} of {self._trials} trials are done{reached}.", "bold"))
        self._say(self._columns.head())
        if self._spinner:
            self._live.start()

    def stop(self) -> None:
        """Take the moving part off the screen."""
        self._running.clear()
        if self._live.is_started:
            self._live.stop()

    def proposed(self, trial: TrialRecord) -> None:
        """An evaluation begins. A log is told at once, for it may take hours."""
        busy = {running.worker for running in self._running.values()}
        worker = next(k for k in range(1, len(busy) + 2) if k not in busy)
        self._running[trial.number] = Running(trial, worker, time.monotonic())
        if not self._spinner:
            said = " ".join(f"trial {trial.number} begins, by {trial.source}: {show(trial.configuration)}".split())
            self._say(inert(said if self._verbose else fitted(said, self._screen.width), "dim"))

    def reported(self, number: int, step: int, value: float) -> None:
        """A trial has reported an intermediate value; called by the thread that it came from."""
        if running := self._running.get(number):
            running.last = f", step {step}: {value:.5g}"

    def told(self, trial: TrialRecord, history: History) -> None:
        """A trial has ended: its line, under its own number, whichever trials run beside it."""
        self._running.pop(trial.number, None)
        best = history.best
        starred = trial.number in history.front or (best is not None and best.number == trial.number)
        line = self._columns.row(trial, history, starred=starred)
        told = "new best" if starred and len(history.finished) > 1 and not history.front else ""
        if best is None and trial.state == "finished":
            told = "no trial meets the constraints yet"
        if told and line.cell_len + len(told) + 2 <= self._screen.width:
            line.append_text(inert(f"  {told}", "bold green" if best else "dim"))
        self._say(line)
        for below in self._columns.below(trial, verbose=self._verbose):
            if self._spinner or trial.state == "failed" or trial.violations or self._verbose:
                self._say(below)

    def _say(self, line: Text) -> None:
        self._screen.print(line, soft_wrap=not self._screen.is_terminal)

    def moving_lines(self) -> list[str]:
        """Who is waited for, and since when; the last line says what the whole has taken."""
        now = time.monotonic()
        asked = self._since(now, busy=self._waiting.asked())
        lines = [self._of(running, now) for _, running in sorted(self._running.items())]
        if asked is not None:
            lines.append(f"waiting for {self._waiting.model or 'the model'}, {duration(asked)}")
        elif not lines:
            lines.append("choosing the next configuration")
        done = f"{duration(now - self._since.began)}, {spent(self._waiting.totals())}"
        return [fitted(line, self._screen.width - 4) for line in [*lines, done]]

    def _now(self) -> RenderableType:
        shown = self.moving_lines()
        return Group(
            *(Spinner("dots", inert(line, "dim"), speed=0.5) for line in shown[:-1]), inert(f"  {shown[-1]}", "dim")
        )

    def _of(self, running: Running, now: float) -> str:
        trial = running.trial
        where = f" on worker {running.worker}" if self._workers > 1 else ""
        return (
            f"trial {trial.number} of {self._trials} ({trial.source}) runs{where}, {duration(now - running.began)}"
            f"{running.last}: {show(trial.configuration)}"
        )


class Since:
    """For how long something has been going on, as far as somebody looks now and then."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self._busy_since: float | None = None

    def __call__(self, now: float, *, busy: bool) -> float | None:
        """Seconds since it was first seen busy; None while it is not."""
        self._busy_since = (self._busy_since or now) if busy else None
        return None if self._busy_since is None else now - self._busy_since


def spent(totals: Totals) -> str:
    """What the calls have taken so far."""
    calls = "1 call" if totals.calls == 1 else f"{totals.calls} calls"
    return f"{calls}, {money(totals)}" if totals.calls else "no calls yet"
