"""Optuna's own figures of the space, in the page's colours: parallel coordinates, slices, importances, contour."""

from __future__ import annotations

import base64
import copy
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import ModuleType
from typing import cast

import numpy as np
import optuna

from tunewise.errors import UsageError
from tunewise.history import TrialRecord
from tunewise.plain import PlainDict
from tunewise.report.figures import metric_scale
from tunewise.report.plots import Figure, Layout, Plot, Trace, style
from tunewise.report.scale import Scale
from tunewise.study.stored import StoredStudy

__all__ = ["contour", "effects", "parallel", "slices"]

MAX_LINES = 200
"""Trials in the parallel coordinates: more are a carpet."""
MAX_POINTS = 500
"""Trials in a slice."""
MAX_SLICES = 12
"""Hyperparameters that get a slice, the most important ones."""
MAX_AXES = 10
"""Axes of the parallel coordinates that people can still read."""
MAX_CELLS = 80
"""Trials behind a contour, whose grid grows with the square of their number."""


def visualization() -> ModuleType:
    """Optuna's figures.

    Raises:
        UsageError: plotly is not installed.
    """
    try:
        import plotly  # noqa: F401 - Optuna itself would say so only when it draws
    except ImportError:
        raise UsageError(
            "The report page needs plotly, which is not installed. Run pip install 'tunewise[report]', or choose "
            "--format md or --format json."
        ) from None
    import optuna.visualization

    return optuna.visualization


def guarded(figure: Callable[[], Figure], name: str, title: str) -> Figure:
    """A figure, or why it cannot be drawn: hyperparameters of other people change their type within a study."""
    return guarded_list(lambda: [figure()], name, title)[0]


def guarded_list(figures: Callable[[], list[Figure]], name: str, title: str) -> list[Figure]:
    """Figures, or why they cannot be drawn."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return figures()
    except (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        if isinstance(error, UsageError):
            raise
        return [Figure(name, title, f"It cannot be drawn for this study: {error}")]


def plain(figure: str) -> Plot:
    """A plotly figure in JSON as plain data, without the looks that the page gives it."""
    drawn = json.loads(figure)
    kept = {key: part for key, part in drawn["layout"].items() if key not in ("template", "title", "plot_bgcolor")}
    return cast("Plot", unpacked({"data": drawn["data"], "layout": kept}))


def unpacked(data: object) -> object:
    """Plain data with lists in place of packed arrays."""
    match data:
        case {"dtype": str(kind), "bdata": str(packed), **more}:
            array = np.frombuffer(base64.b64decode(packed), dtype=np.dtype(kind))
            shape = [int(side) for side in str(more.get("shape", array.size)).split(",")]
            return array.reshape(shape).tolist()
        case dict():
            return {key: unpacked(value) for key, value in data.items()}
        case list():
            return [unpacked(value) for value in data]
    return data


def part_of(stored: StoredStudy, trials: Sequence[TrialRecord]) -> optuna.Study:
    """An Optuna study of some of its trials, which get new numbers, and of its first objective."""
    storage = optuna.storages.InMemoryStorage()
    maximize = stored.history.direction == "maximize"
    direction = optuna.study.StudyDirection.MAXIMIZE if maximize else optuna.study.StudyDirection.MINIMIZE
    copied = storage.create_new_study([direction], stored.name)
    known = {trial.number: trial for trial in stored.frozen}
    for trial in trials:
        bare = copy.copy(known[trial.number])
        bare.values = None if trial.value is None else [trial.value]
        bare.user_attrs, bare.system_attrs = {}, {}  # Optuna would draw what violates a constraint apart from the rest
        storage.create_new_trial(copied, template_trial=bare)
    return optuna.load_study(study_name=stored.name, storage=storage)


def best_first(stored: StoredStudy, most: int) -> list[TrialRecord]:
    """At most so many finished trials, the best ones, in the order of their numbers."""
    return sorted(stored.history.ranked[:most], key=lambda trial: trial.number)


def effects(shares: Mapping[str, float]) -> Figure:
    """Which hyperparameters decide."""
    title = "What matters"
    if not shares:
        return Figure("effects", title, "The trials do not tell which hyperparameter matters.")
    shown = list(shares.items())[:20][::-1]
    caption = (
        "Share of each hyperparameter in what the surrogate expects to change. A rough guess while trials are few."
    )
    bar: Trace = {
        "type": "bar",
        "orientation": "h",
        "x": [share for _, share in shown],
        "y": [name for name, _ in shown],
        "text": [f"{share:.2f}" for _, share in shown],
        "textposition": "auto",
        "marker": {"color": "#0072B2"},
        "hoverinfo": "skip",
    }
    axes: Layout = {"xaxis": {"title": {"text": "share"}}, "yaxis": {"automargin": True, "type": "category"}}
    return Figure("effects", title, caption, {"data": [bar], "layout": axes}, 120 + 32 * len(shown))


def parallel(stored: StoredStudy, order: Sequence[str]) -> Figure:
    """Every configuration as a line through its values."""
    title = "Parallel coordinates"
    trials = best_first(stored, MAX_LINES)
    tried = [name for name in order if any(name in t.configuration for t in trials)]
    names = tried[:MAX_AXES]
    if len(trials) < 2 or not names:
        return Figure("parallel", title, "Two finished trials are needed.")
    part, best = part_of(stored, trials), stored.history.best
    plot = plain(visualization().plot_parallel_coordinate(part, params=names, target_name=stored.metric).to_json())
    # Optuna sorts the lines; the same figure of the trials' numbers says which line is whose
    numbered = plain(
        visualization().plot_parallel_coordinate(part, params=names, target=lambda trial: trial.number).to_json()
    )
    places = [cast("float", trace["y"][0]) for trace in lines_of(numbered)]  # in [0, 1], of the first axis
    owners = [trials[round(place * (len(trials) - 1))] for place in places]
    lines = list(zip(lines_of(plot), owners, strict=True))
    for trace, trial in lines:
        trace["line"] = {"color": style(trial.source).colour, "width": 5 if trial is best else 1.5}
        trace["opacity"] = 1 if trial is best else 0.7
        trace["name"] = f"trial {trial.number}"
    plot["data"] = [trace for trace, _ in sorted(lines, key=lambda line: line[1] is best)]
    plot["layout"]["margin"] = {"r": 50}  # the name of the last axis stands askew on a phone
    of_many = f" The best {MAX_LINES} trials are shown." if len(stored.history.finished) > MAX_LINES else ""
    caption = f"Each line is a trial, coloured by who proposed it; the thick one is the best.{of_many}"
    caption += f" {len(tried) - MAX_AXES} less important hyperparameters are left out." if len(tried) > MAX_AXES else ""
    return Figure("parallel", title, caption, plot, 440)


def lines_of(plot: Plot) -> list[Trace]:
    """The trials in parallel coordinates; the rest are keys."""
    return [trace for trace in plot["data"] if "customdata" in trace]


def slices(stored: StoredStudy, order: Sequence[str]) -> list[Figure]:
    """The value against each hyperparameter."""
    trials = best_first(stored, MAX_POINTS)
    part, scale = part_of(stored, trials), metric_scale(stored)
    of_many = f"The best {MAX_POINTS} trials." if len(stored.history.finished) > MAX_POINTS else ""

    def one(index: int, name: str) -> Figure:
        plot = plain(visualization().plot_slice(part, params=[name], target_name=stored.metric).to_json())
        plot["data"] = [points for trace in plot["data"] for points in by_source(trace, trials, scale)]
        plot["layout"]["yaxis"] |= scale.axis()
        return Figure(f"slice-{index}", name, of_many, plot, 300)

    tried = [name for name in order if any(name in trial.configuration for trial in trials)]
    return [guarded(partial(one, k, name), f"slice-{k}", name) for k, name in enumerate(tried[:MAX_SLICES])]


def by_source(trace: Trace, trials: Sequence[TrialRecord], scale: Scale) -> list[Trace]:
    """A trace for each source, in its style; Optuna's own colours are the places of the trials."""
    values, numbers = cast("Sequence[float]", trace["y"]), cast("Sequence[int]", trace["marker"]["color"])
    points = list(zip(trace["x"], values, (trials[n].source for n in numbers), strict=True))
    parts: list[Trace] = []
    for source in dict.fromkeys(source for _, _, source in points):
        own = [(x, y) for x, y, known in points if known == source]
        symbols = scale.symbols([y for _, y in own], style(source).symbol)
        look: PlainDict = {"color": style(source).colour, "symbol": symbols, "size": 9}
        places: Trace = {"x": [x for x, _ in own], "y": [scale.place(y) for _, y in own]}
        outlined: Trace = {
            "name": source,
            "showlegend": False,
            "marker": look | {"line": {"width": 1, "color": "#ffffff"}},
        }
        parts.append(trace | places | outlined)
    return parts


