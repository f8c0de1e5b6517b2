"""Table and figure of `taxi.py`: best test loss per evaluation."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tunewise.codegen.data import Dataset

Trace = list[tuple[float, float] | None]
"""Validation and test loss of each evaluation; None where training failed."""

BUDGETS = (5, 10)
DRAWS = 2_000


def best_so_far(trace: Sequence[tuple[float, float] | None], nothing: tuple[float, float]) -> NDArray[np.float64]:
    """After each evaluation the losses of the one with the least validation loss, `n x 2`.

    Args:
        trace: The evaluations.
        nothing: What stands there before one has finished: the losses of always predicting the training mean.
    """
    best, path = nothing, []
    for losses in trace:
        best = min(best, losses) if losses else best
        path.append(best)
    return np.array(path)


def bootstrap(pool: Trace, evaluations: int, nothing: tuple[float, float], seed: int) -> NDArray[np.float64]:
    """Random searches drawn from a pool of evaluated configurations, `draws x evaluations x 2`."""
    rng = np.random.default_rng(seed)
    count = min(evaluations, len(pool))
    draws = [rng.choice(len(pool), count, replace=False) for _ in range(DRAWS)]
    return np.array([best_so_far([pool[i] for i in drawn], nothing) for drawn in draws])


def write_report(
    options: argparse.Namespace,
    dataset: Dataset,
    *,
    random: Trace,
    runs: Mapping[str, Trace],
    tree: Sequence[str],
    sandbox: str,
) -> None:
    """Write the page and its figure."""
    nothing = (float(np.mean(dataset.validation.y**2)), float(np.mean(dataset.test.y**2)))
    searches = bootstrap(random, options.evaluations, nothing, options.seed)
    paths = {name: best_so_far(trace, nothing) for name, trace in runs.items()}
    figure = options.out.with_suffix(".png")
    draw(figure, searches, paths)
    rows = [random_row(searches, budget) for budget in BUDGETS if budget <= options.evaluations]
    for name, path in paths.items():
        rows += [row(name, path, searches, budget) for budget in BUDGETS if budget <= len(path)]
    options.out.write_text(
        "\n".join([*heading(options, dataset, random, nothing, sandbox), *rows, *ending(figure, tree, runs)])
    )


def heading(
    options: argparse.Namespace, dataset: Dataset, random: Trace, nothing: tuple[float, float], sandbox: str
) -> list[str]:
    """What was compared, and how."""
    failed = sum(losses is None for losses in random)
    player = f"the model `{options.model}`" if options.model else "a script that plays a competent language model"
    few = "" if len(random) >= 200 else " The paper's pool has 200, so the band is coarser than there."
    return [
        "# Taxi trips: random search, configurations, programs",
        "",
        f"Written by `python benchmarks/taxi.py --data FOLDER --rows {options.rows} --epochs {options.epochs} "
        f"--configurations {options.configurations} --evaluations {options.evaluations} --seed {options.seed}`; "
        f"torch {version('torch')}, sandbox {sandbox}.",
        "",
        f"The language model is **{player}**"
        + (
            "."
            if options.model
            else ": these numbers show that the comparison runs end to end with every evaluation "
            "trained for real. They say nothing about language models, and its ideas were written by people."
        ),
        "",
        f"Data: {len(dataset.train)} training, {len(dataset.validation)} validation and {len(dataset.test)} test "
        f"trips, split by time; {len(dataset.inputs)} inputs known at pick-up; the target is the logarithm of the "
        f"duration, standardized. Always predicting the training mean has a validation loss of {nothing[0]:.4f} and a "
        f"test loss of {nothing[1]:.4f}.",
        "",
        f"Random search: {len(random)} configurations of depth, width, batch size, learning rate and weight decay "
        f"({failed} failed), {DRAWS} random searches drawn from them.{few} The other methods ran once.",
        "",
        "| method | evaluations | validation loss | test loss | random searches that it beats (test) |",
        "|---|---|---|---|---|",
    ]


def random_row(searches: NDArray[np.float64], budget: int) -> str:
    """Mean and the middle 80 % of the random searches."""
    cells = []
    for part in (0, 1):
        values = searches[:, min(budget, searches.shape[1]) - 1, part]
        low, high = np.quantile(values, [0.1, 0.9])
        cells.append(f"{values.mean():.4f} ({low:.4f} to {high:.4f})")
    return f"| random search | {budget} | {cells[0]} | {cells[1]} | |"


def row(name: str, path: NDArray[np.float64], searches: NDArray[np.float64], budget: int) -> str:
    """One run."""
    validation, test = path[budget - 1]
    beaten = np.mean(test < searches[:, min(budget, searches.shape[1]) - 1, 1])
    return f"| {name} | {budget} | {validation:.4f} | {test:.4f} | {beaten:.0%} |"


def ending(figure: Path, tree: Sequence[str], runs: Mapping[str, Trace]) -> list[str]:
    """Figure, single evaluations, programs."""
    told = [
        f"- {name}: " + ", ".join(f"{losses[0]:.4f}" if losses else "failed" for losses in trace)
        for name, trace in runs.items()
    ]
    return [
        "",
        "The test loss is that of the evaluation with the least validation loss so far; no method sees it.",
        "",
        f"![Best test loss per evaluation]({figure.name})",
        "",
        "Validation loss of each evaluation, in order:",
        "",
        *told,
        "",
        "The programs, children below their parents:",
        "",
        "```text",
        *tree,
        "```",
        "",
    ]


def draw(file: Path, searches: NDArray[np.float64], paths: Mapping[str, NDArray[np.float64]]) -> None:
    """Best test loss per evaluation."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
    steps = np.arange(1, searches.shape[1] + 1)
    low, high = np.quantile(searches[:, :, 1], [0.1, 0.9], axis=0)
    axes.fill_between(steps, low, high, color="0.85", label="random search, middle 80 %")
    axes.plot(steps, searches[:, :, 1].mean(axis=0), color="0.4", label="random search, mean")
    for (name, path), style in zip(paths.items(), ("C0--o", "C1-s"), strict=False):
        axes.plot(np.arange(1, len(path) + 1), path[:, 1], style, markersize=4, label=name)
    axes.set(xlabel="evaluations", ylabel="test loss of the best so far", xticks=steps)
    axes.legend()
    figure.savefig(file, dpi=120)
    plt.close(figure)
