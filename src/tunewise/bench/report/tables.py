"""Tables of a comparison, the paper's among them; cells are text."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tunewise.bench.measures import Array, Interval, area, improvement, interval, mean_ranks, normalized, paired
from tunewise.bench.methods import METHODS
from tunewise.bench.report.document import Table
from tunewise.bench.report.paper import AT_10, AT_30, LANDSCAPES, WARM_START, Reported
from tunewise.bench.results import RANDOM, Results

__all__ = [
    "NONE",
    "REFERENCE",
    "aggregate",
    "by_paper",
    "by_task",
    "landscapes",
    "methods",
    "spending",
    "test_errors",
    "warm_start",
]

NONE = "-"
"""What is not known, or does not apply."""
REFERENCE = "default+gp"
"""What a language model must add to: the default configuration, then a Gaussian process [Defaults]."""


def percent(value: float) -> str:
    """A share or an improvement."""
    return NONE if math.isnan(value) else f"{100 * value:+.1f} %" if math.isfinite(value) else "-∞"


def share(value: float) -> str:
    """A share without a sign."""
    return f"{100 * value:.1f} %"


def figure(value: float) -> str:
    """A value for people."""
    return NONE if not math.isfinite(value) else f"{value:.4g}"


def with_interval(found: Interval, form: str = "improvement") -> str:
    """A statistic and its interval."""
    if form == "share":
        return f"{share(found.value)} ({100 * found.low:.0f} to {100 * found.high:.0f})"
    low, high = (f"{100 * end:+.1f}" if math.isfinite(end) else "-∞" for end in (found.low, found.high))
    return f"{percent(found.value)} ({low} to {high})"


def improvements(results: Results, tasks: Sequence[str], label: str, budget: int) -> list[Array]:
    """For each task the improvement over random search of each seed."""
    return [improvement(results.random_best(task, budget), results.bests(task, label, budget)) for task in tasks]


def regret(results: Results, task: str, label: str, budget: int) -> Array:
    """Mean normalized regret after each evaluation."""
    mean = results.mean_curve(task, label, budget)
    return normalized(mean, best=results.best_known[task], first=results.random_best(task, 1))


def peers(results: Results, tasks: Sequence[str], budget: int) -> list[str]:
    """The methods that ran on all of the tasks."""
    return [label for label in results.labels if set(tasks) <= set(results.covered([label], budget))]


def ranked(results: Results, tasks: Sequence[str], labels: Sequence[str], budget: int) -> dict[str, float]:
    """Mean rank of each of some methods that ran on all tasks, by the mean over seeds."""
    if len(labels) < 2 or not tasks:
        return {}
    return dict(zip(labels, map(float, mean_ranks(results.table(tasks, labels, budget))), strict=True))


def aggregate(results: Results, tasks: Sequence[str], budget: int) -> Table:
    """A line for each method: everything at one glance."""
    among = ranked(results, tasks, peers(results, tasks, budget), budget)
    rows = []
    for label in results.labels:
        own = [task for task in results.covered([label], budget) if task in tasks]
        if not own:
            continue
        seeds = {len(results.of(task, label, budget)) for task in own}
        curves = [regret(results, task, label, budget) for task in own]
        gains = improvements(results, own, label, budget)
        counted = (
            [NONE] * 3
            if label == RANDOM
            else [
                with_interval(interval(gains, lambda x: np.mean(x > 0, axis=-1)), "share"),
                with_interval(interval(gains, lambda x: np.median(x, axis=-1))),
                with_interval(interval(gains, lambda x: np.mean(x, axis=-1))),
            ]
        )
        rows.append(
            [
                label,
                str(len(own)),
                "pool" if label == RANDOM else "-".join(map(str, sorted({min(seeds), max(seeds)}))),
                *counted,
                f"{among[label]:.2f}" if label in among else NONE,
                figure(float(np.mean([curve[-1] for curve in curves]))),
                figure(float(np.mean([area(curve) for curve in curves]))),
                *uplift(results, own, label, budget),
            ]
        )
    heads = ["method", "tasks", "seeds", "beats random", "median improvement", "mean improvement", "mean rank"]
    heads += ["regret", "area", f"uplift over {REFERENCE}", "won / tied / lost", "p"]
    caption = (
        f"After {budget} evaluations. Improvement of the best value over random search at the same budget, in brackets "
        "95 % intervals by bootstrap over tasks and seeds. Rank by the mean over seeds, among the "
        f"{len(among)} methods that ran on all {len(tasks)} tasks, ties share. Regret is normalized: 0 the best known "
        "value, 1 one random point; area is its mean over the evaluations. Uplift: mean improvement over "
        f"{REFERENCE}; won, tied and lost tasks against it; p of Wilcoxon's signed-rank test on the tasks' means, not "
        "corrected for the number of methods."
    )
    return Table(heads, rows, caption)


def uplift(results: Results, tasks: Sequence[str], label: str, budget: int) -> list[str]:
    """What a method adds to the reference, and the paired test."""
    shared = [task for task in results.covered([label, REFERENCE], budget) if task in tasks]
    if label == REFERENCE or not shared or REFERENCE not in results.labels:
        return [NONE] * 3
    table = results.table(shared, [label, REFERENCE], budget)
    gains = [
        improvement(float(reference), results.bests(task, label, budget))
        for task, reference in zip(shared, table[:, 1], strict=True)
    ]
    found = paired(table[:, 0], table[:, 1])
    counts = f"{found.won} / {found.tied} / {found.lost}"
    return [with_interval(interval(gains, lambda x: np.mean(x, axis=-1))), counts, f"{found.p:.2g}"]


def by_paper(results: Results, tasks: Sequence[str], budget: int) -> Table | None:
    """The paper's table of aggregates at 10 or 30 evaluations, its lines above ours."""
    reported: Sequence[Reported] = {10: AT_10, 30: AT_30}.get(budget, ())
    if not reported:
        return None
    rows = [
        [
            f"{line.method} [Zhang]",
            f"{line.beats:.2f} %",
            f"{line.median:+.2f} %",
            f"{line.mean:+.2f} %",
            NONE if line.rank is None else f"{line.rank:.2f}",
        ]
        for line in reported
    ]
    labels = [label for label in peers(results, tasks, budget) if label != RANDOM]
    among = ranked(results, tasks, labels, budget)
    for label in labels:
        means = np.array([gain.mean() for gain in improvements(results, tasks, label, budget)])
        rows.append(
            [
                label,
                f"{100 * np.mean(means > 0):.2f} %",
                percent(float(np.median(means))),
                percent(float(np.mean(means))),
                f"{among[label]:.2f}" if label in among else NONE,
            ]
        )
    ranks_of = len([line for line in reported if line.rank is not None])
    caption = (
        f"{budget} evaluations. The paper's lines are over its 32 tasks and its rank is among {ranks_of} methods; ours "
        f"are over {len(tasks)} tasks, ranked among {len(labels)} methods without random search."
    )
    return Table(["method", "beats random", "median", "mean", "mean rank"], rows, caption)


