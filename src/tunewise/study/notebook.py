"""A study in a notebook: it shows itself, and while it runs it is shown live."""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable, Mapping

import optuna
from markupsafe import Markup

from tunewise import attributes
from tunewise.history import History, TrialRecord
from tunewise.text import clip

__all__ = ["Live", "Study", "html_of", "in_notebook"]

ROWS = 15
"""Trials in the table; of more the latest, and the best."""
WIDTH, HEIGHT = 480, 120
"""Of the curve, in pixels."""
REASON = 160
"""Characters."""


class Study(optuna.Study):
    """A study of Optuna's that notebooks show as its best trial, a curve and a table."""

    def _repr_html_(self) -> str:
        about = self.user_attrs.get(attributes.STUDY)
        task = about.get("task") if isinstance(about, Mapping) else None
        metric = str(task.get("metric", "value")) if isinstance(task, Mapping) else "value"
        return html_of(History.from_study(self), name=self.study_name, metric=metric)


def in_notebook() -> bool:
    """Whether this code runs in the kernel of a notebook."""
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")


class Live:
    """Shows a study in a notebook while it runs: the output of its cell is replaced as trials begin, report and end.

    Args:
        name: Of the study.
        metric: What its values are called.
        n_trials: How many trials it is to have.
        show: Is handed the HTML; None: the output of the cell.
    """

    def __init__(self, name: str, *, metric: str, n_trials: int, show: Callable[[str], object] | None = None) -> None:
        self._name, self._metric, self._n_trials = name, metric, n_trials
        self._show = show or shown_in_cell()
        self._history = History()
        self._running: dict[int, str] = {}
        self._lock = threading.Lock()

    def proposed(self, trial: TrialRecord) -> None:
        """See `Watch`."""
        self._draw(trial.number, f"trial {trial.number} ({trial.source}) runs")

    def reported(self, number: int, step: int, value: float) -> None:
        """See `Watch`."""
        self._draw(number, f"trial {number}, step {step}: {value:.5g}")

    def told(self, trial: TrialRecord, history: History) -> None:
        """See `Watch`."""
        self._history = history
        self._draw(trial.number, None)

    def _draw(self, number: int, what: str | None) -> None:
        with self._lock:
            if what is None:
                self._running.pop(number, None)
            else:
                self._running[number] = what
            now = "; ".join(text for _, text in sorted(self._running.items()))
            page = html_of(self._history, name=self._name, metric=self._metric, n_trials=self._n_trials, now=now)
            self._show(page)


def shown_in_cell() -> Callable[[str], object]:
    """Shows HTML in the output of this cell, each in place of the one before."""
    from IPython.display import HTML, display

    handle = display(HTML(""), display_id=True)
    return lambda page: handle.update(HTML(page))


def html_of(history: History, *, name: str, metric: str, n_trials: int | None = None, now: str = "") -> str:
    """A study as HTML that runs nothing: every text in it is escaped.

    Args:
        history: Its trials.
        name: Of the study.
        metric: What its values are called.
        n_trials: How many it is to have; None: as many as there are.
        now: What is going on.
    """
    best = history.best
    done = f"{len(history.told)} of {n_trials or len(history)} trials"
    head = f"{done}, best {metric} {best.value:.6g} in trial {best.number} ({best.source})" if best else done
    lines = [Markup("<p><b>{}</b>: {}</p>").format(name, head), curve_of(history), table_of(history, metric)]
    lines += [Markup("<p><i>{}</i></p>").format(now)] if now else []
    return str(Markup("<div>") + Markup("").join(lines) + Markup("</div>"))


def curve_of(history: History) -> Markup:
    """The values as dots, and the best so far as a line."""
    points = [(t.number, t.value) for t in history.finished if t.value is not None and math.isfinite(t.value)]
    if len(points) < 2:
        return Markup("")
    values = sorted(value for _, value in points)
    low, high, last = values[0], values[-1], max(number for number, _ in points)

    def place(number: int, value: float) -> tuple[float, float]:
        share = 0.5 if high == low else (value - low) / (high - low)
        return 8 + (WIDTH - 16) * number / last, 8 + (HEIGHT - 16) * (1 - share)

    better = min if history.direction == "minimize" else max
    steps, incumbent = [], points[0][1]
    for number, value in points:
        x, y = place(number, incumbent)
        incumbent = better(incumbent, value)
        steps += [f"{x:.1f},{y:.1f}", "{:.1f},{:.1f}".format(*place(number, incumbent))]
    dots = Markup("").join(
        Markup('<circle cx="{:.1f}" cy="{:.1f}" r="3" fill="#888"/>').format(*place(*point)) for point in points
    )
    line = Markup('<polyline points="{}" fill="none" stroke="#1f77b4" stroke-width="2"/>').format(" ".join(steps))
    frame = Markup('<svg width="{}" height="{}" role="img" aria-label="values and the best so far">')
    return frame.format(WIDTH, HEIGHT) + dots + line + Markup("</svg>")


def table_of(history: History, metric: str) -> Markup:
    """The latest trials and the best, one row each."""
    best = history.best
    shown = [t for t in history.told if t in history.told[-ROWS:] or t is best]
    names = list(dict.fromkeys(name for trial in shown for name in trial.configuration))
    head = Markup("").join(Markup("<th>{}</th>").format(title) for title in ("trial", "by", metric, *names, "why"))
    rows = Markup("").join(map(Markup("<tr>{}</tr>").format, (cells_of(trial, names, best) for trial in shown)))
    return Markup("<table><thead><tr>") + head + Markup("</tr></thead><tbody>") + rows + Markup("</tbody></table>")


def cells_of(trial: TrialRecord, names: list[str], best: TrialRecord | None) -> Markup:
    """A trial's row."""
    value = trial.state if trial.value is None else f"{trial.value:.6g}"
    configuration = [trial.configuration.get(name, "") for name in names]
    texts = [f"{v:.5g}" if isinstance(v, float) else str(v) for v in configuration]
    why = clip(trial.error or trial.proposal.reason, REASON)
    cell = Markup("<td><b>{}</b></td>") if trial is best else Markup("<td>{}</td>")
    return Markup("").join(map(cell.format, [trial.number, trial.source, value, *texts, why]))
