"""Figures by matplotlib: regret, ranks and errors over evaluations; landscapes with trajectories."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from tunewise.bench.measures import ranks, spread
from tunewise.bench.problems.landscapes import LANDSCAPES, Landscape
from tunewise.bench.records import Run
from tunewise.bench.report.document import Picture
from tunewise.bench.report.tables import peers, regret
from tunewise.bench.results import RANDOM, Results
from tunewise.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

__all__ = ["error_of", "landscape", "mean_rank", "mean_regret", "test_of"]

COLOURS = {
    "random": "#8c8c8c",
    "tpe": "#0072B2",
    "tpe-4": "#56B4E9",
    "optuna-gp": "#009E73",
    "optuna-gp-4": "#7fcdbb",
    "cmaes": "#a6761d",
    "smac-rf": "#E69F00",
    "smac-gp": "#D55E00",
    "gp": "#6a3d9a",
    "chat": "#e377c2",
    "compressed": "#CC79A7",
    "llm-then-bo": "#b15928",
    "auto": "#e31a1c",
    "programs": "#111111",
}
"""By method, without what stands before and behind its name."""
PANELS = 6
"""Trajectories beside each other in the figure of a landscape."""
DOTS = 110
"""Pixels per inch."""

STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "tunewise",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}


class Look(TypedDict):
    """How a method's line is drawn, in matplotlib's words."""

    color: str
    linestyle: str
    linewidth: float
    label: str


@contextmanager
def drawing(width: float, height: float, columns: int = 1) -> Iterator[tuple[Figure, list[Axes]]]:
    """A figure in our looks, without any window.

    Raises:
        UsageError: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError:
        raise UsageError(
            "The figures need matplotlib, which is not installed. Run pip install 'tunewise[bench]'."
        ) from None
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")  # makes room for the longest name of the legend
        axes = figure.subplots(1, columns, squeeze=False)[0]
        yield figure, list(axes)


def picture(figure: Figure, name: str, caption: str, *, vector: bool = True) -> Picture:
    """A drawing as files."""
    svg, png = io.BytesIO(), io.BytesIO()
    if vector:
        figure.savefig(svg, format="svg", metadata={"Date": None})
    figure.savefig(png, format="png", dpi=DOTS, facecolor="white", metadata={"Software": None})
    return Picture(name, caption, svg.getvalue(), png.getvalue())


def looks(label: str) -> Look:
    """Colour and line of a method: dashed where its first point is no default, dotted with reasoning."""
    method, _, told = label.partition(" (")
    bare = method.removeprefix("default+").removesuffix("+reasoning")
    line = (
        ":"
        if "+reasoning" in method
        else "-"
        if method.startswith("default+") or bare in ("auto", "programs")
        else "--"
    )
    return {"color": COLOURS.get(bare, "#444444"), "linestyle": line, "linewidth": 2.2 if told else 1.6, "label": label}


def key_beside(axes: Axes, names: int) -> None:
    """The legend, outside the plot."""
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), ncols=1 + (names > 22), fontsize=8)


def evaluations(axes: Axes, budget: int) -> NDArray[np.int64]:
    """The axis of evaluations; returns their numbers."""
    axes.set_xlabel("evaluations")
    axes.set_xlim(1, max(budget, 2))
    return np.arange(1, budget + 1)


def mean_regret(results: Results, tasks: Sequence[str], budget: int, name: str) -> Picture:
    """Mean normalized regret of every method that ran on all tasks."""
    labels = peers(results, tasks, budget)
    with drawing(8.6, 4.8) as (figure, (axes,)):
        x = evaluations(axes, budget)
        for label in labels:
            curves = np.array([regret(results, task, label, budget) for task in tasks])
            axes.plot(x, curves.mean(axis=0), **looks(label))
        axes.set_yscale("log")
        axes.set_ylabel("mean normalized regret")
        key_beside(axes, len(labels))
        caption = f"Normalized regret, mean over {len(tasks)} tasks: 1 is one random point, 0 the best known value."
        return picture(figure, name, caption)


def mean_rank(results: Results, tasks: Sequence[str], budget: int, name: str) -> Picture:
    """Mean rank of the methods after each evaluation."""
    labels = peers(results, tasks, budget)
    table = np.array([[results.mean_curve(task, label, budget) for label in labels] for task in tasks])
    found = ranks(table.transpose(0, 2, 1)).mean(axis=0)  # evaluations x methods
    with drawing(8.6, 4.8) as (figure, (axes,)):
        x = evaluations(axes, budget)
        for label, line in zip(labels, found.T, strict=True):
            axes.plot(x, line, **looks(label))
        axes.set_ylabel("mean rank (1 is best)")
        axes.invert_yaxis()
        key_beside(axes, len(labels))
        return picture(figure, name, f"Mean rank over {len(tasks)} tasks, by the mean over seeds; ties share.")