def landscapes(results: Results, tasks: Sequence[str], budget: int) -> Table:
    """The paper's table of best values on the landscapes."""
    labels = [label for label in results.labels if any(results.of(task, label, budget) for task in tasks)]
    labels = [label for label in labels if label != RANDOM]
    rows = []
    for task in tasks:
        known = LANDSCAPES.get(task) if budget == 10 else None
        cells = [figure(value) for value in known] if known else [NONE, NONE]
        cells.append(figure(results.random_best(task, budget)))
        for label in labels:
            found = results.bests(task, label, budget)
            cells.append(figure(float(found.mean())) if len(found) else NONE)
        rows.append([task, *cells])
    caption = f"Best value after {budget} evaluations, mean over seeds; branin's least value is 0.398, all others' 0."
    heads = ["landscape", "LLM, prompt 2 [Zhang]", "random [Zhang]", RANDOM, *labels]
    return Table(heads, rows, caption)


def by_task(results: Results, tasks: Sequence[str], budget: int) -> Table:
    """Tasks down, methods across: mean and standard deviation of the best value."""
    labels = [label for label in results.labels if label != RANDOM]
    labels = [label for label in labels if any(results.of(task, label, budget) for task in tasks)]
    rows = []
    for task in tasks:
        cells = [figure(results.random_best(task, budget))]
        for label in labels:
            found = results.bests(task, label, budget)
            cells.append(f"{found.mean():.4f} ± {found.std():.4f}" if len(found) else NONE)
        rows.append([task, *cells])
    caption = (
        f"Best validation error after {budget} evaluations, mean ± standard deviation over seeds; {RANDOM} is the "
        "expected best. The paper's values per task are not known here."
    )
    return Table(["task", RANDOM, *labels], rows, caption)


