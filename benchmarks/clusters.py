"""What the driver of a study costs on a cluster.

    python benchmarks/clusters.py engines                                # a trial through threads, Dask and Ray
    python benchmarks/clusters.py storage --workers 1000 --trials 100000 --minutes 20   # many, simulated, on a storage
    python benchmarks/clusters.py storage --workers 1000 --before 100000 --trials 1000  # the same, late in a study

`engines` runs trials that do nothing, so that all time is overhead. `storage` has as many trials running as there are
workers; they end in random order, at once. It tells how long asking and telling take early and late.
"""

from __future__ import annotations

import argparse
import logging
import math
import platform
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import ParamSpec, TypeVar
from unittest import mock

import numpy as np
import optuna
from optuna.trial import create_trial

from tunewise import Float, SearchSpace, TuneOptions, tune
from tunewise.attributes import PROPOSAL, RESULT
from tunewise.history import History, TrialRecord
from tunewise.record import Proposal, Result
from tunewise.study.storage import open_storage

P = ParamSpec("P")
R = TypeVar("R")

SPACE = SearchSpace({"rate": Float(1e-5, 1, log=True), "momentum": Float(0, 1)})


class Ticks:
    """Notes when each trial was told."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.cpu: list[float] = []

    def __call__(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        """As a callback of Optuna's."""
        del study, trial
        self.wall.append(time.perf_counter())
        self.cpu.append(time.process_time())


