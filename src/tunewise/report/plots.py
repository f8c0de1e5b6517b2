"""What plotly.js draws: the parts of a plot that our figures use, and how sources look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from tunewise.plain import Plain, PlainDict

__all__ = ["NEUTRAL", "STYLES", "Axis", "Figure", "Layout", "Plot", "Trace", "layout", "style"]

NEUTRAL = "#888888"


class Trace(TypedDict, total=False):
    """Marks of one kind; plotly's own names and forms."""

    type: str
    mode: str
    name: str
    x: Sequence[Plain]
    y: Sequence[Plain]
    z: Sequence[Plain]
    xaxis: str
    yaxis: str
    text: Sequence[str]
    textposition: str
    textfont: PlainDict
    hovertext: Sequence[str]
    hovertemplate: str
    hoverinfo: str
    orientation: str
    cliponaxis: bool
    showlegend: bool
    opacity: float
    line: PlainDict
    marker: PlainDict
    error_x: PlainDict
    colorscale: Plain
    reversescale: bool
    colorbar: PlainDict
    zmin: float
    zmax: float
    customdata: Plain


class Axis(TypedDict, total=False):
    """An axis; plotly's own names and forms."""

    type: str
    title: PlainDict
    range: Sequence[float]
    autorange: bool
    rangemode: str
    dtick: str | int
    tickformat: str
    exponentformat: str
    separatethousands: bool
    zeroline: bool
    showgrid: bool
    visible: bool
    fixedrange: bool
    automargin: bool
    overlaying: str
    side: str


class Layout(TypedDict, total=False):
    """What surrounds the marks."""

    xaxis: Axis
    yaxis: Axis
    yaxis2: Axis
    legend: PlainDict
    hovermode: str
    showlegend: bool
    margin: Mapping[str, int]


class Plot(TypedDict):
    """Traces, the first one lowest, and what surrounds them."""

    data: list[Trace]
    layout: Layout


@dataclass(frozen=True)
class Figure:
    """A figure, or why there is none.

    Attributes:
        name: Its id in the page.
        title: What it shows.
        caption: How to read it, in a sentence or two.
        plot: For plotly.js; None when there is nothing to show.
        height: In pixels.
    """

    name: str
    title: str
    caption: str
    plot: Plot | None = None
    height: int = 380


@dataclass(frozen=True, slots=True)
class Style:
    """How a source looks: never by colour alone."""

    colour: str
    symbol: str
    glyph: str


STYLES = {
    "default": Style("#009E73", "star", "\N{BLACK STAR}"),
    "model": Style("#0072B2", "circle", "\N{BLACK CIRCLE}"),
    "repair": Style("#E69F00", "diamond", "\N{BLACK DIAMOND}"),
    "random": Style("#D55E00", "x", "\N{HEAVY MULTIPLICATION X}"),
    "surrogate": Style("#56B4E9", "square", "\N{BLACK SQUARE}"),
    "enqueued": Style("#CC79A7", "triangle-up", "\N{BLACK UP-POINTING TRIANGLE}"),
}
"""The palette of Okabe and Ito, which colour-blind readers can tell apart."""
OTHER = Style("#999999", "hexagon", "\N{BLACK HEXAGON}")


def style(source: str) -> Style:
    """The style of a source; of one that nobody knows, too."""
    return STYLES.get(source, OTHER)


def layout(x: str, y: str) -> Layout:
    """What our figures have in common, with the titles of the axes."""
    return {
        "xaxis": {"title": {"text": x}, "zeroline": False},
        "yaxis": {"title": {"text": y}, "zeroline": False},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "hovermode": "closest",
    }
