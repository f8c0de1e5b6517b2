"""A study that is killed, interrupted or starved at any moment goes on, and nothing that was earned is lost."""

from __future__ import annotations

import multiprocessing
import random
import signal
import sys
import time
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import optuna
import pytest

from support.forms import in_short
from support.waiting import PATIENCE_S, until, until_gone
from support.whole_paths import InProcess, Ran, answering, assert_paragraph, command, run, space, start, write_study
from tunewise import attributes
from tunewise.errors import StudyError
from tunewise.history import History, TrialRecord
from tunewise.sampler import LLMSampler
from tunewise.study.storage import open_study
from tunewise.study.stored import StoredStudy
from tunewise.study.tune import tune
from tunewise.testing.server import FaultServer

LOGGING = """
import os, time

def note(text):
    descriptor = os.open(os.path.join(os.path.dirname(__file__), "log"), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, (text + "\\n").encode())
    os.close(descriptor)

def objective(configuration):
    note(f"start {configuration['n']} {os.getpid()}")
    time.sleep(PAUSE(configuration))
    note(f"end {configuration['n']} {os.getpid()}")
    return configuration["C"]
"""


def logged(folder: Path, word: str) -> list[int]:
    """The `n` of the configurations whose evaluation started or ended, as the objective itself has written."""
    return [int(line.split()[1]) for line in lines_of(folder / "log") if line.startswith(word)]


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def kept(folder: Path) -> dict[int, TrialRecord]:
    """The trials in the journal."""
    journal = folder / "study.journal"
    if not journal.exists() or not journal.stat().st_size:
        return {}
    return {trial.number: trial for trial in History.from_study(open_study(journal))}


def calls_of(trial: optuna.trial.FrozenTrial) -> dict[str, Any]:
    """What was recorded about the calls for a trial."""
    return {key: call for key, call in trial.system_attrs.items() if key.startswith(attributes.CALL)}


SLOW = ["openai.resources.chat", "genai_prices", "rich.table", "jinja2", "tunewise.study.tune"]


def fork(*arguments: str) -> BaseProcess:
    """`tunewise` in a process of its own, which a server forks that has already imported what takes long."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([f"tunewise.{name}" for name in ("cli", "study.file", "cli.progress")] + SLOW)
    code = f"import sys, tunewise.cli; sys.argv = {['tunewise', *arguments]}; tunewise.cli.main()"
    process = context.Process(target=exec, args=(code,))  # a function of this module would have pytest imported
    process.start()
    return process


@pytest.mark.long
def test_thirty_trials_survive_ten_kills(tmp_path: Path) -> None:
    rng = random.Random(7)
    calls: dict[int, dict[str, Any]] = {}
    finished: dict[int, TrialRecord] = {}
    with FaultServer(then=answering()) as server:
        file = write_study(
            tmp_path,
            objective=LOGGING.replace("PAUSE(configuration)", "0.01"),
            n_trials=30,
            model={"name": "killed", "base_url": server.base_url},
        )
        for _ in range(10):
            seen = len(server.received)
            process = fork("tune", str(file), "-q")
            until(lambda seen=seen: len(server.received) > seen)  # type: ignore[misc]
            time.sleep(rng.uniform(0, 0.1))
            process.kill()
            process.join()
            assert process.exitcode == -signal.SIGKILL
            now = kept(tmp_path)
            assert {k: now[k] for k in finished} == finished  # nothing that was finished is lost or changed
            assert {t.configuration["n"] for t in now.values() if t.state == "finished"} <= set(logged(tmp_path, "end"))
            finished = {number: trial for number, trial in now.items() if trial.state == "finished"}
            stored = {t.number: calls_of(t) for t in open_study(tmp_path / "study.journal").trials}
            assert all(stored[number] == made for number, made in calls.items() if made)
            calls = stored
        assert 0 < len(finished) < 30
        last = run("tune", file, "-q")
        assert last.code == 0, last
        asked = len(server.received)
    trials = kept(tmp_path)
    assert list(trials) == list(range(30))
    assert all(trial.state == "finished" and trial.source == "model" for trial in trials.values())
    assert {k: trials[k] for k in finished} == finished
    evaluated = [trial.configuration["n"] for trial in trials.values()]
    assert len(set(evaluated)) == 30
    ends = logged(tmp_path, "end")
    assert set(evaluated) <= set(ends)
    assert len(ends) <= 30 + 10  # at most the one that was running is run again after each kill
    in_the_end = {t.number: calls_of(t) for t in open_study(tmp_path / "study.journal").trials}
    assert all(len(made) == 1 for made in in_the_end.values())  # a call that was recorded is never made again
    assert all(in_the_end[number] == made for number, made in calls.items() if made)
    assert 30 <= asked <= 30 + 10


@pytest.mark.parametrize("storage", in_short(["study.journal"], ["study.journal", "sqlite:///{}/study.db"]))
def test_a_driver_that_was_killed_leaves_no_workers(storage: str, tmp_path: Path) -> None:
    storage = storage.format(tmp_path)
    file = write_study(
        tmp_path,
        storage=storage,
        objective=LOGGING.replace("PAUSE(configuration)", "float(os.environ['PAUSE'])"),
        proposer="random",
        n_trials=4,
        n_jobs=2,
    )
    process = start("tune", file, "-q", PAUSE="600")
    until(lambda: len(logged(tmp_path, "start")) == 2)
    process.kill()
    process.communicate()
    workers = [int(line.split()[2]) for line in lines_of(tmp_path / "log")]
    until_gone(*workers)
    where = storage if "://" in storage else tmp_path / storage
    began = {trial.number: trial.configuration for trial in History.from_study(open_study(where))}
    last = run("tune", file, "-q", PAUSE="0")
    assert last.code == 0, last
    trials = {trial.number: trial for trial in History.from_study(open_study(where))}
    assert [(t.number, t.state) for t in trials.values()] == [(k, "finished") for k in range(4)]
    assert {number: trials[number].configuration for number in began} == began


def test_a_driver_that_was_killed_leaves_no_programs(tmp_path: Path) -> None:
    words = ["sh", "-c", f"echo start 0 $$ >> {tmp_path}/log; sleep 600; echo {{n?}}"]
    file = write_study(tmp_path, evaluate={"command": words}, proposer="random", n_trials=4, n_jobs=2)
    process = start("tune", file, "-q")
    until(lambda: len(lines_of(tmp_path / "log")) == 2)
    process.kill()
    process.communicate()
    programs = [int(line.split()[2]) for line in lines_of(tmp_path / "log")]
    until_gone(*programs)


PROGRAM = """
import os, sys, time
folder, n = sys.argv[1], sys.argv[2]
with open(os.path.join(folder, "log"), "a") as log:
    log.write(f"start {n} {os.getpid()}\\n")
