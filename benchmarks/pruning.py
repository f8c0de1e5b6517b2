"""What pruning saves: the network of `examples/digits_cnn.py`, really trained, with and without it.

    python benchmarks/pruning.py --seeds 10 --out docs/results/pruning.md
    python benchmarks/pruning.py --proposer random --seeds 10 --out docs/results/pruning-random.md

A study without pruning has 15 trials. One with the pruner of the example has half of the epochs that these took, and
as many trials as they allow; a trial that would end later does not count. Both train from the same seed. No model is
asked: `auto` begins with the default and goes on with the surrogate; `random` tries the same configurations in both.
"""

from __future__ import annotations

import argparse
import runpy
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, stdev

import optuna
import torch
import yaml

from tunewise.evaluate import Run
from tunewise.log import silenced
from tunewise.space import Configuration, SearchSpace, Value
from tunewise.study.options import TuneOptions
from tunewise.study.pruners import PrunerSpec
from tunewise.study.tune import tune

ROOT = Path(__file__).parents[1]
EXAMPLE = runpy.run_path(str(ROOT / "examples" / "digits_cnn.py"))
FILE = yaml.safe_load((ROOT / "examples" / "digits_cnn.yaml").read_text("utf-8"))
SPACE = SearchSpace.from_dict(FILE["space"])
EPOCHS = EXAMPLE["EPOCHS"]
MOST_TRIALS = 100


@dataclass(frozen=True)
class Trained:
    """One trial.

    Attributes:
        epochs: That it was trained for.
        error: After the last of all epochs; None where it was pruned.
    """

    epochs: int
    error: float | None


@dataclass
class Trainer:
    """Trains from one seed; what was trained to the end once is known.

    Attributes:
        seed: Of every training.
        known: The errors after each epoch, by configuration.
    """

    seed: int
    known: dict[tuple[Value, ...], list[float]] = field(default_factory=dict)

    def errors(self, configuration: Configuration) -> Iterator[float]:
        """The validation error after each epoch."""
        key = tuple(configuration[name] for name in SPACE)
        if key in self.known:
            yield from self.known[key]
            return
        errors = []
        for error in EXAMPLE["train"](**configuration, seed=self.seed):
            errors.append(error)
            yield error
        self.known[key] = errors


def play(
    trainer: Trainer, *, proposer: str, trials: int, pruner: PrunerSpec = None, epochs: float = float("inf")
) -> list[Trained]:
    """A study that ends after so many trials or epochs."""
    done: list[Trained] = []

    def objective(configuration: Configuration, run: Run) -> float:
        error = 1.0
        for epoch, error in enumerate(trainer.errors(configuration)):
            run.report(error, epoch)
            if run.should_stop():
                done.append(Trained(epoch + 1, None))
                return error
        done.append(Trained(EPOCHS, error))
        return error

    def stop(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        del study, trial
        if sum(trained.epochs for trained in done) >= epochs:
            raise KeyboardInterrupt

    with suppress(KeyboardInterrupt):
        tune(
            objective,
            SPACE,
            proposer=proposer,
            n_trials=trials,
            options=TuneOptions(seed=trainer.seed, pruner=pruner, callbacks=[stop]),
        )
    return done


def within(done: Sequence[Trained], epochs: float) -> list[Trained]:
    """The trials that ended within so many epochs."""
    spent = [sum(trained.epochs for trained in done[: k + 1]) for k in range(len(done))]
    return [trained for trained, total in zip(done, spent, strict=True) if total <= epochs]


def best(done: Sequence[Trained]) -> float:
    """The least error of a trial that was trained to the end."""
    return min(trained.error for trained in done if trained.error is not None)


def page(rows: Sequence[tuple[list[Trained], list[Trained]]], proposer: str, trials: int) -> str:
    """The figures as a page, without and with pruning for each seed."""
    gaps = [best(pruned) - best(full) for full, pruned in rows]
    share = sum(t.epochs for _, pruned in rows for t in pruned) / sum(t.epochs for full, _ in rows for t in full)
    chosen = "" if proposer == "auto" else f"--proposer {proposer} "
    spread = f" (standard error {stdev(gaps) / len(gaps) ** 0.5:.4f})" if len(gaps) > 1 else ""
    lines = [
        "# Pruning",
        "",
        f"The network of `examples/digits_cnn.yaml`, {EPOCHS} epochs, `{proposer}` without a model, {len(rows)} seeds: "
        f"{trials} trials without pruning; with it, as many trials as half of the epochs allow. "
        f"Command: `python benchmarks/pruning.py {chosen}--seeds {len(rows)} --trials {trials}`.",
        "",
        "| seed | best error, not pruned | epochs | best error, pruned | epochs | trials | of them finished |",
        "|---" * 7 + "|",
        *(
            f"| {seed} | {best(full):.4f} | {sum(t.epochs for t in full)} | {best(pruned):.4f} | "
            f"{sum(t.epochs for t in pruned)} | {len(pruned)} | {sum(t.error is not None for t in pruned)} |"
            for seed, (full, pruned) in enumerate(rows)
        ),
        "",
        f"Pruned studies take {100 * share:.0f} % of the epochs. Their best error differs by {mean(gaps):+.4f} on the "
        f"mean{spread}: it is better on {sum(g < 0 for g in gaps)} seeds, worse on {sum(g > 0 for g in gaps)}.",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    """Play all seeds, and write a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--proposer", choices=["auto", "random"], default="auto")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--trials", type=int, default=15)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    half = given.trials * EPOCHS / 2
    rows = []
    for seed in range(given.seeds):
        trainer = Trainer(seed)
        with silenced():
            full = play(trainer, proposer=given.proposer, trials=given.trials)
            pruned = play(trainer, proposer=given.proposer, trials=MOST_TRIALS, pruner=FILE["pruner"], epochs=half)
        rows.append((full, within(pruned, half)))
        text = page(rows, given.proposer, given.trials)
        print(*rows[-1], text, sep="\n", flush=True)
        if given.out:
            given.out.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
