"""The page of `auto.py`: normalized regret, paired ratios with intervals, and what falls short of the targets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tunewise

Array = NDArray[np.float64]

REFERENCE = "default+gp"
CONTROL = "default+gp reseeded"
BUDGETS = (10, 30)
RESAMPLES = 2000
BAD = ("auto+adversary", "auto+default_lover", "auto+repeater", "auto+rambler", "auto+embedded")
LIMITS = {10: 1.10, 30: 1.05}
"""For a bad model: the ratio of mean regrets."""
BESIDE_CONTROL = (30,)
"""There it is multiplied with the control's ratio, where that is above 1."""
SCORED = ", scored"
"""End of the name of a method with a model that has a score."""


ABOUT = """\
Normalized regret: 0 is the best known value, 1 a random point. The first trial stands for a user's default: the best of
three random draws, the same for every method whose name begins with "default" or "auto"; how the others begin is told
by `tunewise bench list`. `default+gp` is `auto` without a model, and *reseeded* the same with other random numbers
after the same first trial: what chance alone makes of it. The models are simulated (`tunewise.testing.simulated`):
*expert* and *adversary* draw with a standard deviation of 0.1 of each range around the true optimum and around the
worst place; *stale* is an expert at its first call only; *default_lover* stays within 3 % of the default; *repeater*
has one idea; *rambler* proposes at random, half of the time in broken JSON; *embedded* is a real one with 135 million
parameters. Nothing is known of a model, except of the embedded one and where it is *scored*: its credit begins at the
score that ships with tunewise. Ratio: mean regret over that of `default+gp`, with a 95 % interval by bootstrap over
paired seeds; geometric: the mean ratio of (regret + 0.001), in which no problem outweighs the others."""


def regrets(rows: Iterable[dict[str, Any]], budget: int) -> dict[str, dict[tuple[str, int], float]]:
    """Normalized regret by method, then by problem and seed; 0 where the best known is beaten."""
    found: dict[str, dict[tuple[str, int], float]] = {}
    for row in rows:
        values = row.get("short", row["values"]) if budget == BUDGETS[0] else row["values"]
        regret = max(0.0, (min(values[:budget]) - row["best"]) / row["scale"])
        found.setdefault(row["method"], {})[row["problem"], row["seed"]] = regret
    return found


def table_of(by_run: dict[tuple[str, int], float], keys: Sequence[tuple[str, int]]) -> Array:
    """`problems x seeds` regrets."""
    problems = sorted({name for name, _ in keys})
    return np.array([[by_run[key] for key in keys if key[0] == name] for name in problems])


def resampled(first: Array, second: Array) -> Array:
    """Bootstrapped ratios of means: seeds are drawn within each problem, pairs stay together."""
    rng = np.random.default_rng(0)
    draws = rng.integers(first.shape[1], size=(RESAMPLES, *first.shape))
    rows = np.arange(first.shape[0])[None, :, None]
    ratios: Array = first[rows, draws].mean(axis=(1, 2)) / second[rows, draws].mean(axis=(1, 2))
    return ratios


def compare(first: Array, second: Array) -> dict[str, float]:
    """Ratio of mean regrets with its 95 % interval, share of runs won, share of problems with a lower mean."""
    ratios = resampled(first, second)
    low, high = np.quantile(ratios, [0.025, 0.975])
    ties = np.isclose(first, second, rtol=1e-9, atol=1e-12)
    means = first.mean(axis=1), second.mean(axis=1)
    return {
        "ratio": float(first.mean() / second.mean()),
        "low": float(low),
        "high": float(high),
        "won": float(((first < second) & ~ties).mean()),
        "tied": float(ties.mean()),
        "problems": float((means[0] < means[1]).mean()),
        "floor": float(np.exp(np.mean(np.log((first + 1e-3) / (second + 1e-3))))),
    }


def installed(name: str) -> str:
    """A package's version."""
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return f"{name} absent"


def report(rows: list[dict[str, Any]], *, command: str, machine: str) -> str:
    """The page as Markdown."""
    methods = list(dict.fromkeys(row["method"] for row in rows))
    problems = list(dict.fromkeys(row["problem"] for row in rows))
    seeds = sorted({row["seed"] for row in rows})
    packages = f"tunewise {tunewise.__version__}, " + ", ".join(
        map(installed, ("numpy", "scipy", "optuna", "scikit-learn", "torch", "smac"))
    )
    runs = f"{len(problems)} problems, {len(seeds)} paired seeds ({', '.join(map(str, seeds))}), 30 trials"
    lines = [
        "# `auto` against its parts",
        "",
        f"{runs}. {machine}; {packages}. Made by the command below; do not edit by hand.",
        "",
        f"    {command}",
        "",
        *ABOUT.splitlines(),
    ]
    for budget in BUDGETS:
        lines += ["", f"## At {budget} trials", "", *overview(rows, methods, budget)]
    if held := verdicts(rows):
        lines += ["", "## What had to hold", "", *held]
    for budget in BUDGETS:
        lines += [
            "",
            f"## Mean regret by problem, at {budget} trials",
            "",
            *by_problem(rows, methods, problems, budget),
        ]
    return "\n".join(lines) + "\n"