def contour(stored: StoredStudy, pair: tuple[str, str]) -> Figure:
    """The landscape between the trials of a space of two numbers, and the way through it."""
    title = "Contour and trajectory"
    trials = [t for t in best_first(stored, MAX_CELLS) if set(pair) <= t.configuration.keys()]
    across = [len({t.configuration[name] for t in trials}) for name in pair]
    if min(across, default=0) < 2:
        return Figure("contour", title, "Two finished trials that differ in both hyperparameters are needed.")
    drawn = visualization().plot_contour(part_of(stored, trials), params=list(pair), target_name=stored.metric)
    plot = plain(drawn.to_json())
    x, y = (str(axis["title"]["text"]) for axis in (drawn.layout.xaxis, drawn.layout.yaxis))
    plot["data"] = [trace | {"colorscale": "Cividis"} for trace in plot["data"] if trace["type"] == "contour"]
    plot["data"].append(
        {
            "type": "scatter",
            "mode": "lines+markers+text",
            "x": [t.configuration[x] for t in trials],
            "y": [t.configuration[y] for t in trials],
            "text": [str(t.number) for t in trials] if len(trials) <= 30 else [],
            "textposition": "top center",
            "textfont": {"color": "#ffffff"},
            "hovertext": [f"trial {t.number}: {t.value:.6g}" for t in trials],
            "hoverinfo": "text",
            "showlegend": False,
            "line": {"color": "rgba(255,255,255,0.6)", "width": 1},
            "marker": {
                "color": [style(t.source).colour for t in trials],
                "symbol": [style(t.source).symbol for t in trials],
                "size": 10,
                "line": {"width": 1.5, "color": "#ffffff"},
            },
        }
    )
    best = f"the best {MAX_CELLS} trials" if len(stored.history.finished) > MAX_CELLS else "the finished trials"
    caption = f"Interpolated between {best}, not measured; yellow is better. The line follows their order."
    return Figure("contour", title, caption, plot, 460)
