"""Progress for people: a line for each trial as it ends, and what runs now where the terminal can show it."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.padding import Padding
from rich.spinner import Spinner
from rich.text import Text

from tunewise.history import History, TrialRecord
from tunewise.llm.ledger import Totals
from tunewise.prompts.views import show
from tunewise.study.remarks import remarks_on
from tunewise.text import clip, duration, money, printable

__all__ = ["Progress", "money"]

STYLES = {
    "default": "cyan",
    "model": "green",
    "repair": "yellow",
    "acquisition": "bright_blue",
    "random": "magenta",
    "enqueued": "blue",
}


class Progress:
    """Shows a study while it runs.

    Args:
        console: Where to.
        trials: How many trials the study is to have.
        metric: Name of what the objective returns.
        totals: Says what the calls have taken so far.
        spinner: Whether what runs now is shown too; not where somebody types at the same terminal.
    """

    def __init__(
        self, console: Console, trials: int, metric: str, totals: Callable[[], Totals], *, spinner: bool = True
    ) -> None:
        self._console = console
        self._trials = trials
        self._metric = metric
        self._totals = totals
        self._spinner = spinner and console.is_terminal
        self._began = time.monotonic()
        self._running: dict[int, tuple[TrialRecord, float]] = {}
        self._latest: dict[int, tuple[int, float]] = {}
        self._live = Live(
            get_renderable=self._now, console=console, refresh_per_second=8, transient=True, redirect_stderr=False
        )

    def __enter__(self) -> Self:
        if self._spinner:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """Take the live part off the screen."""
        self._running.clear()
        self._live.stop()

    def proposed(self, trial: TrialRecord) -> None:
        """Show why, as soon as it is known: the evaluation may take hours."""
        self._running[trial.number] = (trial, time.monotonic())
        style = STYLES.get(trial.source, "")
        self._print(f"[bold]{trial.number:>4}[/]  [{style}]{trial.source:<11}[/]  {shown(show(trial.configuration))}")
        for label, text in remarks_on(trial):
            self._print(f"[dim]{label}: {shown(clip(text, 400))}[/]", indent=6)

    def reported(self, number: int, step: int, value: float) -> None:
        """Show where a running trial stands."""
        self._latest[number] = (step, value)

    def told(self, trial: TrialRecord, history: History) -> None:
        """Show what came of it, and the incumbent."""
        self._running.pop(trial.number, None)
        self._latest.pop(trial.number, None)
        took = "" if trial.seconds is None else f"  {duration(trial.seconds)}"
        if trial.state == "finished":
            value = f"[bold]{shown(self._metric)} {trial.value:.6g}[/]"
            self._print(f"{value}  {incumbent(trial, history)}[dim]{took}  {self._so_far()}[/]", indent=6)
        else:
            why = f"[red]{trial.state}[/]: {shown(clip(trial.error, 400))}"
            self._print(f"{why}[dim]{took}  {self._so_far()}[/]", indent=6)

    def _print(self, markup: str, *, indent: int = 0) -> None:
        if self._console.is_terminal:
            self._console.print(Padding(markup, (0, 0, 0, indent)))
        else:  # a log: one line each, whatever its length
            self._console.print(" " * indent + markup, soft_wrap=True)

    def _so_far(self) -> str:
        totals = self._totals()
        calls = "1 call" if totals.calls == 1 else f"{totals.calls} calls"
        spent = f"{calls}, {money(totals)}" if totals.calls else "no calls"
        return f"({duration(time.monotonic() - self._began)}, {spent})"

    def _now(self) -> RenderableType:
        if not self._running:
            return Spinner("dots", Text(f"asking for the next configuration   {self._so_far()}", style="dim"))
        return Group(
            *(
                Spinner(
                    "dots",
                    Text(
                        f"trial {n} of {self._trials} runs for {duration(time.monotonic() - began)}{self._stands(n)}",
                        style="dim",
                    ),
                )
                for n, (_, began) in sorted(self._running.items())
            )
        )

    def _stands(self, number: int) -> str:
        if number not in self._latest:
            return ""
        step, value = self._latest[number]
        return f": step {step}, {printable(self._metric)} {value:.6g}"


def incumbent(trial: TrialRecord, history: History) -> str:
    """The best trial so far, as seen from one that has just finished."""
    best = history.best
    if best is None:
        return "[dim]no trial meets the constraints yet[/]"
    return "[bold green]new best[/]" if best.number == trial.number else f"best {best.value:.6g} (trial {best.number})"


def shown(text: str) -> str:
    """A text of a model, a server or an objective, without power over the terminal."""
    return escape(printable(text))
