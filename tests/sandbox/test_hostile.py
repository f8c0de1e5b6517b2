"""Programs that try everything, on every backend, as root and as an ordinary user: none gets out."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from support import hostile_files, hostile_witness
from support.backends import BACKENDS
from support.hostile_estimators import CHEATS
from support.hostile_programs import ENDS, PROGRAMS
from support.hostile_witness import ENVIRONMENT_SECRET, WITHOUT_WALLS
from tunewise.sandbox.bubblewrap import BubblewrapSandbox
from tunewise.sandbox.launch import PACKAGE, readable, spare_user
from tunewise.sandbox.probe import verdict

TESTS = Path(__file__).parents[1]
ROOT = os.geteuid() == 0
USERS = ["root", "ordinary"] if ROOT else ["ordinary"]


BECOME = """
import json, os, sys
uid, places, command = json.loads(sys.argv[1])
from tunewise.sandbox.lockdown import become, reach
reach(places)
become(uid)
os.execv(command[0], command)
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that other users may use; pytest's own is barred for them.

    It is in memory if there is room: a file system may make new files slowly after thousands were removed.
    """
    memory = Path("/dev/shm")
    roomy = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 1 << 30
    with tempfile.TemporaryDirectory(prefix="hostile-", dir=memory if roomy else None) as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


def run(backend: str, user: str, place: Path, *names: str) -> dict[str, Any]:
    """What the runner tells, run with a secret in its environment, as root or as somebody else."""
    command = [sys.executable, hostile_witness.__file__, backend, *names]
    if ROOT and user == "ordinary":
        places = [*readable(), str(PACKAGE.parent), str(TESTS), str(place)]
        command = [sys.executable, "-c", BECOME, json.dumps([spare_user(), places, command])]
    done = subprocess.run(
        command,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{PACKAGE.parent}:{TESTS}",
            "HOME": str(place),
            "TMPDIR": str(place),
            ENVIRONMENT_SECRET: secrets.token_hex(16),
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert (told["uid"] == 0) == (user == "root")
    return told


def no_escape(told: dict[str, Any], names: Collection[str]) -> None:
    """Check what became of some programs."""
    assert told["programs"].keys() == set(names)
    assert {name: end["escapes"] for name, end in told["programs"].items() if end["escapes"]} == {}
    assert {name: end["error"] for name, end in told["programs"].items() if not end["clear"]} == {}
    assert told["leftovers"] == []
    assert max(end["kept"] for end in told["programs"].values()) <= 2 * 16 * 1024  # of endless output


@pytest.mark.parametrize("backend", BACKENDS)
def test_nothing_escapes(backend: str, place: Path) -> None:
    """Each program on one backend; `test_nothing_at_all_escapes` has each on all."""
    names = list(PROGRAMS)[BACKENDS.index(backend) :: len(BACKENDS)]
    no_escape(run(backend, "ordinary", place, *names), names)


@pytest.mark.skipif(not ROOT, reason="only root can be root")
def test_nothing_escapes_that_root_runs(place: Path) -> None:
    names = list(PROGRAMS)[:: 4 * len(BACKENDS)]
    no_escape(run("fork server", "root", place, *names), names)


@pytest.mark.long
@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_nothing_at_all_escapes(backend: str, user: str, place: Path) -> None:
    no_escape(run(backend, user, place), PROGRAMS)


def test_no_estimator_gets_a_better_score_than_it_deserves(place: Path) -> None:
    """Some on one backend; what they try does not depend on it."""
    names = list(CHEATS)[:: len(BACKENDS)]
    no_escape(run("fork server", "ordinary", place, *names), names)


@pytest.mark.long
@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_no_estimator_at_all_does(backend: str, user: str, place: Path) -> None:
    no_escape(run(backend, user, place, *CHEATS), CHEATS)


@pytest.mark.long
@pytest.mark.parametrize("user", USERS)
def test_where_nothing_can_be_mounted_the_disk_is_bounded_by_looking(user: str, place: Path) -> None:
    names = [name for name in PROGRAMS if name in hostile_files.NAMES or "file" in name]
    told = run("landlock on disk", user, place, *names)

    assert told["programs"].keys() == set(names)
    assert {name: end["escapes"] for name, end in told["programs"].items() if end["escapes"]} == {}
    assert {name: end["error"] for name, end in told["programs"].items() if not end["clear"]} == {}
    assert told["leftovers"] == []


@pytest.mark.long
def test_the_witness_notices_what_escapes_without_a_sandbox(place: Path) -> None:
    told = run("unsafe", USERS[0], place)

    assert {name for name, end in told["programs"].items() if not end["escapes"]} == set()
    assert len(told["programs"]) == len(WITHOUT_WALLS) >= 35


def test_there_are_enough_of_them() -> None:
    assert len(PROGRAMS) >= 328
    assert len(CHEATS) >= 52
    assert ENDS.keys() <= PROGRAMS.keys()
    assert PROGRAMS.keys() >= WITHOUT_WALLS


def test_bubblewrap_is_tried_where_it_can_be() -> None:
    """Where it cannot, its backend must say why, and the others carry the load of this file."""
    reason = verdict(BubblewrapSandbox)
    if "bubblewrap" in BACKENDS:
        assert reason == ""
    else:
        print(f"the hostile programs were not run in bubblewrap: {reason}")
        assert "apt-get install bubblewrap" in reason or "could not be locked down" in reason