if n == "3" and os.environ["PAUSE"] != "0":
    child = os.fork()
    with open(os.path.join(folder, "log"), "a") as log:
        log.write(f"child {n} {os.getpid()}\\n")
    time.sleep(float(os.environ["PAUSE"]))
print(0.5)
"""


@pytest.mark.parametrize("workers", in_short([1], [1, 2]))
@pytest.mark.parametrize(("number", "how"), [(signal.SIGINT, "python"), (signal.SIGTERM, "command")])
def test_an_interrupted_trial_goes_back_to_the_queue(
    number: signal.Signals, how: str, workers: int, tmp_path: Path, cli: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    pause = "float(os.environ['PAUSE']) * (configuration['n'] == 3)"
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), "{n}"]
    parts = {"evaluate": {"command": command}} if how == "command" else {}
    with FaultServer(then=answering()) as server:
        file = write_study(
            tmp_path,
            objective=LOGGING.replace("PAUSE(configuration)", pause),
            n_trials=5,
            n_jobs=workers,
            model={"name": "interrupted", "base_url": server.base_url},
            **parts,
        )
        process = start("tune", file, PAUSE="600")
        until(lambda: 3 in logged(tmp_path, "child" if how == "command" else "start"))
        until(lambda: all(kept(tmp_path)[k].state == "finished" for k in range(2)))
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE_S)  # the objective would pause for longer
        assert process.returncode == 130, Ran(process.returncode, out, err)
        assert "Interrupted. All finished trials are in" in err
        assert "Traceback" not in err
        pids = [int(line.split()[2]) for line in lines_of(tmp_path / "log")]
        until_gone(*pids)

        before = kept(tmp_path)
        assert [before[k].state for k in range(2)] == ["finished"] * 2
        assert (before[2].state, before[2].configuration["n"]) == ("waiting", 3)
        states = [t.state for t in open_study(tmp_path / "study.journal").trials[2:]]
        assert set(states) <= {optuna.trial.TrialState.WAITING, optuna.trial.TrialState.COMPLETE}
        monkeypatch.setenv("PAUSE", "0")
        assert cli("tune", file, "-q").code == 0
        asked = len(server.received)
    after = kept(tmp_path)
    calls = [calls_of(trial) for trial in open_study(tmp_path / "study.journal").trials]
    assert [sum(not call["error"] for call in made.values()) for made in calls] == [1] * 5  # none is made twice
    assert {call["error"] for made in calls for call in made.values()} <= {"", "interrupted"}
    assert 5 <= asked <= sum(map(len, calls))  # one may have been interrupted before it was sent
    assert [(t.number, t.state, t.source) for t in after.values()] == [(k, "finished", "model") for k in range(5)]
    assert all(after[k].configuration == t.configuration for k, t in before.items() if t.configuration)


def test_an_interruption_while_a_result_is_stored_loses_nothing() -> None:
    class Interrupted(LLMSampler):
        def after_trial(self, study: optuna.Study, trial: optuna.trial.FrozenTrial, *_: Any) -> None:
            if trial.number == 1 and len(study.trials) == 2:
                raise KeyboardInterrupt

    storage = optuna.storages.InMemoryStorage()
    sampler = Interrupted(space=space(), proposer="random", seed=0)
    with pytest.raises(KeyboardInterrupt):
        tune(lambda c: c["C"], space(), sampler=sampler, n_trials=3, storage=storage)
    study = tune(lambda c: c["C"], space(), proposer="random", n_trials=3, storage=storage)
    assert [t.state for t in History.from_study(study)] == ["finished"] * 3


@pytest.mark.parametrize("step", ["before_trial", "infer_relative_search_space"])
def test_an_interruption_while_a_trial_is_asked_for_leaves_none_running(
    step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = getattr(LLMSampler, step)

    def interrupted(sampler: LLMSampler, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> Any:
        if trial.number == 1:
            raise KeyboardInterrupt
        return own(sampler, study, trial)

    storage = optuna.storages.InMemoryStorage()
    with monkeypatch.context() as patch:
        patch.setattr(LLMSampler, step, interrupted)
        with pytest.raises(KeyboardInterrupt):
            tune(lambda c: c["C"], space(), proposer="random", n_trials=3, storage=storage)
    (name,) = optuna.get_all_study_names(storage)
    study = optuna.load_study(study_name=name, storage=storage)
    assert [t.state for t in study.trials] == [optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.WAITING]
    study = tune(lambda c: c["C"], space(), proposer="random", n_trials=3, storage=storage)
    assert [t.state for t in History.from_study(study)] == ["finished"] * 3


@pytest.mark.parametrize("storage", in_short(["study.journal"], ["study.journal", "sqlite:///{}/study.db"]))
def test_two_drivers_on_one_file(storage: str, tmp_path: Path, cli: InProcess) -> None:
    file = write_study(
        tmp_path,
        objective=LOGGING.replace("PAUSE(configuration)", "600"),
        proposer="random",
        n_trials=2,
        storage=storage.format(tmp_path),
    )
    first = start("tune", file, "-q")
    until(lambda: bool(logged(tmp_path, "start")))
    assert_paragraph(cli("tune", file, "-q"), 2, "Another process is running the study", "study.")
    assert cli("show", file).code == 0  # reading is allowed
    first.terminate()
    first.communicate()
    assert first.returncode == 130


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A journal of six trials."""
    path = tmp_path_factory.mktemp("whole") / "whole.journal"
    tune(lambda c: c["C"], space(), proposer="random", n_trials=6, storage=path)
    return path.read_bytes()


