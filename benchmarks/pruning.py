"""Epochs and best value with and without pruning: the network of `examples/digits_cnn.py`, really trained.

    python benchmarks/pruning.py --seeds 10 --out docs/results/pruning.md

Both arms begin with the default and go on with `auto` without a model. Both train from the same seeds.
"""

from __future__ import annotations

import argparse
import runpy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

import torch
import yaml

from tunewise.evaluate import Run
from tunewise.history import History
from tunewise.space import Configuration, SearchSpace
from tunewise.study.options import TuneOptions
from tunewise.study.tune import tune

ROOT = Path(__file__).parents[1]
EXAMPLE = runpy.run_path(str(ROOT / "examples" / "digits_cnn.py"))
EPOCHS = EXAMPLE["EPOCHS"]


@dataclass(frozen=True)
class Arm:
    """What a study came to."""

    best: float
    epochs: int
    pruned: int


def play(seed: int, trials: int, *, pruned: bool) -> Arm:
    """One study."""
    file = yaml.safe_load((ROOT / "examples" / "digits_cnn.yaml").read_text("utf-8"))

    def objective(configuration: Configuration, run: Run) -> float:
        error = 1.0
        for epoch, error in enumerate(EXAMPLE["train"](**configuration, seed=seed)):
            run.report(error, epoch)
            if run.should_stop():
                break
        return error

    options = TuneOptions(seed=seed, pruner=file["pruner"] if pruned else None)
    study = tune(objective, SearchSpace.from_dict(file["space"]), n_trials=trials, options=options)
    history = History.from_study(study)
    best = history.best
    assert best is not None
    assert best.value is not None
    return Arm(best.value, sum(len(t.curve) for t in history), sum(t.state == "pruned" for t in history))


def page(rows: Sequence[tuple[Arm, Arm]], trials: int) -> str:
    """The figures as a page, without and with pruning for each seed."""
    gaps = [short.best - full.best for full, short in rows]
    saved = sum(short.epochs for _, short in rows) / sum(full.epochs for full, _ in rows)
    spread = f" (standard error {stdev(gaps) / len(gaps) ** 0.5:.4f})" if len(gaps) > 1 else ""
    lines = [
        "# Pruning",
        "",
        f"The network of `examples/digits_cnn.yaml`, {trials} trials of at most {EPOCHS} epochs, `auto` without a "
        f"model, {len(rows)} seeds. Command: `python benchmarks/pruning.py --seeds {len(rows)} --trials {trials}`.",
        "",
        "| seed | best error, all epochs | epochs | best error, pruned | epochs | trials pruned |",
        "|---|---|---|---|---|---|",
        *(
            f"| {seed} | {full.best:.4f} | {full.epochs} | {short.best:.4f} | {short.epochs} | {short.pruned} |"
            for seed, (full, short) in enumerate(rows)
        ),
        "",
        f"Pruned studies train {100 * saved:.0f} % of the epochs. Their best error differs by {mean(gaps):+.4f} on the "
        f"mean{spread}.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Play all seeds, and write a page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--trials", type=int, default=15)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for seed in range(given.seeds):
        rows.append((play(seed, given.trials, pruned=False), play(seed, given.trials, pruned=True)))
        text = page(rows, given.trials)
        print(seed, *rows[-1], text, sep="\n", flush=True)
        if given.out:
            given.out.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
