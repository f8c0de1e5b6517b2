"""Our own figures, as plain data for plotly.js: who found what, learning curves, what was spent."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import accumulate, groupby

from tunewise.history import History, TrialRecord
from tunewise.plain import PlainDict
from tunewise.proposers.credit import LEAST
from tunewise.report.plots import NEUTRAL, STYLES, Figure, Trace, layout, style
from tunewise.report.records import uplift_in_words
from tunewise.report.scale import Scale, scale_of
from tunewise.report.texts import number, value
from tunewise.study.effects import best_and_latest
from tunewise.study.stored import StoredStudy

__all__ = ["added", "best_steps", "credit", "curves", "metric_scale", "progress", "spending"]

MAX_CURVES = 60
"""Learning curves in one figure."""
MAX_STEPS = 300
"""Points of one curve."""
MAX_POINTS = 2_000
"""Points in one figure; of more trials the best and the latest half each."""
MAX_TOLD = 200
"""Trials up to which a point tells its configuration too."""


def hover(trial: TrialRecord, *, short: bool) -> str:
    """A trial in a few lines, or in two."""
    if short:
        return f"trial {trial.number}<br>{number(trial.value)}"
    values = "<br>".join(f"{name} = {value(given)}" for name, given in list(trial.configuration.items())[:12])
    return f"trial {trial.number} ({trial.source})<br>{number(trial.value)}<br>{values}"


def points(trials: Sequence[TrialRecord], source: str, scale: Scale, *, short: bool) -> Trace:
    """The finished trials of a source; those that are far off point out of the figure at its rim."""
    look = style(source)
    symbols = scale.symbols([t.value or 0.0 for t in trials], look.symbol)
    return {
        "type": "scatter",
        "mode": "markers",
        "name": source,
        "x": [t.number for t in trials],
        "y": [scale.place(t.value or 0.0) for t in trials],
        "text": [hover(t, short=short) for t in trials],
        "hovertemplate": "%{text}<extra></extra>",
        "cliponaxis": False,
        "marker": {"color": look.colour, "symbol": symbols, "size": 10, "line": {"width": 1, "color": "#ffffff"}},
    }


def progress(stored: StoredStudy) -> Figure:
    """The best value so far, and every trial by who proposed it."""
    history = stored.history
    title = "Best value so far"
    if not history.finished:
        return Figure("progress", title, "No trial has finished yet.")
    shown = [t for t in best_and_latest(history, MAX_POINTS) if t.state == "finished"]
    short, scale = len(history.finished) > MAX_TOLD, metric_scale(stored)
    counted = [t for t in shown if history.counts(t)]
    by_source = sorted(counted, key=lambda t: list(STYLES).index(t.source) if t.source in STYLES else 99)
    groups = [(source, list(trials)) for source, trials in groupby(by_source, key=lambda t: t.source)]
    data = [best_line(history, scale), *default_line(stored, scale)]
    data += [points(ts, source, scale, short=short) for source, ts in groups]
    violating = points([t for t in shown if not history.counts(t)], "violates constraints", scale, short=short)
    violating["marker"] = {"color": NEUTRAL, "symbol": "circle-open", "size": 10}
    data.append(violating)
    data += [on_axis(stored, state) for state in ("failed", "pruned")]
    axes = layout("trial", stored.metric)
    axes["yaxis2"] = {"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True}
    caption = f"The grey line is the best {stored.metric} so far ({history.direction}d)."
    caption += " Failed and pruned trials stand at the bottom."
    if len(shown) < len(history.finished):
        caption += f" {len(shown)} of {len(history.finished)} trials are shown, the best and the latest."
    axes["yaxis"] |= scale.axis()
    caption += scale.in_words(sum(scale.is_beyond(t.value or 0.0) for t in shown))
    return Figure("progress", title, caption, {"data": [d for d in data if d["x"]], "layout": axes}, 440)


def best_steps(history: History) -> tuple[list[int], list[float]]:
    """Where the best value so far improved, and to what; the last step reaches to the last trial.

    Returns:
        Numbers of trials, and as many values. Trials that may not be the best do not count.
    """
    better = min if history.direction == "minimize" else max
    counted = [t for t in history.finished if history.counts(t)]
    bests = list(accumulate((t.value or 0.0 for t in counted), better))
    steps = [(t, best) for t, best, before in zip(counted, bests, [None, *bests], strict=False) if best != before]
    if not steps:
        return [], []
    return [*(t.number for t, _ in steps), history[-1].number], [*(value for _, value in steps), steps[-1][1]]


def best_line(history: History, scale: Scale) -> Trace:
    """The best value so far, as a staircase."""
    numbers, values = best_steps(history)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "best so far",
        "x": numbers,
        "y": [scale.place(value) for value in values],
        "line": {"shape": "hv", "width": 2, "color": NEUTRAL},
        "hoverinfo": "skip",
    }


def metric_scale(stored: StoredStudy) -> Scale:
    """The axis of the metric that all figures of trials share."""
    values = [t.value for t in stored.history.finished if t.value is not None and math.isfinite(t.value)]
    return scale_of(values, minimize=stored.history.direction == "minimize")


def default_line(stored: StoredStudy, scale: Scale) -> list[Trace]:
    """What nobody's tuning would give, as a line through the figure."""
    default = stored.default
    if default is None or default.value is None:
        return []
    ends = [stored.history[0].number, max(1, stored.history[-1].number)]
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "name": "default configuration",
            "x": ends,
            "y": [scale.place(default.value)] * 2,
            "line": {"dash": "dash", "width": 1.5, "color": style("default").colour},
            "hovertemplate": f"default: {number(default.value)}<extra></extra>",
        }
    ]


