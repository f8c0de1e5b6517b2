"""What tests of clusters share: an objective that tells where it runs, and studies of forty trials."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import optuna

from support.waiting import until
from support.whole_paths import space
from tunewise import TuneOptions, tune
from tunewise.evaluate.run import Run
from tunewise.history import History, TrialRecord

HELD = 20
"""The trial that waits, as long as there is a file "wait"."""


def telling(folder: Path) -> Callable[[dict[str, Any], Run], float]:
    """An objective that writes down which process evaluates which trial, and reports two values."""

    def objective(configuration: dict[str, Any], run: Run) -> float:
        with (folder / "started").open("a") as file:
            file.write(f"{run.trial} {os.getpid()}\n")
        run.report(configuration["C"] + 1, 0)
        while run.trial == 20 and (folder / "wait").exists():
            time.sleep(0.01)
        run.report(configuration["C"], 1)
        return float(configuration["C"])

    return objective


def started(folder: Path) -> list[tuple[int, int]]:
    """Trial and process of each evaluation that has begun."""
    text = (folder / "started").read_text() if (folder / "started").exists() else ""
    return [(int(trial), int(pid)) for trial, pid in map(str.split, text.splitlines())]


class Told:
    """How often each trial was told."""

    def __init__(self) -> None:
        self.times: Counter[int] = Counter()

    def proposed(self, trial: TrialRecord) -> None: ...

    def reported(self, number: int, step: int, value: float) -> None: ...

    def told(self, trial: TrialRecord, history: History) -> None:
        self.times[trial.number] += 1


def run_forty(
    executor: Executor | str, folder: Path, *, interfere: Callable[[int], object], n_trials: int = 40
) -> None:
    """A study; once the trial in its middle runs, something happens to its process, and then it may end."""
    (folder / "wait").touch()

    def happens() -> None:
        until(lambda: any(trial == HELD for trial, _ in started(folder)))
        interfere(next(pid for trial, pid in started(folder) if trial == HELD))
        (folder / "wait").unlink()

    thread = threading.Thread(target=happens)
    thread.start()
    told = Told()
    study = tune(
        telling(folder),
        space(),
        proposer="random",
        n_trials=n_trials,
        n_jobs=4,
        options=TuneOptions(executor=executor, callbacks=[told]),
    )
    thread.join()
    assert told.times == Counter(range(n_trials))  # none lost, none twice
    for trial in study.trials:
        assert trial.state == optuna.trial.TrialState.COMPLETE, trial.user_attrs
        assert trial.value is not None
        assert trial.intermediate_values == {0: trial.value + 1, 1: trial.value}
        assert "note" not in trial.user_attrs["tunewise:result"]  # the second run's values took the first one's place
    assert len([trial for trial, _ in started(folder) if trial == HELD]) > 1


def kill(pid: int) -> None:
    """At once, as when memory is out."""
    os.kill(pid, signal.SIGKILL)


def stops_when_told(executor: Executor | str) -> None:
    """A trial that is given up knows it while it runs."""

    def endless(configuration: dict[str, Any], run: Run) -> float:
        run.report(100.0 if run.trial else 1.0, 0)
        while run.trial and not run.should_stop():
            time.sleep(0.01)
        return 1.0

    pruner = {"name": "threshold", "upper": 50.0}
    options = TuneOptions(executor=executor, pruner=pruner)
    study = tune(endless, space(), proposer="random", n_trials=2, n_jobs=2, options=options)
    assert [(t.state.name, t.value) for t in study.trials] == [("COMPLETE", 1.0), ("PRUNED", 100.0)]
