"""Figures of several objectives: the front, and how each of them went."""

from __future__ import annotations

from dataclasses import replace

from tunewise.history import History
from tunewise.plain import PlainDict
from tunewise.report.figures import MAX_POINTS, MAX_TOLD, hover, progress
from tunewise.report.plots import NEUTRAL, Figure, Trace, layout, style
from tunewise.report.scale import scale_of
from tunewise.study.effects import best_and_latest
from tunewise.study.stored import StoredStudy
from tunewise.study.validated import About, StoredTask

__all__ = ["each_objective", "front"]


def front(stored: StoredStudy) -> Figure | None:
    """The trials by two objectives, of a study that has several."""
    known = stored.front
    if known is None:
        return None
    title = "The front"
    if not known.best:
        return Figure("front", title, "No trial has finished with a value for each objective.")
    trials = [t for t in best_and_latest(stored.history, MAX_POINTS) if t.number in known.values]
    trials += [stored.history[n] for n in known.best if n not in {t.number for t in trials}]
    scales = [
        scale_of([values[k] for values in known.values.values()], minimize=one.direction == "minimize")
        for k, one in enumerate(known.objectives[:2])
    ]
    data: list[Trace] = []
    for name, chosen in (("on the front", True), ("beaten", False)):
        own = sorted((t for t in trials if (t.number in known.best) == chosen), key=lambda t: known.values[t.number])
        look: PlainDict = {
            "color": [style(t.source).colour for t in own],
            "symbol": [style(t.source).symbol for t in own],
        }
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers" if chosen and len(known.objectives) == 2 else "markers",
                "name": name,
                "x": [scales[0].place(known.values[t.number][0]) for t in own],
                "y": [scales[1].place(known.values[t.number][1]) for t in own],
                "text": [hover(t, short=len(trials) > MAX_TOLD) for t in own],
                "hovertemplate": "%{text}<extra></extra>",
                "line": {"color": NEUTRAL, "width": 1, "shape": "hv"},
                "marker": {**look, "size": 11 if chosen else 8, "opacity": 1 if chosen else 0.5},
            }
        )
    first, second = (f"{one.name} ({one.direction})" for one in known.objectives[:2])
    caption = "No other trial is at least as good as one of the front in every objective and better in one."
    if len(known.objectives) > 2:
        caption += f" Of {len(known.objectives)} objectives the first two are drawn."
    axes = layout(first, second)
    for axis, scale in zip((axes["xaxis"], axes["yaxis"]), scales, strict=True):
        axis.update(scale.axis())
    rim = sum(any(s.is_beyond(v) for s, v in zip(scales, known.values[t.number], strict=False)) for t in trials)
    caption += f" At the rim: {rim} that an axis does not reach." if rim else ""
    return Figure("front", title, caption, {"data": [d for d in data if d["x"]], "layout": axes}, 420)


def each_objective(stored: StoredStudy) -> list[Figure]:
    """The best value so far of each objective but the first, which has its own figure."""
    return [
        replace(progress(of_objective(stored, k)), name=f"progress-{k}", title=f"Best {one.name} so far")
        for k, one in enumerate(stored.objectives)
        if k
    ]


def of_objective(stored: StoredStudy, k: int) -> StoredStudy:
    """The study as if it had this objective alone."""
    trials = (replace(t, value=t.values[k] if k < len(t.values) else None) for t in stored.history)
    kept = tuple(replace(t, state="failed") if t.state == "finished" and t.value is None else t for t in trials)
    one = stored.objectives[k]
    return replace(
        stored, objectives=(one,), about=About(task=StoredTask(metric=one.name)), history=History(kept, one.direction)
    )