def error_of(results: Results, task: str, budget: int, name: str) -> Picture:
    """Best value over evaluations on one task: mean over seeds, and the middle half of them as a band."""
    labels = [label for label in results.labels if label == RANDOM or results.of(task, label, budget)]
    best = top = results.best_known[task]
    with drawing(8.6, 4.2) as (figure, (axes,)):
        x = evaluations(axes, budget)
        for label in labels:
            curves, line = results.curves(task, label, budget), looks(label)
            mean = results.mean_curve(task, label, budget)
            top = max(top, float(mean[min(1, budget - 1)]))
            axes.plot(x, mean, **line)
            if len(curves) > 1:
                low, high = np.quantile(curves, [0.25, 0.75], axis=0)
                axes.fill_between(x, low, high, color=line["color"], alpha=0.10, linewidth=0)
        axes.set_ylim(top=best + 1.1 * (top - best) if top > best else None)
        axes.axhline(best, color="#444444", linewidth=0.8, linestyle=(0, (1, 3)))
        if task in LANDSCAPES:
            axes.set_yscale("symlog", linthresh=1.0)
        axes.set_ylabel(
            "best value so far" if task in LANDSCAPES else f"validation {results.measure(task)}, best so far"
        )
        key_beside(axes, len(labels))
        caption = (
            f"{task}: mean over seeds, bands are the middle half of the seeds, the dotted line is the best known value."
        )
        return picture(figure, name, caption)


def test_of(results: Results, task: str, budget: int, name: str) -> Picture:
    """Test value of the best so far on one task: mean over seeds, before the middle 80 % of random searches."""
    searches = [results.random_search(task, size) for size in range(1, budget + 1)]
    band = [spread(search.tests, search.chances) for search in searches]
    low, high = (np.array([getattr(one, end) for one in band]) for end in ("low", "high"))
    found = {label: results.test_curves(task, label, budget) for label in results.labels if label != RANDOM}
    means = {label: curves.mean(axis=0) for label, curves in found.items() if len(curves)}
    lines = {RANDOM: np.array([one.value for one in band]), **means}
    with drawing(8.6, 4.2) as (figure, (axes,)):
        x = evaluations(axes, budget)
        axes.fill_between(x, low, high, color=looks(RANDOM)["color"], alpha=0.2, linewidth=0)
        for left, (label, line) in zip(range(len(lines), 0, -1), lines.items(), strict=True):
            size = 3 + 5 * left / len(lines)  # equal lines stay visible
            axes.plot(x, line, marker="" if label == RANDOM else "o", markersize=size, **looks(label))
        bottom = min(float(line.min()) for line in (low, *lines.values()))
        top = max(float(line[min(1, budget - 1)]) for line in lines.values())
        axes.set_ylim(top=bottom + 1.1 * (top - bottom) if top > bottom else None)
        measure = results.measure(task)
        axes.set_ylabel(f"test {measure} of the best so far")
        key_beside(axes, len(lines))
        caption = (
            f"{task}: test {measure} of the evaluation with the least validation {measure} so far, mean over seeds; "
            "the band is the middle 80 % of random searches."
        )
        return picture(figure, name, caption)


def landscape(results: Results, task: str, budget: int, name: str) -> Picture:
    """Contours of a landscape with where each method went, and its optima."""
    scape = LANDSCAPES[task]
    labels = [label for label in results.labels if label != RANDOM and results.of(task, label, budget)]
    asking = [label for label in labels if results.of(task, label, budget)[0].key.model]
    rest = [label for label in ("default+gp", "gp", "tpe", "smac-gp", "smac-rf", "cmaes") if label in labels]
    chosen = [*asking, *rest, *(label for label in labels if label not in [*asking, *rest])][:PANELS]
    columns = max(1, len(chosen))
    with drawing(3.1 * columns, 3.3, columns) as (figure, panels):
        for axes, label in zip(panels, chosen, strict=False):
            contours(axes, scape)
            trajectory(axes, results.of(task, label, budget)[0], budget)
            axes.set_title(label, fontsize=9)
        caption = (
            f"{task}: contours of the logarithm of the distance to the least value, dark is good; stars are the "
            "optima, the line is one seed's way, numbers count its evaluations, the ring is its best."
        )
        return picture(figure, name, caption, vector=False)


def contours(axes: Axes, scape: Landscape) -> None:
    """The function, and its optima."""
    (left, right), (bottom, top) = scape.box
    xs, ys = np.linspace(left, right, 90), np.linspace(bottom, top, 90)
    values = np.array([[scape.function(float(x), float(y)) for x in xs] for y in ys])
    axes.contourf(xs, ys, np.log10(values - scape.best + 1e-2), levels=18, cmap="viridis")
    axes.plot(*zip(*scape.optima, strict=True), "*", color="#ff3030", markersize=12, markeredgecolor="white", zorder=4)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    axes.grid(visible=False)
    axes.set_xlabel("x1")
    axes.set_ylabel("x2")


def trajectory(axes: Axes, run: Run, budget: int) -> None:
    """Where a run went."""
    steps = [step for step in run.steps[:budget] if step.value is not None]
    points = np.array([[float(str(step.configuration[name])) for name in ("x1", "x2")] for step in steps])
    axes.plot(points[:, 0], points[:, 1], "-", color="white", linewidth=0.8, alpha=0.8)
    axes.plot(
        points[:, 0], points[:, 1], "o", color="white", markersize=4, markeredgecolor="black", markeredgewidth=0.5
    )
    for number, (x, y) in enumerate(points[:10], start=1):
        axes.annotate(str(number), (x, y), xytext=(3, 3), textcoords="offset points", fontsize=6, color="white")
    best = int(np.argmin([step.value for step in steps if step.value is not None]))
    axes.plot(*points[best], "o", markersize=11, markerfacecolor="none", markeredgecolor="#ffd000", markeredgewidth=1.8)