def overview(rows: list[dict[str, Any]], methods: list[str], budget: int) -> list[str]:
    """A line for each method."""
    found = regrets(rows, budget)
    keys = sorted(found[REFERENCE])
    reference = table_of(found[REFERENCE], keys)
    lines = [
        "| method | regret | ratio | 95 % | geometric | runs won / tied | problems won | calls | model's share | ms |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for method in methods:
        table = table_of(found[method], keys)
        c = compare(table, reference)
        own = [row for row in rows if row["method"] == method]
        calls = np.mean([row.get("calls", 0) for row in own])
        share = np.mean([sum(s == "m" for s in row.get("sources", "")[:budget]) / budget for row in own])
        ms = 1000 * np.mean([row["seconds"] for row in own])
        lines.append(
            f"| {method} | {table.mean():.4f} | {c['ratio']:.3f} | {c['low']:.3f} to {c['high']:.3f} "
            f"| {c['floor']:.3f} | {c['won']:.0%} / {c['tied']:.0%} | {c['problems']:.0%} "
            f"| {calls:.1f} | {share:.0%} | {ms:.0f} |"
        )
    return lines


def by_problem(rows: list[dict[str, Any]], methods: list[str], problems: list[str], budget: int) -> list[str]:
    """Methods across, problems down."""
    found = regrets(rows, budget)
    lines = ["| problem | " + " | ".join(methods) + " |", "|---" * (len(methods) + 1) + "|"]
    for name in problems:
        means = [np.mean([v for (problem, _), v in found[m].items() if problem == name]) for m in methods]
        lines.append(f"| {name} | " + " | ".join(f"{v:.4f}" for v in means) + " |")
    return lines


def verdicts(rows: list[dict[str, Any]]) -> list[str]:
    """Each target, met or missed, and by how much."""
    lines = []
    for budget in BUDGETS:
        found = regrets(rows, budget)
        keys = sorted(found[REFERENCE])
        reference = table_of(found[REFERENCE], keys)
        limit, beside = LIMITS[budget], ""
        sooner = table_of(regrets(rows, budget - 1)[REFERENCE], keys)
        lines.append(
            f"- {REFERENCE} with one trial fewer, what it costs to hear a model once that is of no use: ratio "
            f"{sooner.mean() / reference.mean():.3f} at {budget}."
        )
        if CONTROL in found:
            c = compare(table_of(found[CONTROL], keys), reference)
            lines.append(
                f"- control at {budget}, the same method with other random numbers: ratio {c['ratio']:.3f}, from "
                f"{c['low']:.3f} to {c['high']:.3f}. An interval is this wide by chance as soon as runs part."
            )
            if budget in BESIDE_CONTROL and c["ratio"] > 1:
                limit, beside = limit * c["ratio"], f", which is {limit} times the control's"
        for method in (m for m in found if m.removesuffix(SCORED) in BAD):
            c = compare(table_of(found[method], keys), reference)
            held = f"**misses** by {c['ratio'] - limit:.3f}" if c["ratio"] > limit else "holds"
            lines.append(
                f"- {method} at {budget}: ratio {c['ratio']:.3f}, from {c['low']:.3f} to {c['high']:.3f}; "
                f"at most {limit:.3f}{beside}: {held}."
            )
        if "auto+expert" in found:
            c = compare(table_of(found["auto+expert"], keys), reference)
            if budget == BUDGETS[0]:
                held = "holds" if c["problems"] >= 0.8 else f"**misses** by {0.8 - c['problems']:.0%}"
                lines.append(
                    f"- auto+expert at {budget}: better on {c['problems']:.0%} of the problems; at least 80 %: {held}."
                )
            else:
                held = "holds" if c["ratio"] <= 1 else f"**misses** by {c['ratio'] - 1:.3f}"
                lines.append(f"- auto+expert at {budget}: ratio {c['ratio']:.3f}; at most 1: {held}.")
        lines += rank_lines(found, keys, budget)
    return lines


def rank_lines(found: dict[str, dict[tuple[str, int], float]], keys: list[tuple[str, int]], budget: int) -> list[str]:
    """Mean ranks among the Gaussian processes, where others ran."""
    peers = [m for m in found if m == REFERENCE or m.partition("default+")[2].startswith(("optuna-gp", "smac"))]
    if len(peers) < 2:
        return []
    table = np.array([[found[m][key] for m in peers] for key in keys])
    close = np.abs(table[:, :, None] - table[:, None, :]) < 1e-9
    ranks = ((table[:, :, None] > table[:, None, :]) & ~close).sum(axis=2) + (close.sum(axis=2) + 1) / 2
    means = dict(zip(peers, ranks.mean(axis=0), strict=True))
    held = "holds" if means[REFERENCE] <= min(means.values()) + 1e-12 else "**misses**"
    shown = ", ".join(f"{m} {r:.2f}" for m, r in means.items())
    return [f"- mean rank among surrogates with the same default first at {budget}: {shown}: {held}."]