@pytest.mark.long
def test_a_journal_that_is_cut_anywhere_is_continued(journal: bytes, tmp_path: Path) -> None:
    rng = random.Random(3)
    ends = [at + 1 for at, byte in enumerate(journal) if byte == ord("\n")]
    cuts = [0, 1, ends[0], len(journal) - 1, ends[-2] + 1, *rng.sample(ends, 5), *rng.sample(range(len(journal)), 20)]
    whole = tmp_path / "whole.journal"
    whole.write_bytes(journal)
    expected = {t.number: (t.configuration, t.value) for t in History.from_study(open_study(whole))}
    for number, cut in enumerate(cuts):
        path = tmp_path / f"{number}.journal"
        path.write_bytes(journal[:cut])
        study = tune(lambda c: c["C"], space(), proposer="random", n_trials=6, storage=path)
        trials = History.from_study(study)
        assert {t.number: (t.configuration, t.value) for t in trials} == expected, cut
        assert all(t.state == "finished" and t.source == "random" for t in trials)
        assert path.read_bytes().endswith(b"\n")


def test_a_torn_record_in_the_middle_is_reported(journal: bytes, tmp_path: Path, cli: InProcess) -> None:
    lines = journal.splitlines(keepends=True)
    torn = tmp_path / "study.journal"
    torn.write_bytes(b"".join([*lines[:5], lines[5][:9] + b"\n", *lines[6:]]))
    with pytest.raises(StudyError, match=r"Line 6 of .* is damaged"):
        open_study(torn)
    file = write_study(tmp_path, objective="def objective(c): return 1.0", proposer="random")
    assert_paragraph(cli("tune", file, "-q"), 2, "Line 6 of", "study.journal", "is damaged")
    assert_paragraph(cli("show", file), 2, "Line 6 of", "study.journal", "is damaged")


