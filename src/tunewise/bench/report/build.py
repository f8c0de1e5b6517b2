"""From runs to a report: which parts there are, and what stands in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from tunewise.bench.problems.landscapes import LANDSCAPES
from tunewise.bench.records import Run
from tunewise.bench.report import figures, tables
from tunewise.bench.report.document import Block, Document, Section, Table, Text
from tunewise.bench.report.generation import generation
from tunewise.bench.report.regret import by_budget
from tunewise.bench.results import RANDOM, Results

__all__ = ["build", "slug"]

Clean = Callable[[object], str]
MAX_REASON = 400
"""Characters of a model's reason in a table."""
SEVERAL = 2


def build(
    results: Results, clean: Clean, *, pages: bool = True, note: str = "", commands: Sequence[str] = ()
) -> Document:
    """The whole report, with a page for each task or without; note and commands as for `write_report`."""
    by, given = commands or stored(results), [Text(note)] if note else []
    scapes = [task for task in results.tasks if task in LANDSCAPES]
    losses = [task for task in results.tasks if results.measure(task) == "loss"]
    trained = [task for task in results.tasks if task not in (*scapes, *losses)]
    sections = [Section("What ran", [*given, *head(results, by), tables.methods(results)])]
    for title, tasks in (("Tasks", trained), ("Landscapes", scapes)):
        if tasks:
            sections.append(Section(f"{title}: the methods compared", list(compared(results, tasks, title.lower()))))
    if trained:
        sections.append(Section("The paper's tables beside ours", list(paper(results, trained))))
    if scapes:
        pictures = [figures.landscape(results, task, results.last([task]), f"landscape-{task}") for task in scapes]
        shown = [tables.landscapes(results, scapes, budget) for budget in results.budgets]
        title = "The paper's table 5: best values on the landscapes"
        sections.append(Section(title, [*shown, *pictures]))
    for task in losses:
        title = f"{task}: random search, configurations, programs"
        sections.append(Section(title, list(generation(results, task, f"test-{slug(task)}", clean))))
    if costs := tables.spending(results):
        sections.append(Section("Tokens, money, and who made the points", [costs]))
    if pages:
        sections += [task_page(results, task, clean) for task in results.tasks]
    return Document("Benchmark", sections)


def head(results: Results, commands: Sequence[str]) -> Iterator[Block]:
    """Which runs, made how, by which versions."""
    protocols = sorted({run.key.protocol for run in results.runs})
    models = sorted({run.key.model for run in results.runs if run.key.model})
    pieces = {piece for run in results.runs for piece in run.versions.split(", ") if piece}
    failed = sum(step.value is None for run in results.runs for step in run.steps)
    yield Text(
        f"{len(results.runs)} runs on {counted(results.tasks)}, {sum(len(r.steps) for r in results.runs)} "
        f"evaluations, {failed} of them failed. Protocols: {'; '.join(protocols)}. "
        + (f"Language models: {', '.join(models)}. " if models else "No language model. ")
        + f"Made with {', '.join(sorted(pieces))}."
    )
    if commands:
        yield Text("Made by these commands; do not edit by hand. A range of seeds begins with 0.")
        yield Text("\n".join(commands), code=True)


def counted(tasks: Sequence[str]) -> str:
    """One task, two tasks."""
    return f"{len(tasks)} task{'' if len(tasks) == 1 else 's'}"


def stored(results: Results) -> list[str]:
    """The commands that made the runs, as they were kept with them."""
    return list(dict.fromkeys(run.command for run in results.runs if run.command))


def compared(results: Results, tasks: Sequence[str], name: str) -> Iterator[Block]:
    """Regret by budget, aggregates, and the two figures over evaluations."""
    yield by_budget(results, tasks)
    for budget in results.budgets:
        if any(results.of(task, label, budget) for task in tasks for label in results.labels):
            yield tables.aggregate(results, tasks, budget)
            if errors := tables.test_errors(results, tasks, budget):
                yield errors
    budget = results.last(tasks)
    if len(tables.peers(results, tasks, budget)) >= SEVERAL:
        yield figures.mean_regret(results, tasks, budget, f"regret-{name}")
        yield figures.mean_rank(results, tasks, budget, f"rank-{name}")


def paper(results: Results, tasks: Sequence[str]) -> Iterator[Block]:
    """The paper's tables over tasks.

    Only what is known here of its numbers stands beside ours, never a guess. Its tables of ranks are the last columns.
    """
    yield Text(
        "[Zhang] is arXiv 2312.04528. Its numbers stand here as far as they are known to this project; where a number "
        f"is not known, {tables.NONE} stands. Its tasks were evaluated under another protocol (see docs/bench.md), so "
        "shares and ranks compare, absolute errors do not."
    )
    for budget, numbers in ((10, "1 and 2"), (30, "3")):
        if budget in results.budgets and (table := tables.by_paper(results, tasks, budget)):
            yield Table(table.heads, table.rows, f"The paper's tables {numbers}: {table.caption}")
    for budget, number in ((10, "6"), (30, "7")):
        if budget in results.budgets:
            table = tables.by_task(results, tasks, budget)
            yield Table(table.heads, table.rows, f"The paper's table {number}: {table.caption}")
    if 30 in results.budgets:
        table = tables.warm_start(results, tasks, 30)
        caption = f"The paper's table 8: the language model for 10, then Bayesian optimization. {table.caption}"
        yield Table(table.heads, table.rows, caption)


def task_page(results: Results, task: str, clean: Clean) -> Section:
    """One task: the figure, each method's result, and what the model said."""
    budget, measure = results.last([task]), results.measure(task)
    blocks: list[Block] = [figures.error_of(results, task, budget, f"task-{slug(task)}")]
    for each in results.budgets:
        rows = []
        for label in results.labels:
            found = results.bests(task, label, each) if label == RANDOM or results.of(task, label, each) else ()
            if len(found):
                test = results.extra_of_best(task, label, each, f"test_{measure}") if label != RANDOM else float("nan")
                spread = "" if label == RANDOM else tables.figure(float(np.std(found)))
                rows.append([label, tables.figure(float(np.mean(found))), spread, tables.figure(test)])
        heads = ["method", "best value", "standard deviation", f"test {measure}"]
        known = tables.figure(results.best_known[task])
        blocks.append(Table(heads, rows, f"After {each} evaluations. Best known value: {known}."))
    for label in results.labels:
        runs = results.of(task, label, budget)
        if runs and runs[0].key.model:
            blocks.append(said(runs[0], label, clean))
    return Section(task, blocks, page=slug(task))


def said(run: Run, label: str, clean: Clean) -> Table:
    """A run of a method that asks, with the model's reasons."""
    rows = []
    for number, step in enumerate(run.steps):
        configuration = ", ".join(f"{k} = {short(v)}" for k, v in step.configuration.items())
        why = " ".join(filter(None, [step.reason, step.fallback and f"Without the model: {step.fallback}", step.error]))
        value = "failed" if step.value is None else tables.figure(step.value)
        rows.append([str(number), step.source, configuration, value, clean(why)[:MAX_REASON]])
    heads = ["trial", "source", "configuration", "value", "why"]
    return Table(heads, rows, f"{label}, seed {run.key.seed}, model {clean(run.key.model)}: what it said.")


def short(value: object) -> str:
    """A hyperparameter's value."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def slug(task: str) -> str:
    """A task's name as that of a file."""
    return re.sub(r"[^\w-]+", "-", task).strip("-")
