"""One driver at a time, whatever the storage and however it is spelt; and a killed one's trials are taken over."""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest

from support.forms import in_short
from support.waiting import until, until_gone
from support.whole_paths import InProcess, assert_paragraph, run, space, start, write_study
from tunewise.errors import StudyError
from tunewise.history import History
from tunewise.study.options import TuneOptions
from tunewise.study.storage import file_of, is_driven, only_driver, open_storage, open_study
from tunewise.study.tune import tune

OBJECTIVE = """
import os, pathlib, time
place = pathlib.Path(__file__).parent
def objective(configuration):
    (place / "started").open("a").write(f"{configuration['n']} {os.getpid()}\\n")
    while (place / "wait").exists() and configuration["n"] % 5 == 0: time.sleep(0.01)
    return configuration["C"]
"""

SPELLINGS: dict[str, Callable[[Path], str]] = {
    "the same": lambda f: f"sqlite:///{f}",
    "another driver's name": lambda f: f"sqlite+pysqlite:///{f}",
    "options": lambda f: f"sqlite:///{f}?timeout=9",
    "a path with dots": lambda f: f"sqlite:///{f.parent}/./../{f.parent.name}/{f.name}",
    "a relative path": lambda f: f"sqlite:///{os.path.relpath(f)}",
    "a hard link": lambda f: f"sqlite:///{linked(f, os.link)}",
    "a symbolic link": lambda f: f"sqlite:///{linked(f, os.symlink)}",
}


def linked(file: Path, link: Callable[[Path, Path], None]) -> Path:
    link(file, file.with_suffix(".other"))
    return file.with_suffix(".other")


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_one_driver_of_a_database_whatever_the_spelling(spelling: str, tmp_path: Path) -> None:
    file = tmp_path / "s.db"
    with only_driver(f"sqlite:///{file}", "s") as orphaned:
        assert orphaned
        other = SPELLINGS[spelling](file)
        with pytest.raises(StudyError, match="Another process is running the study"):
            tune(lambda c: c["C"], space(), proposer="random", n_trials=1, storage=other)
    tune(lambda c: c["C"], space(), proposer="random", n_trials=1, storage=other)


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_one_driver_of_a_journal_whatever_the_link(link: Callable[[Path, Path], None], tmp_path: Path) -> None:
    file = tmp_path / "s.journal"
    with (
        only_driver(file, "s"),
        pytest.raises(StudyError, match="Another process"),
        only_driver(linked(file, link), "s"),
    ):
        pass


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("sqlite:///x.db", "x.db"),
        ("sqlite+pysqlite:///x.db", "x.db"),
        ("sqlite://", None),
        ("sqlite:///:memory:", None),
        ("postgresql://me@host/x.db", None),
        ("no address://", None),
    ],
)
def test_which_file_holds_a_storage(address: str, name: str | None) -> None:
    assert file_of(address) == (name and Path(name).resolve())


