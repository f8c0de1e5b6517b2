"""Fidelities beside TPE with Hyperband and SMAC at equal total epochs: linear networks that are really trained.

    python benchmarks/fidelity.py --seeds 10 --out docs/results/fidelity.md

Every epoch that is trained counts; for every method a trial that goes on continues where it was. All begin with the
same default. The value of a study is the best validation error of the trials that were trained for all 81 epochs. The
page looks first when every method has such a trial: Hyperband, as SMAC runs it, has its first after 243 epochs.
`auto` asks no model.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import optuna
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from tunewise.configspace import to_configspace
from tunewise.evaluate import Run
from tunewise.evaluate.fidelity import Fidelity
from tunewise.log import silenced
from tunewise.space import Categorical, Configuration, Float, SearchSpace, Value
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
MOST_TRIALS = 200


class Training:
    """Trains, and counts what it cost.

    Attributes:
        spent: Epochs so far.
        begun: Trials so far.
        reached: For each trial at the highest fidelity the epochs spent when it came there, and its error.
    """

    def __init__(self, data: str, seed: int, budget: int) -> None:
        inputs, labels = DATA[data](return_X_y=True)
        train, valid, *labels = train_test_split(inputs, labels, test_size=0.33, stratify=labels, random_state=seed)
        scaler = StandardScaler().fit(train)
        self._split = scaler.transform(train), scaler.transform(valid), *labels
        self._seed, self._budget = seed, budget
        self._open: dict[tuple[Value, ...], Iterator[tuple[int, float]]] = {}
        self.spent = 0
        self.begun = 0
        self.reached: list[tuple[int, float]] = []

    def errors(self, configuration: Configuration) -> Iterator[tuple[int, float]]:
        """Each epoch, from 1, and the validation error after it."""
        train, valid, labels, true = self._split
        model = SGDClassifier(loss="log_loss", learning_rate="invscaling", random_state=self._seed, **configuration)
        self.begun += 1
        for epoch in range(1, HIGH + 1):
            model.partial_fit(train, labels, classes=np.unique(labels))
            self.spent += 1
            error = float(1 - model.score(valid, true))
            if epoch == HIGH and self.spent <= self._budget:
                self.reached.append((self.spent, error))
            yield epoch, error

    def error(self, configuration: Configuration, epochs: int) -> float:
        """The validation error after so many epochs, which go on from those that the configuration has had."""
        key = tuple(configuration[name] for name in SPACE)
        running = self._open.setdefault(key, self.errors(configuration))
        return next(error for epoch, error in running if epoch == epochs)

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
        return training.error(configuration, int(run.fidelity or HIGH))

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
        for epoch, error in training.errors(SPACE.suggest(trial)):
            trial.report(error, epoch)
            if trial.should_prune() and epoch < HIGH:
                raise optuna.TrialPruned
        return error

    while not training.over:
        study.optimize(objective, n_trials=1)


def smac_study(training: Training, seed: int) -> None:
    """SMAC's multi-fidelity facade (random forest and Hyperband) with its own settings, the default first."""
    import smac
    from smac.runhistory import TrialValue

    with tempfile.TemporaryDirectory() as folder:
        scenario = smac.Scenario(
            to_configspace(SPACE),
            deterministic=True,
            n_trials=MOST_TRIALS,
            min_budget=LOW,
            max_budget=HIGH,
            seed=seed,
            use_default_config=True,
            output_directory=Path(folder),
        )
        facade = smac.MultiFidelityFacade(scenario, None, overwrite=True, logging_level=False)
        while not training.over:
            asked = facade.ask()
            plain = {n: v.item() if hasattr(v, "item") else v for n, v in dict(asked.config).items()}
            error = training.error(SPACE.coerce(plain).configuration, round(asked.budget or HIGH))
            facade.tell(asked, TrialValue(error), save=False)


OURS = "auto, fidelities"
ARMS: dict[str, Callable[[Training, int], None]] = {
    "auto, all epochs": lambda training, seed: tunewise_study(training, seed, cheap=False),
    OURS: lambda training, seed: tunewise_study(training, seed, cheap=True),
    "TPE + Hyperband": optuna_study,
    "SMAC, multi-fidelity": smac_study,
}


def page(found: Mapping[tuple[str, str], Sequence[Training]], epochs: int) -> str:
    """The figures as a page: studies of each data set and method."""
    shown = (epochs // 2, epochs)
    seeds = len(next(iter(found.values())))
    lines = [
        "# Fidelities",
        "",
        f"Mean of the best validation error of a trial of {HIGH} epochs, when so many epochs were trained in all "
        f"(standard error over {seeds} seeds). Trials have {LOW} to {HIGH} epochs. Command: "
        f"`python benchmarks/fidelity.py --seeds {seeds} --epochs {epochs}`.",
        "",
        "| data | method | " + " | ".join(f"{budget} epochs" for budget in shown) + " | begun | finished |",
        "|---" * (4 + len(shown)) + "|",
    ]
    for (data, name), studies in found.items():
        columns = ([study.best(budget) for study in studies] for budget in shown)
        cells = [f"{mean(c):.4f} ({stdev(c) / len(c) ** 0.5 if len(c) > 1 else 0:.4f})" for c in columns]
        counts = (f"{mean(c):.1f}" for c in ([s.begun for s in studies], [len(s.reached) for s in studies]))
        lines.append(f"| {data} | {name} | " + " | ".join([*cells, *counts]) + " |")
    return "\n".join([*lines, "", *regrets(found, shown), ""])


def regrets(found: Mapping[tuple[str, str], Sequence[Training]], shown: Sequence[int]) -> list[str]:
    """A table of regrets over all data sets and seeds, which differ more than methods do."""
    least = {
        (data, seed): min(study.best(shown[-1]) for name in ARMS for study in found[data, name][seed : seed + 1])
        for data in DATA
        for seed in range(len(found[data, OURS]))
    }
    lines = [
        f"Mean regret over {len(least)} data sets and seeds: the error less the least that any study found on "
        f"the same split. In brackets by how much it is above that of `{OURS}`, and the standard error of this "
        "difference.",
        "",
        "| method | " + " | ".join(f"{budget} epochs" for budget in shown) + " |",
        "|---" * (1 + len(shown)) + "|",
    ]
    for name in ARMS:
        cells = []
        for budget in shown:
            ours, theirs = (
                np.array([found[data, arm][seed].best(budget) - floor for (data, seed), floor in least.items()])
                for arm in (OURS, name)
            )
            more = theirs - ours
            error = more.std(ddof=1) / len(more) ** 0.5 if len(more) > 1 else 0.0
            cells.append(f"{theirs.mean():.4f}" + (f" ({more.mean():+.4f}, {error:.4f})" if name != OURS else ""))
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def main() -> None:
    """Play all seeds, and write a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=810)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    found: dict[tuple[str, str], list[Training]] = {(data, name): [] for data in DATA for name in ARMS}
    for seed in range(given.seeds):
        for (data, name), rows in found.items():
            training = Training(data, seed, given.epochs)
            with silenced():
                ARMS[name](training, seed)
            rows.append(training)
            print(data, name, seed, training.best(given.epochs), flush=True)
        text = page(found, given.epochs)
        print(text)
        if given.out:
            given.out.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