def warm_start(results: Results, tasks: Sequence[str], budget: int) -> Table:
    """Ten evaluations by the language model and then Bayesian optimization, against Bayesian optimization alone."""
    matched, of = WARM_START
    rows = [["GPT-4 Turbo, then SMAC against SMAC [Zhang]", str(matched), str(of - matched), str(of), NONE]]
    warm = [label for label in results.labels if label.startswith("llm-then-bo")]
    for label in warm:
        for other in ("gp", REFERENCE):
            shared = [task for task in results.covered([label, other], budget) if task in tasks]
            if shared and other in results.labels:
                table = results.table(shared, [label, other], budget)
                found = paired(table[:, 0], table[:, 1])
                counts = [str(found.won + found.tied), str(found.lost), str(len(shared))]
                rows.append([f"{label} against {other}", *counts, f"{found.p:.2g}"])
    if not warm:
        rows.append(["ours: llm-then-bo did not run", NONE, NONE, NONE, NONE])
    return Table(["methods", "improved or matched", "worse", "tasks", "p"], rows, f"{budget} evaluations.")


def test_errors(results: Results, tasks: Sequence[str], budget: int) -> Table | None:
    """Test error beside validation error, at the configuration with the best validation error."""
    rows = []
    for label in results.labels:
        own = [task for task in results.covered([label], budget) if task in tasks and label != RANDOM]
        tests = {task: results.extra_of_best(task, label, budget, "test_error") for task in own}
        known = [task for task in own if not math.isnan(tests[task])]
        if known:
            valid = float(np.mean([results.bests(task, label, budget).mean() for task in known]))
            test = float(np.mean([tests[task] for task in known]))
            rows.append([label, str(len(known)), f"{valid:.4f}", f"{test:.4f}", f"{test - valid:+.4f}"])
    if not rows:
        return None
    caption = f"After {budget} evaluations, mean over the tasks whose protocol has a test part, and over seeds."
    return Table(["method", "tasks", "validation error", "test error", "difference"], rows, caption)


def methods(results: Results) -> Table:
    """What ran, how it begins, how long it takes."""
    rows = []
    for label in results.labels:
        runs = [run for run in results.runs if results.label_of(run) == label]
        longest = max(len(run.steps) for run in runs)
        whole = [run for run in runs if len(run.steps) == longest]
        waited, worked = (
            np.mean([sum(getattr(step, name) for step in run.steps) for run in whole])
            for name in ("seconds", "cpu_seconds")
        )
        method = METHODS.get(runs[0].key.method)
        rows.append(
            [
                label,
                method.description if method else NONE,
                str(len(runs)),
                f"{longest}",
                f"{worked:.2f}",
                f"{waited:.2f}",
                f"{1000 * worked / longest:.1f}",
            ]
        )
    caption = (
        "How each method begins, and what its proposals took in a run of its longest budget, evaluations not counted: "
        "seconds of processor time, seconds on the clock (more where the machine had other work, or a model was waited "
        "for), milliseconds of processor time a proposal."
    )
    return Table(
        ["method", "what it is", "runs", "budget", "s a run", "s on the clock", "ms a proposal"], rows, caption
    )


def spending(results: Results) -> Table | None:
    """Tokens and money per study, and who made the points, for the methods that ask a model."""
    rows = []
    for label in results.labels:
        runs = [run for run in results.runs if results.label_of(run) == label]
        if not (METHODS.get(runs[0].key.method) and METHODS[runs[0].key.method].asks):
            continue
        steps = [step for run in runs for step in run.steps]
        cells = []
        for name, form in (("calls", "{:.1f}"), ("input_tokens", "{:.0f}"), ("output_tokens", "{:.0f}")):
            numbers = [getattr(step, name) for step in steps]
            cells.append("unknown" if None in numbers else form.format(sum(numbers) / len(runs)))
        costs = [step.cost_usd for step in steps]
        known = sum(cost for cost in costs if cost is not None)
        cells.append(f"unknown, at least {known / len(runs):.4f}" if None in costs else f"{known / len(runs):.4f}")
        own = np.mean([step.source in ("model", "repair") for step in steps])
        fell = np.mean([bool(step.fallback) for step in steps])
        sent_back = np.mean([step.refused for step in steps])
        rows.append([label, str(len(runs)), *cells, share(float(own)), share(float(fell)), f"{sent_back:.2f}"])
    if not rows:
        return None
    heads = [
        "method",
        "studies",
        "calls",
        "tokens read",
        "written",
        "US dollars",
        "model's own",
        "fell back",
        "refused",
    ]
    caption = (
        "Mean per study. Model's own: share of evaluations whose configuration the model made; fell back: it was asked "
        "and gave nothing usable; refused: replies sent back per evaluation."
    )
    return Table(heads, rows, caption)