LIMITED = (
    "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, resource.RLIM_INFINITY)); "
    "sys.dont_write_bytecode = True; "
)
"""A disk that is full, for files of the study: half of a compiled module would break whatever runs next."""


@pytest.mark.long
def test_a_full_disk_is_an_error_and_not_the_end(tmp_path: Path) -> None:
    file = write_study(
        tmp_path, objective="def objective(c): return c['C']", proposer="random", n_trials=8, study_name="tunewise"
    )
    words, environment = command("tune", file, "-q")
    limited = LIMITED.format(limit=4096) + words[2]
    ran = run_words([words[0], "-c", limited, *words[3:]], environment)
    assert_paragraph(ran, 2, "study.journal", "cannot be written")
    assert 0 < (tmp_path / "study.journal").stat().st_size <= 4096
    before = {n: t for n, t in kept(tmp_path).items() if t.state == "finished"}
    assert before
    again = run_words(words, environment)
    assert again.code == 0, again
    after = kept(tmp_path)
    assert [(t.number, t.state) for t in after.values()] == [(k, "finished") for k in range(8)]
    assert {n: after[n] for n in before} == before


@pytest.mark.long
@pytest.mark.parametrize("kind", ["journal", "sqlite"])
def test_no_call_is_paid_that_a_full_disk_could_not_record(kind: str, tmp_path: Path) -> None:
    kept_in = tmp_path / ("study.journal" if kind == "journal" else "study.db")
    storage = str(kept_in) if kind == "journal" else f"sqlite:///{kept_in}"
    with FaultServer([answering()] * 30) as server:
        model = {"name": "m", "base_url": server.base_url}
        objective = "def objective(c): return c['C']"
        file = write_study(tmp_path, objective=objective, n_trials=4, model=model, study_name="tunewise")
        words, environment = command("tune", file, "-q", "--storage", storage)
        run_words([*words, "--n-trials", "1"], environment)
        left = 8_192 if kind == "journal" else -40_000  # a database has kept the room that its first call was given
        limited = LIMITED.format(limit=kept_in.stat().st_size + left)
        for _ in range(2):
            ran = run_words([words[0], "-c", limited + words[2], *words[3:]], environment)
            assert_paragraph(ran, 2, "was not made" if kind == "journal" else "The database of the study", "Make room")
        assert len(server.received) == 1
        assert run_words(words, environment).code == 0
        asked = len(server.received)
    study = open_study(storage)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 4
    assert asked == StoredStudy.read(study).totals.calls == 4


def run_words(words: list[str], environment: dict[str, str]) -> Ran:
    """Run a command line to its end."""
    import subprocess

    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    return Ran(done.returncode, done.stdout, done.stderr)


def test_places_where_no_journal_can_be(tmp_path: Path, cli: InProcess) -> None:
    file = write_study(tmp_path, objective="def objective(c): return 1.0", proposer="random")
    (tmp_path / "folder.journal").mkdir()
    (tmp_path / "file").touch()
    for storage in (tmp_path / "folder.journal", tmp_path / "file" / "x.journal"):
        assert_paragraph(cli("tune", file, "-q", "--storage", storage), 2, str(storage))
    assert cli("tune", file, "-q", "--storage", tmp_path / "new" / "deep" / "x.journal").code == 0
    assert (tmp_path / "new" / "deep" / "x.journal").exists()


@pytest.mark.parametrize("fails", [False, True])
def test_an_end_between_the_result_and_the_telling_loses_no_evaluation(
    fails: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluated: list[float] = []

    def objective(configuration: dict[str, Any]) -> float:
        evaluated.append(configuration["C"])
        if fails and len(evaluated) == 1:
            raise ValueError("a bad start")
        return float(configuration["C"])

    class Killed(BaseException):
        """The process is no more: nothing of ours runs any longer."""

    def killed(*_: Any, **__: Any) -> None:
        raise Killed

    def go_on() -> optuna.Study:
        return tune(objective, space(), proposer="random", n_trials=2, storage=tmp_path / "s.journal")

    with monkeypatch.context() as patch:
        patch.setattr(optuna.Study, "tell", killed)
        with pytest.raises(Killed):
            go_on()
    assert open_study(tmp_path / "s.journal").get_trials()[0].state.name == "RUNNING"
    trials = go_on().get_trials()
    assert len(evaluated) == 2
    assert [t.state.name for t in trials] == ["FAIL" if fails else "COMPLETE", "COMPLETE"]
    assert [t.params["C"] for t in trials] == evaluated
