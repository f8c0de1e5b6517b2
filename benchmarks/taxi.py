"""The paper's comparison on New York City's taxi trips: random search, configurations by a model, programs by a model.

    python benchmarks/taxi.py --data FOLDER --configurations 200
    python benchmarks/taxi.py --data FOLDER --prepare trips.parquet     # a table for `tunewise generate`

Random search and the configurations share a fixed space (depth, width, batch size, learning rate, weight decay) of a
plain network; every evaluation trains for real in the sandbox. Without --model the language model is a script
(`taxi_players.py`), which shows that everything runs end to end and says nothing about language models.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from taxi_players import BASELINE, code_player, configuration_player
from taxi_report import Trace, write_report
from tunewise.codegen.contract import CONTRACTS, read_space
from tunewise.codegen.data import Dataset, Recipe, make_dataset
from tunewise.codegen.evaluate import Runner
from tunewise.codegen.export import export_program
from tunewise.codegen.generate import Generation
from tunewise.codegen.runtime import sandbox_for
from tunewise.codegen.sampler import Options
from tunewise.codegen.taxi import PICKUP, TARGET, load_taxi
from tunewise.codegen.tree import Tree
from tunewise.errors import TrialFailed
from tunewise.evaluate import Evaluation
from tunewise.history import History
from tunewise.llm import resolve_model
from tunewise.sampler import LLMSampler
from tunewise.sandbox.base import Limits, Sandbox
from tunewise.space import Value
from tunewise.study.tune import tune
from tunewise.task import Task

TORCH = CONTRACTS["torch"]
LIMITS = Limits(wall_s=600.0, cpu_s=600.0)


@dataclass(frozen=True)
class Baseline:
    """An `Evaluator` of the fixed program."""

    runner: Runner

    def evaluate(self, configuration: Mapping[str, Value]) -> Evaluation:
        """Train it with a configuration."""
        return self.runner.evaluate(BASELINE, configuration)


def main() -> None:
    """Run what is missing in the records, then write the report."""
    options = parse()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    logging.getLogger("tunewise").setLevel(logging.ERROR)
    if options.prepare:
        import pyarrow.parquet

        pyarrow.parquet.write_table(load_taxi(options.data), options.prepare)
        return
    recipe = Recipe(path=options.prepared, target=TARGET, time=PICKUP, rows=options.rows, seed=options.seed)
    dataset = make_dataset(load_taxi(options.data), recipe, name="green taxi trips, New York City, 2023")
    with sandbox_for("torch") as sandbox:
        runner = Runner(
            dataset=dataset, contract=TORCH, sandbox=sandbox, epochs=options.epochs, seed=options.seed, limits=LIMITS
        )
        random = random_search(runner, options.configurations, seed=options.seed, records=options.records)
        configurations = configured(runner, options)
        study = generated(dataset, sandbox, options)
    write_report(
        options,
        dataset,
        random=random,
        runs={"configurations by the model": configurations, "programs by the model": trace_of(study)},
        tree=Tree.from_study(study).lines(),
        sandbox=sandbox.name,
    )
    if options.export:
        options.export.write_text(export_program(study, file=options.export.name), "utf-8")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with green_tripdata_YYYY-MM.parquet")
    parser.add_argument("--prepare", type=Path, help="write the clean table to this file and end")
    parser.add_argument("--prepared", default="trips.parquet", help="where the winner's file looks for that table")
    parser.add_argument("--rows", type=int, default=20_000, help="trips, drawn at random before the split by time")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--configurations", type=int, default=200, help="of random search, evaluated for real")
    parser.add_argument("--evaluations", type=int, default=10, help="of each of the other methods")
    parser.add_argument("--patience", type=int, default=2, help="trials without gain before another program is written")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", help="a real one, as for `tunewise tune`")
    parser.add_argument("--base-url")
    parser.add_argument("--records", type=Path, default=Path("taxi.jsonl"), help="random configurations, added to")
    parser.add_argument("--export", type=Path, help="write the winning program to this file")
    parser.add_argument("--out", type=Path, default=Path("docs/results/taxi.md"))
    return parser.parse_args()


def random_search(runner: Runner, count: int, *, seed: int, records: Path) -> Trace:
    """Evaluate random configurations of the fixed space; those in the records are not run again."""
    space, rng = read_space(BASELINE, TORCH), np.random.default_rng(seed)
    key = {"data": runner.dataset.fingerprint, "epochs": runner.epochs, "seed": seed}
    lines = [json.loads(line) for line in records.read_text("utf-8").splitlines()] if records.exists() else []
    known = {line["number"]: line["losses"] for line in lines if line["key"] == key}
    trace: Trace = []
    for number in range(count):
        configuration = space.sample(rng)
        if number not in known:
            known[number] = losses_of(runner, configuration)
            line = {"key": key, "number": number, "configuration": configuration, "losses": known[number]}
            with records.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        trace.append(tuple(known[number]) if known[number] else None)
    return trace


def losses_of(runner: Runner, configuration: Mapping[str, Value]) -> tuple[float, float] | None:
    """Validation and test loss of the fixed program; None where training failed."""
    try:
        evaluation = runner.evaluate(BASELINE, configuration)
    except TrialFailed:
        return None
    return evaluation.value, evaluation.extra["test_loss"]


def configured(runner: Runner, options: argparse.Namespace) -> Trace:
    """The configuration-based language model [Zhang] on the fixed space."""
    space = read_space(BASELINE, TORCH)
    task = Task(
        model="feed-forward network with ReLU, trained by Adam",
        library="torch",
        data=runner.dataset.card,
        metric=runner.dataset.metric,
        budget=options.evaluations,
    )
    sampler = LLMSampler(
        chosen_model(options) or configuration_player(), task=task, space=space, proposer="compressed", default=False
    )
    return trace_of(tune(Baseline(runner), space, task=task, trials=options.evaluations, sampler=sampler))


def generated(dataset: Dataset, sandbox: Sandbox, options: argparse.Namespace) -> optuna.Study:
    """Code generation: programs and their hyperparameters by the model, vetted by the surrogate."""
    generation = Generation(
        dataset,
        sandbox=sandbox,
        model=chosen_model(options) or code_player(),
        trials=options.evaluations,
        epochs=options.epochs,
        seed=options.seed,
        limits=LIMITS,
        options=Options(patience=options.patience, seed=options.seed),
    )
    return generation.run()


def chosen_model(options: argparse.Namespace) -> Any:
    """The real model, if one is named."""
    return resolve_model(options.model, base_url=options.base_url) if options.model else None


def trace_of(study: optuna.Study) -> Trace:
    """Validation and test loss of each evaluation."""
    trials = History.from_study(study)
    return [(t.value, t.extra["test_loss"]) if t.state == "finished" and t.value is not None else None for t in trials]


if __name__ == "__main__":
    main()
