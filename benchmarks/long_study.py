"""What a trial costs when thousands precede it, and how long `show` and `report` take then.

    python benchmarks/long_study.py                                  # a journal and SQLite
    python benchmarks/long_study.py --storage postgresql+psycopg://me@127.0.0.1/bench --trials 1000,10000

Beside it Optuna's random sampler in a loop of ask and tell on the same study, which is the price of Optuna's own part.
The trials that precede are written at once, with all that tunewise stores of a trial; those that are timed are
evaluated by `tune`. Each measurement is a process of its own, so that its memory is.
"""

from __future__ import annotations

import argparse
import cProfile
import logging
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import optuna
from optuna.trial import create_trial

from tunewise import SearchSpace, tune
from tunewise.attributes import PROPOSAL, RESULT
from tunewise.record import Proposal, Result
from tunewise.study.options import TuneOptions
from tunewise.study.storage import open_storage

SPACE = SearchSpace.from_dict(
    {"C": {"type": "float", "low": 0.01, "high": 100.0, "log": True}, "gamma": {"type": "float", "low": 0, "high": 1}}
)
TIMED = 30
"""Trials that are timed at each length."""
NAME = "long"


def fill(storage: str, trials: int) -> None:
    """Bring a study to a length."""
    study = optuna.create_study(study_name=NAME, storage=open_storage(storage), load_if_exists=True)
    rng = np.random.default_rng(trials)
    wanted = max(trials - len(study.get_trials(deepcopy=False)), 0)
    for c, g in zip(rng.uniform(0.01, 100, wanted), rng.uniform(0, 1, wanted), strict=True):
        params = {"C": float(c), "gamma": float(g)}
        proposal = Proposal(configuration=dict(params), source="random", method="random")
        attributes = {PROPOSAL: proposal.to_dict(), RESULT: Result(value=float(g), seconds=0.1).to_dict()}
        study.add_trial(
            create_trial(params=params, distributions=SPACE.distributions, value=float(g), user_attrs=attributes)
        )


def length(storage: str) -> int:
    """How many trials a study has."""
    return len(optuna.load_study(study_name=NAME, storage=open_storage(storage)).get_trials(deepcopy=False))


class Clock:
    """Processor time of this process and wall time, at each tick."""

    def __init__(self) -> None:
        self.ticks: list[tuple[float, float]] = []

    def tick(self) -> None:
        """A trial is being evaluated."""
        self.ticks.append((time.process_time(), time.perf_counter()))

    @property
    def milliseconds(self) -> list[float]:
        """Median of the time between two ticks: of processor time, and of wall time."""
        between = np.diff(self.ticks, axis=0)[1:]  # the first trial reads the whole study
        return [1000 * float(value) for value in np.median(between, axis=0)]


def run_tunewise(storage: str, proposer: str, clock: Clock) -> None:
    """Trials by `tune`."""

    def objective(configuration: dict[str, float]) -> float:
        clock.tick()
        return configuration["gamma"]

    options = TuneOptions(study_name=NAME)
    tune(objective, SPACE, proposer=proposer, n_trials=length(storage) + TIMED, storage=storage, options=options)


def run_optuna(storage: str, clock: Clock) -> None:
    """Trials by Optuna alone."""
    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.load_study(study_name=NAME, storage=open_storage(storage), sampler=sampler)
    for _ in range(TIMED):
        trial = study.ask(SPACE.distributions)
        clock.tick()
        study.tell(trial, trial.params["gamma"])


@contextmanager
def profiled(wanted: bool) -> Iterator[None]:
    """Print where the time goes."""
    profile = cProfile.Profile()
    if wanted:
        profile.enable()
    yield
    if wanted:
        profile.disable()
        pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(40)


def measure(storage: str, who: str, trials: int, *, profile: bool) -> None:
    """Print a row of the table: a length, and what a trial costs there."""
    clock = Clock()
    with profiled(profile):
        if who == "optuna":
            run_optuna(storage, clock)
        else:
            run_tunewise(storage, who, clock)
    processor, wall = clock.milliseconds
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    kind = storage.partition(":")[0] if "://" in storage else Path(storage).suffix[1:]
    print(f"| {kind} | {who} | {trials} | {processor:.1f} | {wall:.1f} | {peak:.0f} |", flush=True)


def look(storage: str, folder: str) -> None:
    """Print how long it takes to show the study, and to report it."""
    for command, more in (("show", ()), ("report", ("--output", f"{folder}/report.html"))):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.perf_counter()
        arguments = [sys.executable, "-m", "tunewise", command, storage, "--study-name", NAME, *more]
        subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
        took = time.perf_counter() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"{command}: {processor:.2f} s of processor time, {took:.2f} s in all", flush=True)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--storage", help="database address; without it, a journal and SQLite in a temporary folder")
    parser.add_argument("--trials", default="1000,3000,10000")
    parser.add_argument("--who", default="random,auto,optuna", help="proposers, and optuna")
    parser.add_argument("--profile", action="store_true", help="print where the time goes")
    parser.add_argument("--one", action="store_true", help="measure here and now: one storage, one length, one who")
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    logging.getLogger("tunewise").setLevel(logging.WARNING)
    if arguments.one:
        measure(arguments.storage, arguments.who, int(arguments.trials), profile=arguments.profile)
        return
    print("| storage | who | trials before | processor, ms per trial | wall, ms | peak memory, MB |")
    print("|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for storage in (
            [arguments.storage] if arguments.storage else [f"{folder}/s.journal", f"sqlite:///{folder}/s.db"]
        ):
            for trials in arguments.trials.split(","):
                for who in arguments.who.split(","):
                    fill(storage, int(trials))
                    one = [sys.executable, __file__, "--one", "--storage", storage, "--who", who, "--trials", trials]
                    subprocess.run([*one, *(["--profile"] if arguments.profile else [])], check=True)
            look(storage, folder)


if __name__ == "__main__":
    main()