@pytest.mark.long
@pytest.mark.parametrize("kind", ["journal", "sqlite", "postgresql"])
def test_forty_trials_survive_a_kill_in_the_middle(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    address = {"journal": f"{tmp_path}/s.journal", "sqlite": f"sqlite+pysqlite:///{tmp_path}/s.db"}.get(kind)
    address = address or str(request.getfixturevalue("postgresql"))
    (tmp_path / "wait").touch()
    file = write_study(
        tmp_path, objective=OBJECTIVE, proposer="random", n_trials=40, storage=address, study_name="forty", seed=1
    )
    process = start("tune", file, "-q")
    until(lambda: any(int(line.split()[0]) % 5 == 0 for line in lines(tmp_path)))
    second = run("tune", file, "-q")
    assert_paragraph(second, 2, "Another process is running the study")
    process.kill()
    process.communicate()
    until_gone(*{int(line.split()[1]) for line in lines(tmp_path)})
    before = {t.number: t for t in History.from_study(open_study(address, "forty")) if t.state == "finished"}
    assert [t.state for t in History.from_study(open_study(address, "forty"))][-1] == "running"
    (tmp_path / "wait").unlink()
    last = run("tune", file, "-q")
    assert last.code == 0, last
    after = {t.number: t for t in History.from_study(open_study(address, "forty"))}
    assert {n: t.state for n, t in after.items()} == dict.fromkeys(range(40), "finished")  # none lost
    assert {n: after[n] for n in before} == before
    evaluated = Counter(int(line.split()[0]) for line in lines(tmp_path))
    assert sum(evaluated.values()) == 41  # the one that was interrupted is run again, none other


def lines(folder: Path) -> list[str]:
    """A line for each evaluation that has started."""
    return (folder / "started").read_text().splitlines() if (folder / "started").exists() else []


def test_two_studies_on_a_server_have_a_driver_each(postgresql: str) -> None:
    with only_driver(postgresql, "one") as one, only_driver(postgresql, "two") as two:
        assert one
        assert two
        with pytest.raises(StudyError, match="Another process"), only_driver(postgresql, "one"):
            pass
    with only_driver(postgresql, "one") as orphaned:
        assert orphaned


@pytest.mark.long
def test_a_plain_study_with_an_interrupted_trial_is_taken_over(tmp_path: Path, cli: InProcess) -> None:
    address = f"sqlite:///{tmp_path}/plain.db"
    study = optuna.create_study(study_name="plain", storage=open_storage(address))
    study.optimize(lambda trial: trial.suggest_float("C", 0.01, 100, log=True) + trial.suggest_int("n", 1, 60), 2)
    left = study.ask()
    left.suggest_float("C", 0.01, 100, log=True)  # and then its process was killed
    study = tune(
        lambda c: c["C"],
        space(),
        proposer="random",
        n_trials=4,
        storage=address,
        options=TuneOptions(study_name="plain"),
    )
    assert [t.state.name for t in study.trials] == ["COMPLETE"] * 4
    assert study.trials[2].params["C"] == left.params["C"]


@pytest.mark.parametrize("kind", in_short(["journal"], ["journal", "db"]))
def test_what_a_killed_driver_left_is_told_as_interrupted(kind: str, tmp_path: Path, cli: InProcess) -> None:
    address = f"{tmp_path}/s.journal" if kind == "journal" else f"sqlite:///{tmp_path}/s.db"
    (tmp_path / "wait").touch()
    file = write_study(tmp_path, objective=OBJECTIVE, proposer="random", n_trials=40, storage=address, seed=1)
    process = start("tune", file, "-q")
    until(lambda: any(int(line.split()[0]) % 5 == 0 for line in lines(tmp_path)))
    waits = History.from_study(open_study(address))[-1].number
    shown = cli("show", file).out
    assert "running" in shown
    assert "interrupted" not in shown
    process.kill()
    process.communicate()
    until_gone(*{int(line.split()[1]) for line in lines(tmp_path)})
    told = f"Trial {waits} was interrupted, and nobody runs it now. The next run of the same study does."
    for words in (["show", file], ["report", file, "--format", "md", "-o", "-"]):
        shown = " ".join(cli(*words).out.split())
        assert told in shown
        assert "running" not in shown
    states = [trial["state"] for trial in json.loads(cli("show", file, "--json").out)["trials"]]
    assert states.count("interrupted") == 1
    (tmp_path / "wait").unlink()
    assert run("tune", file, "-q").code == 0
    assert "interrupted" not in cli("show", file).out


def test_who_only_looks_keeps_no_driver_out(tmp_path: Path) -> None:
    file = tmp_path / "s.journal"
    opened = open_storage(file)
    with only_driver(file, "s"):
        assert is_driven(opened)
    assert is_driven(opened) is False
    with file.open("rb") as looked:
        fcntl.flock(looked, fcntl.LOCK_SH)
        later = threading.Timer(0.05, lambda: fcntl.flock(looked, fcntl.LOCK_UN))
        later.start()
        with only_driver(file, "s"):
            assert is_driven(opened)
        later.join()
    assert is_driven(open_storage(None)) is None