def on_axis(stored: StoredStudy, state: str) -> Trace:
    """Trials without a value."""
    trials = [t for t in stored.history if t.state == state][-MAX_POINTS:]
    symbol = "x-thin-open" if state == "failed" else "line-ns-open"
    return {
        "type": "scatter",
        "mode": "markers",
        "name": state,
        "yaxis": "y2",
        "x": [t.number for t in trials],
        "y": [0.02] * len(trials),
        "text": [f"trial {t.number} {state} ({t.source})<br>{t.error}" for t in trials],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"symbol": symbol, "size": 10, "color": NEUTRAL, "line": {"width": 2, "color": NEUTRAL}},
    }


def curves(stored: StoredStudy) -> Figure:
    """Intermediate values of finished and pruned trials."""
    title = "Learning curves"
    ranks = {t.number: rank for rank, t in enumerate(stored.history.ranked)}
    having = sorted((t for t in stored.history if t.curve), key=lambda t: ranks.get(t.number, math.inf))
    if not having:
        return Figure("curves", title, "No trial reported intermediate values.")
    shown = having[:MAX_CURVES]
    data = [curve(t, best=t is stored.history.best) for t in reversed(shown)]
    left = f" The best {MAX_CURVES} of {len(having)} are shown." if len(having) > MAX_CURVES else ""
    caption = f"Solid: finished. Dotted: pruned, failed or running. Thick: the best trial.{left}"
    axes = layout("step", stored.metric)
    axes["showlegend"] = False
    values = [value for t in shown for _, value in t.curve[:: math.ceil(len(t.curve) / MAX_STEPS)]]
    scale = scale_of([v for v in values if math.isfinite(v)], minimize=stored.history.direction == "minimize")
    axes["yaxis"] |= scale.axis()
    caption += " The scale is logarithmic." if scale.log else ""
    return Figure("curves", title, caption, {"data": data, "layout": axes})


def curve(trial: TrialRecord, *, best: bool) -> Trace:
    """One learning curve, thinned where it is long."""
    every = math.ceil(len(trial.curve) / MAX_STEPS)
    steps = [(step, y if math.isfinite(y) else None) for step, y in trial.curve[::every]]
    width, dash = 4 if best else 1.5, "solid" if trial.state == "finished" else "dot"
    return {
        "type": "scatter",
        "mode": "lines" if len(steps) > 1 else "markers",
        "name": f"trial {trial.number} ({trial.source})",
        "x": [step for step, _ in steps],
        "y": [y for _, y in steps],
        "opacity": 1 if best else 0.7,
        "line": {"color": style(trial.source).colour, "dash": dash, "width": width},
    }


def added(stored: StoredStudy) -> Figure:
    """What the model added over the surrogate's own points, with its uncertainty."""
    title = "What the model added over the surrogate"
    uplift = stored.uplift
    if uplift is None:
        return Figure("added", title, uplift_in_words(stored) or "No language model was called.")
    rows = [
        ("added by the model", uplift.added, "#0072B2"),
        ("the surrogate's own points", uplift.surrogate, "#56B4E9"),
        ("the model's trials", (uplift.model,) * 3, "#E69F00"),
    ]
    marks: Trace = {
        "type": "scatter",
        "mode": "markers",
        "x": [middle for _, (middle, _, _), _ in rows],
        "y": [name for name, _, _ in rows],
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [high - middle for _, (middle, _, high), _ in rows],
            "arrayminus": [middle - low for _, (middle, low, _), _ in rows],
            "color": NEUTRAL,
        },
        "text": [f"{number(middle)} ({number(low)} to {number(high)})" for _, (middle, low, high), _ in rows],
        "hovertemplate": "%{y}: %{text}<extra></extra>",
        "marker": {"size": 12, "color": [colour for _, _, colour in rows]},
    }
    axes = layout("improvement", "")
    axes["showlegend"] = False
    axes["yaxis"] |= {"automargin": True, "type": "category"}
    axes["xaxis"] |= {"rangemode": "tozero", "zeroline": True}
    caption = f"{uplift_in_words(stored)} The bars are 90 % intervals."
    return Figure("added", title, caption, {"data": [marks], "layout": axes}, 240)


