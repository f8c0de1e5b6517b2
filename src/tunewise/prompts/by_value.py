"""What each value of a hyperparameter gave, where there are few values: best, median, and what is untried."""

from __future__ import annotations

from collections import defaultdict
from statistics import median
from typing import Final

from tunewise.history import History
from tunewise.prompts.findings import valued
from tunewise.prompts.table import cell
from tunewise.space import SearchSpace, Value
from tunewise.space.values import exactly
from tunewise.text import clip

__all__ = ["say_by_value"]

ENOUGH: Final = 8
"""From so many results on: fewer are seen at a glance."""
UNTRIED: Final = 15
"""From so many on untried values are named: before, a capable reader's trials with such a value gained less than
others, from then on as much (`benchmarks/steps.py --values`)."""
MOST_VALUES: Final = 10
"""A hyperparameter with more values is no list to read."""
MAX_SAID: Final = 6
"""So many hyperparameters get a line."""


def say_by_value(history: History, space: SearchSpace) -> list[str]:
    """A heading, and a line for each hyperparameter of few values, two of them tried; empty while little is known."""
    results = [t for t in valued(history) if t.feasible]
    if len(results) < ENOUGH or history.scalarization:
        return []
    best = min if history.direction == "minimize" else max
    lines = []
    for name, hyperparameter in space.items():
        grid = list(hyperparameter.grid(MOST_VALUES))
        known: dict[str, list[float]] = defaultdict(list)
        for trial in results:
            if name in trial.configuration:
                known[exactly(trial.configuration[name])].append(trial.value or 0.0)
        tried = [value for value in grid if exactly(value) in known]
        if len(tried) < 2 or len(grid) > MOST_VALUES:
            continue
        told = [say_results(value, known[exactly(value)], best(known[exactly(value)])) for value in tried]
        untried = [cell(value) for value in grid if exactly(value) not in known]
        rest = f"; untried {', '.join(untried)}" if untried and len(results) >= UNTRIED else ""
        lines.append(f"{clip(name, 60)}: {', '.join(told)}{rest}")
    return ["By value, best result/median (number of trials):", *lines[:MAX_SAID]] if lines else []


def say_results(value: Value, results: list[float], best: float) -> str:
    """The best of them, and what is usual where there are several."""
    usual = f"/{median(results):.4g} ({len(results)})" if len(results) > 1 else ""
    return f"{cell(value)} {best:.4g}{usual}"
