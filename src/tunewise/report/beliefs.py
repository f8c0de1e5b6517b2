"""What the surrogate believes about pairs of hyperparameters: expected values, and how little is known where."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations, product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tunewise.errors import SpaceError
from tunewise.history import TrialRecord
from tunewise.report.figures import Figure, style
from tunewise.report.records import Record, best_and_latest
from tunewise.report.texts import number, value
from tunewise.space import SearchSpace, Value
from tunewise.space.values import contains

if TYPE_CHECKING:
    from tunewise.surrogate import Surrogate

__all__ = ["surrogate_views"]

MAX_NAMES = 3
"""The most important hyperparameters, each pair of which is looked at."""
STOPS = 24
"""Places along a hyperparameter."""
MAX_TRIALS = 300
"""Trials behind the surrogate, the best and the latest: its fit takes the cube of their number."""
MAX_POINTS = 100
"""Trials that are drawn over a view."""
LEAST = 3
"""Finished trials below which the surrogate knows too little to be looked at."""
MIN_DECADES = 1.8
"""On a logarithmic axis of so many, powers of ten are marks enough."""
BLUES = [[0, "#eef5fb"], [0.5, "#6baed6"], [1, "#08306b"]]
"""Light where much is known, dark where little is."""
NAME = "surrogate"
TITLE = "The surrogate's view"


def surrogate_views(record: Record, order: Sequence[str]) -> list[Figure]:
    """Expected value and uncertainty for each pair of the first few hyperparameters; or one figure that says why not.

    Args:
        record: The study.
        order: Hyperparameters, the most important first.
    """
    try:
        space = SearchSpace.from_dict(record.space)
    except SpaceError as error:
        return [Figure(NAME, TITLE, f"There is none, for the space cannot be read. {error}")]
    trials = [t for t in best_and_latest(record.history, MAX_TRIALS) if fits(space, t)]
    finished = [t for t in trials if t.state == "finished"]
    tried = [name for name in order if len({str(t.configuration.get(name)) for t in finished}) > 1]
    pairs = list(combinations([name for name in tried if name in space][:MAX_NAMES], 2))
    if len(finished) < LEAST or not pairs:
        return [Figure(NAME, TITLE, f"{LEAST} finished trials that differ in two hyperparameters are needed.")]
    surrogate = fitted(record, space, finished, [t for t in trials if t.state == "failed"])
    views = []
    for index, pair in enumerate(pairs):
        base = next((t for t in record.history.ranked if t in finished and set(pair) <= t.configuration.keys()), None)
        if base is not None:
            views += look(record, surrogate, pair, base, finished, f"{NAME}-{index}")
    return views or [Figure(NAME, TITLE, "No finished trial has two of the important hyperparameters.")]


def fits(space: SearchSpace, trial: TrialRecord) -> bool:
    """Whether a trial has a place in the space: hyperparameters of other people change their type within a study."""
    known = {name: given for name, given in trial.configuration.items() if name in space}
    return bool(known) and all(
        contains(space[name].choices, given) if space[name].choices else is_number(given)
        for name, given in known.items()
    )


def is_number(given: object) -> bool:
    """Whether it is a finite number."""
    return isinstance(given, int | float) and not isinstance(given, bool) and math.isfinite(given)


def fitted(
    record: Record, space: SearchSpace, finished: Sequence[TrialRecord], failed: Sequence[TrialRecord]
) -> Surrogate:
    """The surrogate of these trials; it minimizes."""
    from tunewise.surrogate import fit_surrogate

    return fit_surrogate(
        space,
        [t.configuration for t in finished],
        [sign(record) * t.value for t in finished if t.value is not None],
        failed=[t.configuration for t in failed],
        rng=np.random.default_rng(0),
    )


def sign(record: Record) -> float:
    """Turns the metric into something to minimize."""
    return 1.0 if record.history.direction == "minimize" else -1.0


def look(
    record: Record,
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
    expected, doubt = (np.where(there, z, math.nan).reshape(shape).T for z in (sign(record) * mean, std))
    places_of = {axis: [shown(given) for given in along] for axis, along in zip("xy", stops, strict=True)}
    yellow = {"colorscale": "Cividis", "reversescale": record.history.direction == "minimize"}
    both = f"{pair[0]} and {pair[1]}"
    return [
        Figure(
            name,
            f"Expected {record.summary.metric}: {both}",
            f"Yellow is better.{others}",
            view(record, pair, {**places_of, **yellow, "z": expected}, finished),
            320,
        ),
        Figure(
            f"{name}-doubt",
            f"Uncertainty: {both}",
            "One standard deviation; dark is least known.",
            view(record, pair, {**places_of, "colorscale": BLUES, "z": doubt}, finished),
            320,
        ),
    ]


def places(space: SearchSpace, name: str) -> list[Value]:
    """Values along a hyperparameter, at most `STOPS`, evenly spread on its own scale."""
    if space[name].choices:
        return list(space[name].choices[:STOPS])
    return list(dict.fromkeys(space[name].decode([place]) for place in np.linspace(0, 1, STOPS)))


def moved(space: SearchSpace, point: NDArray[np.float64], to: Mapping[str, Value]) -> dict[str, Value]:
    """The configuration at a place with other values; what exists under them only is placed in its middle."""
    point = point.copy()
    for name, given in to.items():
        point[space.columns[name]] = space[name].encode([given])[0]
    return space.decode(point)


def view(
    record: Record, pair: tuple[str, str], heat: dict[str, Any], finished: Sequence[TrialRecord]
) -> dict[str, Any]:
    """The plot of a matrix over a pair, with the trials over it."""
    z = heat["z"]
    low, high = np.nanquantile(z, [0.02, 0.98])
    heat = {
        "type": "heatmap",
        **heat,
        "z": [[float(cell) if math.isfinite(cell) else None for cell in row] for row in z],
        "zmin": float(low),
        "zmax": float(high) if high > low else float(low) + 1,
        "colorbar": {"thickness": 10, "outlinewidth": 0},
        "hovertemplate": "%{x}<br>%{y}<br>%{z:.4g}<extra></extra>",
    }
    axes = {
        f"{axis}axis": {"title": {"text": one}, **scale(record, one, heat[axis])}
        for axis, one in zip("xy", pair, strict=True)
    }
    return {"data": [heat, points(finished, pair)], "layout": {**axes, "margin": {"r": 5}, "showlegend": False}}


def shown(given: Value) -> Any:
    """A place on an axis."""
    return given if is_number(given) else value(given)


def scale(record: Record, name: str, along: Sequence[Any]) -> dict[str, Any]:
    """The axis that a hyperparameter needs; of a number it ends where the view ends."""
    form = record.space[name]
    if "choices" in form:
        return {"type": "category"}
    log = form.get("log") is True
    low, high = (math.log10(end) if log else end for end in (along[0], along[-1]))
    room = (high - low) / max(1, len(along) - 1) / 2
    ticks = {"dtick": 1} if log and high - low >= MIN_DECADES else {}
    return {"type": "log" if log else "linear", "range": [low - room, high + room], **ticks}


def points(finished: Sequence[TrialRecord], pair: tuple[str, str]) -> dict[str, Any]:
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
