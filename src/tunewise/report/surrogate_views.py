"""What the surrogate expects of pairs of hyperparameters, and how little is known where."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations, product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tunewise.errors import SpaceError
from tunewise.history import TrialRecord
from tunewise.plain import Plain
from tunewise.report.plots import Axis, Figure, Layout, Plot, Trace, style
from tunewise.report.texts import number, value
from tunewise.space import SearchSpace, Value
from tunewise.study.effects import is_number
from tunewise.study.stored import StoredStudy

if TYPE_CHECKING:
    from tunewise.surrogate import Surrogate

__all__ = ["surrogate_views"]

MAX_NAMES = 3
"""The most important hyperparameters, each pair of which is looked at."""
STOPS = 24
"""Places along a hyperparameter."""
MAX_POINTS = 100
"""Trials that are drawn over a view."""
MIN_DECADES = 1.8
"""On a logarithmic axis of so many, powers of ten are marks enough."""
BLUES: Plain = [[0, "#eef5fb"], [0.5, "#6baed6"], [1, "#08306b"]]
"""Light where much is known, dark where little is."""
NAME = "surrogate"
TITLE = "The surrogate's view"


def surrogate_views(stored: StoredStudy, order: Sequence[str]) -> list[Figure]:
    """Expected value and uncertainty for each pair of the first few hyperparameters; or one figure that says why not.

    Args:
        stored: The study.
        order: Hyperparameters, the most important first.
    """
    try:
        space = SearchSpace.from_dict(stored.space)
    except SpaceError as error:
        return [Figure(NAME, TITLE, f"There is none, for the space cannot be read. {error}")]
    finished, surrogate = stored.effects.finished, stored.effects.surrogate
    tried = [name for name in order if len({str(t.configuration.get(name)) for t in finished}) > 1]
    pairs = list(combinations([name for name in tried if name in space][:MAX_NAMES], 2))
    if surrogate is None or not pairs:
        return [Figure(NAME, TITLE, "Three finished trials that differ in two hyperparameters are needed.")]
    views = []
    for index, pair in enumerate(pairs):
        base = next((t for t in stored.history.ranked if t in finished and set(pair) <= t.configuration.keys()), None)
        if base is not None:
            views += look(stored, surrogate, pair, base, finished, f"{NAME}-{index}")
    return views or [Figure(NAME, TITLE, "No finished trial has two of the important hyperparameters.")]


def look(
    stored: StoredStudy,
    surrogate: Surrogate,
    pair: tuple[str, str],
    base: TrialRecord,
    finished: Sequence[TrialRecord],
    name: str,
) -> list[Figure]:
    """The two views of a pair, everything else as in the trial `base`."""
    space = surrogate.lattice.space
    stops = [places(space, one) for one in pair]
    origin = space.encode(base.configuration)
    cells = [moved(space, origin, dict(zip(pair, at, strict=True))) for at in product(*stops)]
    there = [set(pair) <= cell.keys() for cell in cells]
    mean, std = surrogate.predict(cells)
    shape = len(stops[0]), len(stops[1])
    others = f" Everything else is as in trial {base.number}." if len(space) > 2 else ""
    expected, doubt = (np.where(there, z, math.nan).reshape(shape).T for z in (stored.effects.sign * mean, std))
    heat: Trace = {"colorscale": "Cividis", "reversescale": stored.history.direction == "minimize"}
    both = f"{pair[0]} and {pair[1]}"
    return [
        Figure(
            name,
            f"Expected {stored.metric}: {both}",
            f"Yellow is better.{others}",
            view(stored, pair, stops, expected, heat, finished),
            320,
        ),
        Figure(
            f"{name}-doubt",
            f"Uncertainty: {both}",
            "One standard deviation; dark is least known.",
            view(stored, pair, stops, doubt, {"colorscale": BLUES}, finished),
            320,
        ),
    ]


def places(space: SearchSpace, name: str) -> list[Value]:
    """Values along a hyperparameter, at most `STOPS`, evenly spread on its own scale."""
    if not space[name].ordered:
        return list(space[name].grid(STOPS)[:STOPS])
    return list(dict.fromkeys(space[name].decode([place]) for place in np.linspace(0, 1, STOPS)))


def moved(space: SearchSpace, point: NDArray[np.float64], to: Mapping[str, Value]) -> dict[str, Value]:
    """The configuration at a place with other values; what exists under them only is placed in its middle."""
    point = point.copy()
    for name, given in to.items():
        point[space.columns[name]] = space[name].encode([given])[0]
    return space.decode(point)


def view(
    stored: StoredStudy,
    pair: tuple[str, str],
    stops: Sequence[Sequence[Value]],
    z: NDArray[np.float64],
    colours: Trace,
    finished: Sequence[TrialRecord],
) -> Plot:
    """The plot of a matrix over the stops of a pair, with the trials over it."""
    low, high = np.nanquantile(z, [0.02, 0.98])
    x, y = ([shown(given) for given in along] for along in stops)
    heat: Trace = {
        **colours,
        "type": "heatmap",
        "x": x,
        "y": y,
        "z": [[float(cell) if math.isfinite(cell) else None for cell in row] for row in z],
        "zmin": float(low),
        "zmax": float(high) if high > low else float(low) + 1,
        "colorbar": {"thickness": 10, "outlinewidth": 0},
        "hovertemplate": "%{x}<br>%{y}<br>%{z:.4g}<extra></extra>",
    }
    axes: Layout = {
        "xaxis": {"title": {"text": pair[0]}, **scale(stored, pair[0], x)},
        "yaxis": {"title": {"text": pair[1]}, **scale(stored, pair[1], y)},
        "margin": {"r": 5},
        "showlegend": False,
    }
    return {"data": [heat, points(finished, pair)], "layout": axes}


def shown(given: Value) -> Value:
    """A place on an axis."""
    return given if is_number(given) else value(given)


def scale(stored: StoredStudy, name: str, along: Sequence[Value]) -> Axis:
    """The axis that a hyperparameter needs; of a number it ends where the view ends."""
    form = stored.space[name]
    if "choices" in form:
        return {"type": "category"}
    log = form.get("log") is True
    ends = [given for given in (along[0], along[-1]) if is_number(given)]
    low, high = map(math.log10, ends) if log else ends
    room = (high - low) / max(1, len(along) - 1) / 2
    ticks: Axis = {"dtick": 1} if log and high - low >= MIN_DECADES else {}
    return {"type": "log" if log else "linear", "range": [low - room, high + room], **ticks}


def points(finished: Sequence[TrialRecord], pair: tuple[str, str]) -> Trace:
    """The latest trials over a view."""
    own = [t for t in finished if set(pair) <= t.configuration.keys()][-MAX_POINTS:]
    return {
        "type": "scatter",
        "mode": "markers",
        "cliponaxis": False,
        "x": [shown(t.configuration[pair[0]]) for t in own],
        "y": [shown(t.configuration[pair[1]]) for t in own],
        "text": [f"trial {t.number} ({t.source}): {number(t.value)}" for t in own],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {
            "color": [style(t.source).colour for t in own],
            "symbol": [style(t.source).symbol for t in own],
            "size": 8,
            "line": {"width": 1, "color": "#ffffff"},
        },
    }
