"""Fidelities beside Optuna's TPE with Hyperband at equal total epochs, really trained: linear networks of scikit-learn.

    python benchmarks/fidelity.py --seeds 10 --out docs/results/fidelity.md

Every epoch that is trained counts, those of evaluations that begin anew too. All begin with the same default. The value
of a study is the best validation error after 81 epochs; while no trial has come so far, it is 1. `auto` asks no model.
SMAC's multi-fidelity facade is not among them yet.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import optuna
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from tunewise.evaluate import Run
from tunewise.evaluate.fidelity import Fidelity
from tunewise.space import Categorical, Configuration, Float, SearchSpace
from tunewise.study.options import TuneOptions
from tunewise.study.tune import tune

LOW, HIGH = 3, 81
DATA = {"digits": load_digits, "breast cancer": load_breast_cancer}
SPACE = SearchSpace(
    {
        "alpha": Float(1e-7, 1.0, log=True, default=1e-4),
        "eta0": Float(1e-6, 1.0, log=True, default=1e-2),
        "power_t": Float(0.0, 1.0, default=0.5),
        "penalty": Categorical(["l2", "l1", "elasticnet"], default="l2"),
    }
)
MOST_TRIALS = 60


class Training:
    """Trains, and counts what it cost.

    Attributes:
        spent: Epochs so far.
        reached: For each trial at the highest fidelity the epochs spent when it came there, and its error.
    """

    def __init__(self, data: str, seed: int, budget: int) -> None:
        inputs, labels = DATA[data](return_X_y=True)
        self._split = train_test_split(inputs, labels, test_size=0.33, stratify=labels, random_state=seed)
        self._seed, self._budget = seed, budget
        self.spent = 0
        self.reached: list[tuple[int, float]] = []

    def errors(self, configuration: Configuration) -> Iterator[float]:
        """The validation error after each epoch."""
        train, valid, labels, true = self._split
        scaler = StandardScaler().fit(train)
        model = SGDClassifier(loss="log_loss", learning_rate="invscaling", random_state=self._seed, **configuration)
        for epoch in range(1, HIGH + 1):
            model.partial_fit(scaler.transform(train), labels, classes=np.unique(labels))
            self.spent += 1
            error = float(1 - model.score(scaler.transform(valid), true))
            if epoch == HIGH and self.spent <= self._budget:
                self.reached.append((self.spent, error))
            yield error

    @property
    def over(self) -> bool:
        """Whether the budget is used up."""
        return self.spent >= self._budget

    def best(self, budget: int) -> float:
        """The best error that was known after so many epochs."""
        return min((error for spent, error in self.reached if spent <= budget), default=1.0)


def tunewise_study(training: Training, seed: int, *, cheap: bool) -> None:
    """`auto` without a model, with or without fidelities."""

    def objective(configuration: Configuration, run: Run) -> float:
        epochs = int(run.fidelity or HIGH)
        return next(islice(training.errors(configuration), epochs - 1, None))

    fidelity = Fidelity(name="epochs", low=LOW, high=HIGH) if cheap else None

    def stop(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        del study, trial
        if training.over:
            raise KeyboardInterrupt

    try:
        tune(
            objective, SPACE, n_trials=MOST_TRIALS, options=TuneOptions(seed=seed, fidelity=fidelity, callbacks=[stop])
        )
    except KeyboardInterrupt:
        return


def optuna_study(training: Training, seed: int) -> None:
    """TPE with four random trials, pruned by Hyperband, the default first."""
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=4),
        pruner=optuna.pruners.HyperbandPruner(min_resource=LOW, max_resource=HIGH, reduction_factor=3),
    )
    study.enqueue_trial(SPACE.default or {})

    def objective(trial: optuna.Trial) -> float:
        error = 1.0
        for epoch, error in enumerate(training.errors(SPACE.suggest(trial)), 1):
            trial.report(error, epoch)
            if trial.should_prune() and epoch < HIGH:
                raise optuna.TrialPruned
        return error

    while not training.over:
        study.optimize(objective, n_trials=1)


ARMS: dict[str, Callable[[Training, int], None]] = {
    "auto, all epochs": lambda training, seed: tunewise_study(training, seed, cheap=False),
    "auto, fidelities": lambda training, seed: tunewise_study(training, seed, cheap=True),
    "TPE + Hyperband": optuna_study,
}


def main() -> None:
    """Play all seeds, and write a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=810)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    shown = (given.epochs // 2, given.epochs)
    lines = [
        "# Fidelities",
        "",
        f"Mean validation error after so many epochs in all (standard error over {given.seeds} seeds). "
        f"Command: `python benchmarks/fidelity.py --seeds {given.seeds} --epochs {given.epochs}`.",
        "",
        "| data | method | " + " | ".join(f"{budget} epochs" for budget in shown) + " |",
        "|---" * (2 + len(shown)) + "|",
    ]
    for data in DATA:
        for name, play in ARMS.items():
            found = []
            for seed in range(given.seeds):
                training = Training(data, seed, given.epochs)
                play(training, seed)
                found.append([training.best(budget) for budget in shown])
                print(data, name, seed, found[-1], flush=True)
            columns = zip(*found, strict=True)
            cells = (f"{mean(c):.4f} ({stdev(c) / len(c) ** 0.5 if len(c) > 1 else 0:.4f})" for c in columns)
            lines.append(f"| {data} | {name} | " + " | ".join(cells) + " |")
    text = "\n".join([*lines, ""])
    print(text)
    if given.out:
        given.out.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
