"""The comparison of code generation [Zhang]: losses beside random search's, and the programs that were written."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from tunewise.bench.measures import spread
from tunewise.bench.records import Run
from tunewise.bench.report import figures
from tunewise.bench.report.document import Block, Table, Text
from tunewise.bench.report.tables import NONE, share
from tunewise.bench.results import RANDOM, Results
from tunewise.codegen.tree import Tree
from tunewise.history import History, TrialRecord

__all__ = ["generation"]


def generation(results: Results, task: str, name: str, clean: Callable[[object], str]) -> Iterator[Block]:
    """Table and figure of one task, each evaluation of the first seed, and the trees of programs.

    Args:
        results: The runs.
        task: Whose values are losses.
        name: Of the figure's file.
        clean: The gate for a model's words.
    """
    budget = results.last([task])
    yield beside_random(results, task)
    yield figures.test_of(results, task, budget, name)
    yield course(results, task, budget)
    for label in results.labels:
        for run in results.of(task, label, budget):
            if any(step.programs for step in run.steps):
                yield Text(
                    f"What {label} wrote, seed {run.key.seed}, {budget} evaluations; children below their parents:"
                )
                yield Text("\n".join(clean(line) for line in tree_of(run).lines()), code=True)


def beside_random(results: Results, task: str) -> Table:
    """Losses at each budget, and the share of random searches with a larger test loss."""
    rows = []
    for budget in results.budgets:
        search = results.random_search(task, budget)
        losses = (spread(part, search.chances) for part in (search.values, search.tests))
        rows.append(
            [RANDOM, str(budget), "pool", *(f"{x.value:.4f} ({x.low:.4f} to {x.high:.4f})" for x in losses), NONE]
        )
        for label in results.labels:
            tests = results.test_curves(task, label, budget)[:, -1]
            if label == RANDOM or not len(tests):
                continue
            values = results.bests(task, label, budget)
            beaten = float(np.mean([search.beaten(test) for test in tests]))
            rows.append([label, str(budget), str(len(tests)), told(values), told(tests), share(beaten)])
    pool = results.pool_steps(task)
    failed = sum(step.value is None for step in pool)
    caption = (
        f"{RANDOM}: {len(pool)} configurations, {failed} of them failed; mean and middle 80 % of the random searches "
        "that can be drawn from them, computed exactly. Others: mean over seeds, ± standard deviation. The test loss "
        "is that of the evaluation with the least validation loss so far; no method sees it."
    )
    heads = ["method", "evaluations", "seeds", "validation loss", "test loss", "random searches that it beats (test)"]
    return Table(heads, rows, caption)


def told(losses: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> str:
    """Of each seed one."""
    return f"{losses.mean():.4f}" + (f" ± {losses.std():.4f}" if len(losses) > 1 else "")


def course(results: Results, task: str, budget: int) -> Table:
    """Each evaluation of the first seed."""
    rows = []
    for label in results.labels:
        for run in results.of(task, label, budget)[:1] if label != RANDOM else ():
            values = [step.value for step in run.steps[:budget]]
            rows.append([label, ", ".join("failed" if value is None else f"{value:.4f}" for value in values)])
    return Table(["method", "validation losses"], rows, f"Each of {budget} evaluations in order, first seed.")


def tree_of(run: Run) -> Tree:
    """The programs of a run with its evaluations.

    Raises:
        StudyError: The record of a program is damaged.
    """
    trials = (
        TrialRecord(
            number=number,
            state="failed" if step.value is None else "finished",
            configuration=dict(step.configuration),
            value=step.value,
            error=step.error,
        )
        for number, step in enumerate(run.steps)
    )
    return Tree.from_records((p for step in run.steps for p in step.programs), History(tuple(trials)))
