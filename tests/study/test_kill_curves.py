"""Kill -9 in the middle of a learning curve: nothing finished is lost, nothing counts twice, no process is left."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from support.forms import in_short
from support.waiting import until, until_gone
from support.whole_paths import run, start, write_study
from tunewise.history import History, TrialRecord
from tunewise.study.storage import open_study

EPOCHS = 6
N_TRIALS = 4

COMMON = """
import os, time

def note(word, n):
    descriptor = os.open(os.path.join(FOLDER, "log"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{word} {n} {os.getpid()}\\n".encode())
    os.close(descriptor)

def curve(n, report):
    for epoch in range(EPOCHS):
        report(n / 60 + 1 / (epoch + 1), epoch)
        if epoch == 2:
            note("middle", n)
            while os.path.exists(os.path.join(FOLDER, "pause")):
                time.sleep(0.01)
    note("end", n)
    return n / 60

"""

FUNCTION = """
def objective(configuration, run):
    return curve(configuration["n"], run.report)
"""

PROGRAM = """
import json, sys
def say(value, step):
    print(json.dumps({"step": step, "value": value}), flush=True)
print(json.dumps({"value": curve(int(sys.argv[1]), say)}), flush=True)
"""


def logged(folder: Path, word: str) -> list[tuple[int, int]]:
    """`n` and process of each time that an evaluation came to a place."""
    if not (folder / "log").exists():
        return []
    lines = (folder / "log").read_text().splitlines()
    return [(int(line.split()[1]), int(line.split()[2])) for line in lines if line.startswith(word)]


def trials(folder: Path) -> list[TrialRecord]:
    return list(History.from_study(open_study(folder / "study.journal")))


@pytest.fixture(params=in_short(["program"], ["function", "program"]))
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A study with two workers; the evaluations pause in the middle of their curves, all of them."""
    common = COMMON.replace("FOLDER", repr(str(tmp_path))).replace("EPOCHS", str(EPOCHS))
    if request.param == "function":
        return write_study(tmp_path, objective=common + FUNCTION, proposer="random", n_trials=N_TRIALS, n_jobs=2)
    (tmp_path / "train.py").write_text(common + PROGRAM)
    command = [sys.executable, str(tmp_path / "train.py"), "{n}"]
    return write_study(tmp_path, evaluate={"command": command}, proposer="random", n_trials=N_TRIALS, n_jobs=2)


def check_whole(folder: Path, *, failed: int) -> None:
    """Every trial once, with one whole curve each."""
    told = trials(folder)
    assert [t.number for t in told] == list(range(N_TRIALS))
    assert sum(t.state == "failed" for t in told) == failed
    for trial in told:
        if trial.state == "finished":
            n = float(str(trial.configuration["n"]))
            assert trial.curve == tuple((epoch, n / 60 + 1 / (epoch + 1)) for epoch in range(EPOCHS))
            assert trial.value == n / 60
    finished = [int(str(trial.configuration["n"])) for trial in told if trial.state == "finished"]
    assert sorted(n for n, _ in logged(folder, "end")) == sorted(finished)  # none was evaluated to its end twice


def test_the_driver(file: Path, tmp_path: Path) -> None:
    (tmp_path / "pause").touch()
    driver = start("tune", file, "-q")
    until(lambda: len(logged(tmp_path, "middle")) == 2)
    until(lambda: all(len(t.curve) == 3 for t in trials(tmp_path)))  # stored while it trains
    began = {t.number: t.configuration for t in trials(tmp_path)}
    driver.kill()
    driver.communicate()
    until_gone(*(pid for _, pid in logged(tmp_path, "middle")))
    (tmp_path / "pause").unlink()
    last = run("tune", file, "-q")
    assert last.code == 0, last
    check_whole(tmp_path, failed=0)
    assert {t.number: t.configuration for t in trials(tmp_path) if t.number in began} == began


def test_a_worker_or_a_training_program(file: Path, tmp_path: Path) -> None:
    (tmp_path / "pause").touch()
    driver = start("tune", file, "-q")
    until(lambda: len(logged(tmp_path, "middle")) == 2)
    until(lambda: all(len(t.curve) == 3 for t in trials(tmp_path)))
    (killed, pid), (_, other) = logged(tmp_path, "middle")
    os.kill(pid, signal.SIGKILL)
    until(lambda: any(t.state == "failed" for t in trials(tmp_path)))
    (tmp_path / "pause").unlink()
    out, err = driver.communicate()
    assert driver.returncode == 0, (out, err)
    check_whole(tmp_path, failed=1)
    (failed,) = [t for t in trials(tmp_path) if t.state == "failed"]
    assert failed.configuration["n"] == killed
    assert len(failed.curve) == 3  # what it had reported is kept
    assert "signal" in failed.error.lower() or "SIGKILL" in failed.error
    until_gone(other, *(process for _, process in logged(tmp_path, "end")))
