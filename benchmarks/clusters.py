"""What the driver of a study costs on a cluster.

    python benchmarks/clusters.py engines                                # a trial through threads, Dask and Ray
    python benchmarks/clusters.py storage --workers 1000 --trials 10000  # many workers, simulated, on a storage

`engines` runs trials that do nothing, so that all time is overhead. `storage` has as many trials running as there are
workers; they end in random order, at once, and the time of a trial early and late is compared.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import platform
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import optuna

from tunewise import Float, SearchSpace, TuneOptions, tune

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


def storage(workers: int, trials: int, address: str | None) -> None:
    """Print milliseconds per trial for each tenth of a study."""
    with tempfile.TemporaryDirectory() as folder:
        place = address or f"{folder}/s.journal"
        ticks = run(Simulated(workers, trials), workers, trials, place)
    tenth = trials // 10
    print(
        f"{workers} workers x {trials} trials on {place.partition(':')[0] if address else 'a journal'}; ms per trial\n"
    )
    print("| trials | median | mean, wall | mean, processor |\n|---|---|---|---|")
    for first in range(0, 10 * tenth, tenth):
        wall, cpu = ticks.wall[first : first + tenth], ticks.cpu[first : first + tenth]
        steps = [1000 * (b - a) for a, b in itertools.pairwise(wall)]
        mean = 1000 * (cpu[-1] - cpu[0]) / (len(cpu) - 1)
        typical, total = statistics.median(steps), statistics.mean(steps)
        print(f"| {first} to {first + tenth} | {typical:.1f} | {total:.1f} | {mean:.1f} |")


def main() -> None:
    """Choose."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["engines", "storage"])
    parser.add_argument("--workers", type=int, default=64)
    parser.add_argument("--trials", type=int, default=640)
    parser.add_argument("--engine", action="append", choices=["threads", "dask", "ray"], default=[])
    parser.add_argument("--address", help="a database; without it, a journal in a temporary folder")
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    logging.getLogger("tunewise").setLevel(logging.WARNING)
    if arguments.what == "engines":
        engines(arguments.workers, arguments.trials, arguments.engine or ["threads", "dask", "ray"])
    else:
        storage(arguments.workers, arguments.trials, arguments.address)


if __name__ == "__main__":
    main()
