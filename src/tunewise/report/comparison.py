"""Studies beside each other: what each has reached after how many trials, with which configuration, at which cost."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tunewise.report.figures import best_steps
from tunewise.report.html import Template
from tunewise.report.markdown import Writer
from tunewise.report.measures import title_of
from tunewise.report.plots import Figure, Trace, layout
from tunewise.report.scale import scale_of
from tunewise.report.texts import Cleaner, number, value
from tunewise.study.stored import StoredStudy
from tunewise.text import money

__all__ = ["compare"]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DASHES = ("solid", "dash", "dot", "dashdot")
STOPS = (1, 2, 3, 5, 10, 20, 30, 50, 100)
"""Numbers of trials after which the best so far is told."""

Table = tuple[str, list[tuple[str, list[str]]]]


def compare(studies: Sequence[StoredStudy], *, form: str) -> str:
    """Two studies or more, as "html", "md" or "json"."""
    clean = Cleaner()
    names = distinct([title_of(one) for one in studies])
    title = " and ".join(names) if len(names) < 4 else f"{len(names)} studies"
    if form == "json":
        plain = {name: one.to_dict() for name, one in zip(names, studies, strict=True)}
        return json.dumps(clean.data(plain), indent=2, default=str, allow_nan=False)
    tables = [("What was reached", reached(studies)), ("Best configurations", configurations(studies))]
    if form == "md":
        return as_markdown(title, verdict(studies, names), names, tables, Writer(clean))
    figure = progress(studies, names)
    page = Template("compare.html.jinja", clean, [figure] if figure.plot else [])
    return page.render(title=title, verdict=verdict(studies, names), figure=figure, names=names, tables=tables)


def distinct(titles: Sequence[str]) -> list[str]:
    """The titles, with a letter behind those that occur more than once."""
    return [
        title if titles.count(title) == 1 else f"{title} ({chr(ord('A') + titles[:k].count(title))})"
        for k, title in enumerate(titles)
    ]


def measures_the_same(studies: Sequence[StoredStudy]) -> bool:
    """Whether their metrics have one name and one direction."""
    return len({(one.metric, one.history.direction) for one in studies}) == 1


def verdict(studies: Sequence[StoredStudy], names: Sequence[str]) -> str:
    """Which is ahead, and how much that says."""
    if not measures_the_same(studies):
        each = "; ".join(f"{n}: {one.metric}, {one.history.direction}d" for n, one in zip(names, studies, strict=True))
        return f"They measure different things ({each}), so their values cannot be compared."
    known = [(name, one) for name, one in zip(names, studies, strict=True) if one.best]
    if len(known) < 2:
        return "Fewer than two of them have a best value."
    sign = 1 if studies[0].history.direction == "minimize" else -1
    ordered = sorted(known, key=lambda pair: sign * (pair[1].best.value or 0.0) if pair[1].best else 0.0)
    (first, ahead), (second, next_) = ordered[:2]
    assert ahead.best
    assert next_.best
    if ahead.best.value == next_.best.value:
        return f"{first} and {second} have the same best {ahead.metric}, {number(ahead.best.value)}."
    hint = (
        "Single runs: a hint, no more."
        if {len(one.history) for _, one in known} == {len(ahead.history)}
        else ("Single runs with different numbers of trials: compare them in the table at the same number.")
    )
    return (
        f"{first} has the best {ahead.metric}, {number(ahead.best.value)}, against {number(next_.best.value)} of "
        f"{second}. {hint}"
    )


def progress(studies: Sequence[StoredStudy], names: Sequence[str]) -> Figure:
    """The best value so far of each study."""
    title = "Best value so far"
    if not measures_the_same(studies):
        return Figure("progress", title, "There is no common axis.")
    known = [best_steps(one.history) for one in studies]
    values = [y for _, ys in known for y in ys]
    if not values:
        return Figure("progress", title, "No trial has finished yet.")
    scale = scale_of(values, minimize=studies[0].history.direction == "minimize")
    lines: list[Trace] = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "x": xs,
            "y": [scale.place(y) for y in ys],
            "line": {"shape": "hv", "width": 2.5, "color": COLOURS[k % len(COLOURS)], "dash": DASHES[k % len(DASHES)]},
            "hoverinfo": "x+y+name",
        }
        for k, ((xs, ys), name) in enumerate(zip(known, names, strict=True))
        if xs
    ]
    axes = layout("trial", studies[0].metric)
    axes["yaxis"] |= scale.axis()
    caption = f"{studies[0].metric}, {studies[0].history.direction}d." + scale.in_words(0)
    return Figure("progress", title, caption, {"data": lines, "layout": axes}, 420)


def reached(studies: Sequence[StoredStudy]) -> list[tuple[str, list[str]]]:
    """A row for each fact, a cell for each study."""
    rows = [
        ("metric", [f"{one.metric} ({one.history.direction})" for one in studies]),
        ("best", [number(one.best.value) if one.best else "none yet" for one in studies]),
        ("in trial", [f"{one.best.number} ({one.best.source})" if one.best else "" for one in studies]),
        ("default", [number(one.default.value) if one.default else "" for one in studies]),
        ("trials", [f"{len(one.history)}, {len(one.history.failed)} failed" for one in studies]),
        ("proposed by", [", ".join(f"{s} {n}" for s, n in one.sources.most_common()) for one in studies]),
        ("calls to a model", [f"{one.totals.calls}, {money(one.totals)}" for one in studies]),
    ]
    longest = max(len(one.history) for one in studies)
    rows += [(f"best after {stop}", [best_after(one, stop) for one in studies]) for stop in STOPS if stop <= longest]
    return rows


def best_after(stored: StoredStudy, count: int) -> str:
    """The best value of the first trials; nothing where the study has fewer."""
    if len(stored.history) < count:
        return ""
    first = [t.value for t in stored.history.ranked if t.number < count]
    return number(first[0]) if first else ""


def configurations(studies: Sequence[StoredStudy]) -> list[tuple[str, list[str]]]:
    """The best configurations, a row for each hyperparameter."""
    names = list(dict.fromkeys(name for one in studies for name in one.names))
    best = [one.best.configuration if one.best else {} for one in studies]
    return [(name, [value(each[name]) if name in each else "" for each in best]) for name in names]


def as_markdown(title: str, said: str, names: Sequence[str], tables: Sequence[Table], write: Writer) -> str:
    """The comparison as Markdown."""
    lines = [f"# {write.inline(title)}", "", write.inline(said, 2_000)]
    for heading, rows in tables:
        lines += ["", f"## {heading}", "", *write.table(["", *names], [[name, *cells] for name, cells in rows])]
    return "\n".join([*lines, ""])
