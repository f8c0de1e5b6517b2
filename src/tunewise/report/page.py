"""The page: one HTML file with everything in it, that runs nothing but our own scripts and asks nobody for anything."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from importlib.metadata import version

from markupsafe import escape
from threadpoolctl import threadpool_limits

from tunewise.history import TrialRecord
from tunewise.report import figures, landscape, objectives_figures, surrogate_views
from tunewise.report.conversations import latest
from tunewise.report.html import Template
from tunewise.report.measures import MAX_MEASURES, best_values, measured, measures, title_of, winner
from tunewise.report.plots import Figure
from tunewise.report.records import commands, front_rows, notes_of, pair_of, programs_of, sessions
from tunewise.report.texts import Cleaner, value
from tunewise.space import Value
from tunewise.study.effects import best_and_latest
from tunewise.study.remarks import remarks_on
from tunewise.study.stored import Exchange, StoredStudy
from tunewise.text import clip, fit, money

__all__ = ["page"]

MAX_BYTES = 5_900_000
"""Size of the page, most of it plotly.js; what the rest leaves is for prompts and replies."""
MAX_ROWS = 600
"""Rows of the trial table; of more trials the best and the latest half each."""
MAX_COLUMNS = 8
"""Hyperparameters that get a column of their own."""
ROW_TEXT = 80_000
"""Characters of reasons and errors in the whole table."""
BRIEF = 120
"""Characters of remarks that are shown unfolded."""
MAX_PROMPT = 20_000
"""Characters of a single prompt or reply."""


@dataclass(frozen=True)
class Row:
    """A trial in the table.

    Attributes:
        trial: What it is.
        measured: What it returned, in the order of the columns.
        values: Those of the hyperparameters that have columns; empty where the trial has none.
        others: Those that have none.
        why: Labelled remarks.
        brief: The beginning of long ones; empty where they are short.
        cost: US dollars, as text.
    """

    trial: TrialRecord
    measured: list[float | None]
    values: list[Value]
    others: str
    why: list[tuple[str, str]]
    brief: str
    cost: str


def page(stored: StoredStudy, clean: Cleaner, address: str) -> str:
    """The whole page."""
    made = draw(stored)
    template = Template("page.html.jinja", clean, [figure for figure in made.every() if figure.plot])
    conversations, unheard = latest(stored.conversations, clean)
    render = partial(
        template.render,
        study=stored,
        title=title_of(stored),
        reached=list(best_values(stored)),
        extras=list(stored.best.extra.items())[:MAX_MEASURES] if stored.best else [],
        violating=sum(not stored.history.counts(t) for t in stored.history.finished),
        winner=winner(stored.best) if stored.best else [],
        measures=measures(stored),
        notes=notes_of(stored),
        programs=programs_of(stored),
        commands=commands(stored, address),
        figures=made,
        columns=stored.names[:MAX_COLUMNS],
        rows=list(rows(stored, clean)),
        space=list(choices(stored)),
        money=money(stored.totals).removeprefix("cost "),
        sessions=list(sessions(stored)),
        front=list(front_rows(stored)),
        conversations=conversations,
        unheard=unheard,
        versions={"tunewise": version("tunewise"), "optuna": version("optuna"), "Python": platform.python_version()},
    )
    shown, left_out = talk(stored, clean, room=MAX_BYTES - len(render(talk=[], left_out=0).encode()))
    return render(talk=shown, left_out=left_out)


@dataclass(frozen=True)
class Figures:
    """All figures of a page.

    Attributes:
        progress: The best value so far.
        curves: Learning curves.
        spending: Tokens and money.
        effects: Which hyperparameters decide.
        parallel: Parallel coordinates.
        added: What the model added over the surrogate.
        credit: The model's credit.
        contour: Of a space of two numbers.
        front: Of several objectives.
        each: The best value so far of each further objective.
        views: The surrogate's, of the most important pairs.
        slices: Of the most important hyperparameters.
        more_slices: Names of hyperparameters that have no slice.
    """

    progress: Figure
    curves: Figure
    spending: Figure
    effects: Figure
    parallel: Figure
    added: Figure
    credit: Figure
    contour: Figure | None
    front: Figure | None
    each: Sequence[Figure]
    views: Sequence[Figure]
    slices: Sequence[Figure]
    more_slices: Sequence[str]

    def every(self) -> Iterator[Figure]:
        """One after the other."""
        named = (getattr(self, field.name) for field in fields(self))
        yield from (figure for figure in named if isinstance(figure, Figure))
        yield from (*self.slices, *self.views, *self.each)


def draw(stored: StoredStudy) -> Figures:
    """Every figure of a study."""
    with threadpool_limits(1):  # small matrices: on a busy machine two threads were ten times slower than one
        return drawn(stored)


def drawn(stored: StoredStudy) -> Figures:
    """Every figure of a study, with as many threads as there are."""
    shares = stored.effects.shares
    order = [*shares, *(name for name in stored.names if name not in shares)]
    pair = pair_of(stored)
    parallel = partial(landscape.parallel, stored, order)
    contour = partial(landscape.contour, stored, pair) if pair else None
    slices = landscape.slices(stored, order)
    return Figures(
        progress=figures.progress(stored),
        curves=figures.curves(stored),
        spending=figures.spending(stored),
        effects=landscape.effects(shares),
        parallel=landscape.guarded(parallel, "parallel", "Parallel coordinates"),
        contour=landscape.guarded(contour, "contour", "Contour and trajectory") if contour else None,
        views=landscape.guarded_list(
            partial(surrogate_views.surrogate_views, stored, order), "surrogate", surrogate_views.TITLE
        ),
        added=figures.added(stored),
        credit=figures.credit(stored),
        front=objectives_figures.front(stored),
        each=objectives_figures.each_objective(stored),
        slices=slices,
        more_slices=order[landscape.MAX_SLICES :] if len(slices) == landscape.MAX_SLICES else [],
    )


def rows(stored: StoredStudy, clean: Cleaner) -> Iterator[Row]:
    """The table; of very many trials the best and the latest."""
    trials = best_and_latest(stored.history, MAX_ROWS)
    room = max(120, ROW_TEXT // max(1, len(trials)))
    columns = stored.names[:MAX_COLUMNS]
    for trial in trials:
        others = {k: v for k, v in trial.configuration.items() if k not in columns}
        why = [*remarks_on(trial), *([("error", trial.error)] if trial.error else [])]
        told = "; ".join(text for _, text in why[::-1])
        cost = stored.cost_of(trial)
        has_calls = bool(stored.calls.get(trial.number))
        yield Row(
            trial=trial,
            measured=measured(stored, trial),
            values=[trial.configuration.get(name, "") for name in columns],
            others=fit(clean(", ".join(f"{name} = {value(given)}" for name, given in others.items())), room),
            why=[(label, fit(clean(text), room)) for label, text in why],
            brief=clip(clean(told), BRIEF) if len(told) > BRIEF else "",
            cost="" if not has_calls else "unknown" if cost is None else f"{cost:.3g}",
        )


def choices(stored: StoredStudy) -> Iterator[tuple[str, str, str, str, str]]:
    """What may be chosen: name, type, range, default, description."""
    for name, form in stored.space.items():
        kind = f"{form.get('type', '')}{', log' if form.get('log') is True else ''}"
        choice = form.get("choices")
        between = f"{value(form.get('low'))} to {value(form.get('high'))}"
        span = ", ".join(map(value, choice)) if isinstance(choice, list | tuple) else between
        default = value(form["default"]) if "default" in form else ""
        yield name, kind, span, default, str(form.get("description", ""))


def talk(stored: StoredStudy, clean: Cleaner, *, room: int) -> tuple[list[Exchange], int]:
    """The latest prompts and replies that fit into so many bytes, in their order, and how many do not."""
    shown: list[Exchange] = []
    for exchange in reversed(stored.exchanges):
        prompt, reply = (fit(clean(text), MAX_PROMPT) for text in (exchange.prompt, exchange.call.text))
        room -= sum(len(escape(text).encode()) for text in (prompt, reply, exchange.call.error)) + 600
        if room < 0:
            break
        shown.append(replace(exchange, prompt=prompt, call=replace(exchange.call, text=reply)))
    return shown[::-1], len(stored.exchanges) - len(shown)