CALLS = {
    "candidates": ("asked for configurations", "circle"),
    "large step": ("asked for a large step", "diamond"),
    "no reply": ("asked, no reply", "x"),
}
"""What `auto` asks the model for, and how it looks."""


def credit(stored: StoredStudy) -> Figure:
    """How much the proposer `auto` thinks of the model, and when it asks."""
    title = "The model's credit"
    told = [(t, d) for t in stored.history if (d := t.proposal.decision).credit is not None]
    if not told:
        return Figure("credit", title, "Only the proposer auto with a model keeps one.")
    told = told[-MAX_POINTS:]
    numbers = [t.number for t, _ in told]
    bound: Trace = {"name": "not asked below", "x": [numbers[0], numbers[-1]], "y": [LEAST] * 2}
    bound["line"] = {"color": NEUTRAL, "dash": "dash", "width": 1.5}
    kept: Trace = {"name": "credit", "x": numbers, "y": [d.credit for _, d in told], "line": {"color": "#0072B2"}}
    data: list[Trace] = [one | {"mode": "lines", "hoverinfo": "skip", "type": "scatter"} for one in (kept, bound)]
    for call, (name, symbol) in CALLS.items():
        own = [(t, d) for t, d in told if d.call == call]
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "x": [t.number for t, _ in own],
                "y": [d.credit for _, d in own],
                "text": [f"trial {t.number}: {len(d.offered)} offered, {t.source} ran" for t, d in own],
                "hovertemplate": "%{text}<extra></extra>",
                "marker": {"symbol": symbol, "size": 11, "color": "#E69F00", "line": {"width": 1, "color": "#ffffff"}},
            }
        )
    axes = layout("trial", "credit")
    axes["yaxis"] |= {"range": [-0.05, 1.1]}
    caption = "The probability that the model is of use, by how its trials turned out beside the others."
    return Figure("credit", title, caption, {"data": [d for d in data if d["x"]], "layout": axes}, 300)


def spending(stored: StoredStudy) -> Figure:
    """Tokens and dollars over the trials, added up."""
    title = "Tokens and money"
    calls = stored.calls
    numbers = [n for n in sorted(calls) if calls[n]]
    if not numbers:
        return Figure("spending", title, "No language model was called.")

    def adding(per_trial: Iterable[float]) -> list[float]:
        return list(accumulate(per_trial))

    read = adding(sum(c.input_tokens or 0 for c in calls[n]) for n in numbers)
    written = adding(sum(c.output_tokens or 0 for c in calls[n]) for n in numbers)
    dollars = adding(sum(c.cost_usd or 0 for c in calls[n]) for n in numbers)
    every = math.ceil(len(numbers) / MAX_POINTS)

    def thin(column: Sequence[float]) -> Sequence[float]:
        return column[::-every][::-1]  # counted from the end, which has the sums

    data = [
        line("tokens read", thin(numbers), thin(read), "#0072B2", "solid"),
        line("written", thin(numbers), thin(written), "#D55E00", "dash"),
    ]
    axes = layout("trial", "tokens in all")
    axes["margin"] = {"r": 70}
    if dollars[-1]:
        data.append(line("US dollars (right)", thin(numbers), thin(dollars), "#009E73", "dot") | {"yaxis": "y2"})
        axes["yaxis2"] = {"overlaying": "y", "side": "right", "title": {"text": "US dollars"}, "showgrid": False}
        axes["yaxis2"] |= {"rangemode": "tozero", "zeroline": False}
    axes["yaxis"] |= {"rangemode": "tozero", "exponentformat": "none", "separatethousands": True}
    totals = stored.totals
    unknown = f" {totals.uncounted_calls} calls of unknown size are not in it." if totals.uncounted_calls else ""
    unknown += " The cost of some calls is unknown and not in it." if totals.cost_usd is None else ""
    unknown += " Conversations about the study are not in it." if stored.chat_calls else ""
    return Figure("spending", title, f"Added up over the trials.{unknown}", {"data": data, "layout": axes}, 320)


def line(name: str, x: Sequence[float], y: Sequence[float], colour: str, dash: str) -> Trace:
    """A line that can be told from others without its colour."""
    look: PlainDict = {"color": colour, "dash": dash, "width": 2, "shape": "hv"}
    return {"type": "scatter", "mode": "lines+markers", "name": name, "x": list(x), "y": list(y), "line": look}
