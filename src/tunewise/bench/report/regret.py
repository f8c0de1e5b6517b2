"""Mean normalized regret after 1, 2, 3 ... evaluations: how a method does at every budget, at one glance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from tunewise.bench.report.document import Table
from tunewise.bench.report.tables import NONE, regret
from tunewise.bench.results import RANDOM, Results

__all__ = ["AFTER", "by_budget"]

AFTER: Final = (1, 2, 3, 5, 10, 20, 30)
"""Numbers of evaluations that get a column."""


def by_budget(results: Results, tasks: Sequence[str]) -> Table:
    """A line for each method, and for each budget where a method plans by it."""
    rows = []
    for label in results.labels:
        before: set[int] = set()
        for budget in sorted(results.budgets, reverse=True):
            own = [task for task in results.covered([label], budget) if task in tasks]
            runs = {id(run) for task in own for run in results.of(task, label, budget)}
            if not own or (runs and runs <= before) or (before and label == RANDOM):
                continue
            before |= runs or {0}
            curves = np.array([regret(results, task, label, budget) for task in own])
            calls = [sum(step.calls for step in run.steps) for task in own for run in results.of(task, label, budget)]
            cells = [f"{curves[:, k - 1].mean():.3f}" if k <= budget else NONE for k in AFTER]
            rows.append([label, str(budget), str(len(own)), *cells, f"{np.mean(calls):.1f}" if any(calls) else NONE])
    caption = (
        "Mean over tasks of (best so far - best known) / (one random point - best known): 0 is the best value known, 1 "
        "what one random point is expected to have. Read down a column: less is better. A method that plans by its "
        "budget has a line for each. Calls: to a model, mean per run."
    )
    return Table(["method", "budget", "tasks", *(f"@{k}" for k in AFTER), "calls"], rows, caption)
