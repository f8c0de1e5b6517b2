"""Time per trial and memory of a long study: how much a trial costs when thousands precede it.

    python benchmarks/long_study.py                                  # a journal and SQLite
    python benchmarks/long_study.py --storage postgresql+psycopg://me@127.0.0.1/bench --trials 1000,3000,10000

The trials that precede are written at once, as an Optuna study; those that are timed are evaluated by `tune`.
"""

from __future__ import annotations

import argparse
import cProfile
import logging
import pstats
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import optuna
from optuna.trial import create_trial

from tunewise import SearchSpace, tune
from tunewise.study.options import TuneOptions
from tunewise.study.storage import open_storage

SPACE = SearchSpace.from_dict(
    {"C": {"type": "float", "low": 0.01, "high": 100.0, "log": True}, "gamma": {"type": "float", "low": 0, "high": 1}}
)
TIMED = 30
"""Trials that are timed at each length."""


def fill(storage: str, name: str, trials: int) -> None:
    """Bring a study to a length."""
    study = optuna.create_study(study_name=name, storage=open_storage(storage), load_if_exists=True)
    rng = np.random.default_rng(trials)
    distributions = SPACE.distributions
    wanted = max(trials - len(study.get_trials(deepcopy=False)), 0)
    study.add_trials(
        create_trial(params={"C": float(c), "gamma": float(g)}, distributions=distributions, value=float(g))
        for c, g in zip(rng.uniform(0.01, 100, wanted), rng.uniform(0, 1, wanted), strict=True)
    )


def measure(storage: str, name: str, trials: int, proposer: str, *, profile: bool) -> float:
    """Milliseconds of this process per trial, without what is read at the start."""
    ticks: list[float] = []

    def objective(configuration: dict[str, float]) -> float:
        ticks.append(time.process_time())  # other work on the machine does not count
        return configuration["gamma"]

    with cProfile.Profile() if profile else tempfile.TemporaryFile() as profiler:
        tune(
            objective,
            SPACE,
            proposer=proposer,
            n_trials=trials + TIMED,
            storage=storage,
            options=TuneOptions(study_name=name),
        )
    if isinstance(profiler, cProfile.Profile):
        pstats.Stats(profiler).sort_stats("cumulative").print_stats(35)
    return 1000 * float(np.median(np.diff(ticks)))


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--storage", help="database address; without it, a journal and SQLite in a temporary folder")
    parser.add_argument("--trials", default="1000,3000,10000")
    parser.add_argument("--proposer", default="random")
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    logging.getLogger("tunewise").setLevel(logging.WARNING)
    print("| storage | trials before | ms per trial | peak memory, MB |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        places = [arguments.storage] if arguments.storage else [f"{folder}/s.journal", f"sqlite:///{folder}/s.db"]
        for storage in places:
            for trials in map(int, arguments.trials.split(",")):
                fill(storage, "long", trials)
                took = measure(storage, "long", trials, arguments.proposer, profile=arguments.profile)
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
                kind = storage.partition(":")[0] if "://" in storage else Path(storage).suffix[1:]
                print(f"| {kind} | {trials} | {took:.1f} | {peak:.0f} |", flush=True)


if __name__ == "__main__":
    main()