class Simulated(Executor):
    """So many workers, of which a random one ends as soon as all are busy, or no more trials come."""

    def __init__(self, workers: int, trials: int) -> None:
        self._workers, self._left = workers, trials
        self._held: list[tuple[Future[object], Callable[[], object]]] = []
        self._changed = threading.Condition()
        self._rng = random.Random(0)
        threading.Thread(target=self._work, daemon=True).start()

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Hold it until its worker ends."""
        future: Future[R] = Future()
        with self._changed:
            self._held.append((future, lambda: fn(*args, **kwargs)))  # type: ignore[arg-type]
            self._left -= 1
            self._changed.notify()
        return future

    def _work(self) -> None:
        while self._left or self._held:
            with self._changed:
                self._changed.wait_for(lambda: len(self._held) >= self._workers or not self._left)
                if not self._held:
                    return
                k = self._rng.randrange(len(self._held))
                self._held[k], self._held[-1] = self._held[-1], self._held[k]
                future, call = self._held.pop()
            future.set_result(call())


def objective(configuration: dict[str, float]) -> float:
    """Nothing to do."""
    return configuration["momentum"]


def run(executor: Executor, workers: int, trials: int, storage: str | None, proposer: str = "random") -> Ticks:
    """A study."""
    ticks = Ticks()
    options = TuneOptions(executor=executor, callbacks=[ticks])
    tune(objective, SPACE, proposer=proposer, n_trials=trials, n_jobs=workers, storage=storage, options=options)
    return ticks


@contextmanager
def engine(name: str, workers: int) -> Iterator[Executor]:
    """An executor with so many places. On one machine these are threads of two processes (Dask), or processes (Ray)."""
    if name == "threads":
        with ThreadPoolExecutor(workers) as executor:
            yield executor
    elif name == "dask":
        from distributed import LocalCluster

        from tunewise.executors import DaskExecutor

        threads = max(workers // 2, 1)
        processes = min(workers, 2)
        with (
            LocalCluster(n_workers=processes, threads_per_worker=threads, dashboard_address=None) as cluster,
            DaskExecutor(str(cluster.scheduler_address)) as executor,
        ):
            yield executor
    else:
        import ray

        from tunewise.executors import RayExecutor

        ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False, object_store_memory=2**27)
        with RayExecutor(num_cpus=4 / workers) as executor:
            yield executor
        ray.shutdown()


def engines(workers: int, trials: int, names: list[str]) -> None:
    """Print milliseconds per trial."""
    print(f"Python {platform.python_version()}; {workers} trials at a time, {trials} trials, journal on disk\n")
    print("| engine | ms per trial, wall | of this, processor time of the driver |\n|---|---|---|")
    for name in names:
        with tempfile.TemporaryDirectory() as folder, engine(name, workers) as executor:
            run(executor, workers, 2 * workers, f"{folder}/warm.journal")
            ticks = run(executor, workers, trials, f"{folder}/s.journal")
        wall, cpu = (1000 * (each[-1] - each[0]) / (trials - 1) for each in (ticks.wall, ticks.cpu))
        print(f"| {name} | {wall:.1f} | {cpu:.1f} |", flush=True)


class Enough(BaseException):
    """The time is up."""


class Steps:
    """Processor and wall time of each ask and tell."""

    def __init__(self, minutes: float) -> None:
        self.ask: list[tuple[float, float]] = []
        self.tell: list[tuple[float, float]] = []
        self._at = self._now()
        self._end = self._at[1] + 60 * minutes

    def proposed(self, trial: TrialRecord) -> None:
        """See `Watch`."""
        del trial
        self._note(self.ask)

    def reported(self, number: int, step: int, value: float) -> None:
        """See `Watch`."""

    def told(self, trial: TrialRecord, history: History) -> None:
        """See `Watch`."""
        del trial, history
        self._note(self.tell)
        if self._at[1] > self._end:
            raise Enough

    def _note(self, steps: list[tuple[float, float]]) -> None:
        before, self._at = self._at, self._now()
        steps.append((self._at[0] - before[0], self._at[1] - before[1]))

    @staticmethod
    def _now() -> tuple[float, float]:
        return time.process_time(), time.perf_counter()


def fill(place: str, trials: int) -> None:
    """Trials that have ended already; whether they are safe on the disk does not matter here."""
    study = optuna.create_study(study_name="tunewise", storage=open_storage(place))
    rng = np.random.default_rng(0)
    with mock.patch("os.fsync"):
        for rate, momentum in zip(10 ** rng.uniform(-5, 0, trials), rng.uniform(0, 1, trials), strict=True):
            params = {"rate": float(rate), "momentum": float(momentum)}
            proposal = Proposal(configuration=dict(params), source="random", method="random").to_dict()
            result = Result(value=params["momentum"], seconds=0.0).to_dict()
            trial = create_trial(
                params=params,
                distributions=SPACE.distributions,
                value=params["momentum"],
                user_attrs={PROPOSAL: proposal, RESULT: result},
            )
            study.add_trial(trial)


def storage(workers: int, trials: int, address: str | None, *, before: int = 0, minutes: float = math.inf) -> None:
    """Print milliseconds of an ask and of a tell, for each tenth of a study and for the last trials alone."""
    with tempfile.TemporaryDirectory() as folder:
        place = address or f"{folder}/s.journal"
        if before:
            fill(place, before)
        steps = Steps(minutes)
        options = TuneOptions(executor=Simulated(workers, trials), callbacks=[steps])
        with suppress(Enough):
            tune(
                objective,
                SPACE,
                proposer="random",
                n_trials=before + trials,
                n_jobs=workers,
                storage=place,
                options=options,
            )
    kind = place.partition(":")[0] if address else "a journal"
    print(f"{workers} workers x {len(steps.tell)} trials after {before} on {kind}; median ms, processor (wall)\n")
    print("| told before | running | ask | tell |\n|---|---|---|---|")
    tenth = max(len(steps.tell) // 10, 1)
    for first in range(0, len(steps.tell) - tenth + 1, tenth):
        asked = steps.ask[workers - 1 :][first : first + tenth]  # from there on each tell is followed by an ask
        running = min(workers, trials - first)
        print(f"| {before + first} | {running} | {medians(asked)} | {medians(steps.tell[first : first + tenth])} |")


def medians(steps: list[tuple[float, float]]) -> str:
    """Milliseconds of processor time, and of wall time."""
    if not steps:
        return "-"
    processor, wall = (1000 * statistics.median(each) for each in zip(*steps, strict=True))
    return f"{processor:.1f} ({wall:.1f})"


def main() -> None:
    """Choose."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["engines", "storage"])
    parser.add_argument("--workers", type=int, default=64)
    parser.add_argument("--trials", type=int, default=640)
    parser.add_argument("--before", type=int, default=0, help="so many trials have ended before (storage)")
    parser.add_argument("--minutes", type=float, default=math.inf, help="then it stops (storage)")
    parser.add_argument("--engine", action="append", choices=["threads", "dask", "ray"], default=[])
    parser.add_argument("--address", help="a database; without it, a journal in a temporary folder")
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    logging.getLogger("tunewise").setLevel(logging.WARNING)
    if arguments.what == "engines":
        engines(arguments.workers, arguments.trials, arguments.engine or ["threads", "dask", "ray"])
    else:
        storage(
            arguments.workers, arguments.trials, arguments.address, before=arguments.before, minutes=arguments.minutes
        )


if __name__ == "__main__":
    main()
