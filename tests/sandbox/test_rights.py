"""Root from whom a container has taken capabilities: a backend holds, or there is none, and the reason is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from support.backends import BACKENDS
from tunewise.sandbox.launch import PACKAGE, RIGHTS

ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not ROOT, reason="only root has capabilities to give up")
SYS_PTRACE, SYS_ADMIN = 19, 21

PROGRAM = """
import ctypes, json, struct, sys
from tunewise.sandbox import probe
from tunewise.sandbox.launch import PACKAGE, readable
from tunewise.sandbox.lockdown import reach
from tunewise.sandbox.warm import WarmSandbox

reach([*readable(), str(PACKAGE.parent)])  # while we may; in a container Python lies where everybody reaches it
libc, head, held = ctypes.CDLL(None), struct.pack("Ii", 0x20080522, 0), ctypes.create_string_buffer(24)
assert libc.capget(head, held) == 0
words = list(struct.unpack("6I", held.raw))
for capability in map(int, sys.argv[1:]):
    assert libc.prctl(24, capability, 0, 0, 0) == 0  # PR_CAPBSET_DROP
    for i in range(3):
        words[3 * (capability // 32) + i] &= ~(1 << capability % 32)
assert libc.capset(head, struct.pack("6I", *words)) == 0
assert libc.prctl(23, int(sys.argv[1]), 0, 0, 0) == 0  # PR_CAPBSET_READ: it is gone
print(json.dumps([probe.verdict(backend) for backend in (*probe.BACKENDS, WarmSandbox)]))
"""


def verdicts(*command: str) -> list[str]:
    """Of bubblewrap, Landlock and the fork server, in a process without these capabilities; nothing else is said."""
    done = subprocess.run(
        command,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    told: list[str] = json.loads(done.stdout)
    return told


def without(*capabilities: int) -> list[str]:
    return verdicts(sys.executable, "-c", PROGRAM, *map(str, capabilities))


@needs_root
def test_root_that_may_mount_needs_no_look_into_others() -> None:
    bubblewrap, *landlock = without(SYS_PTRACE)
    assert landlock == ["", ""]
    assert bubblewrap == "" or "bubblewrap" not in BACKENDS


@needs_root
def test_root_that_may_neither_mount_nor_look_into_others_has_no_backend() -> None:
    bubblewrap, *landlock = without(SYS_PTRACE, SYS_ADMIN)
    assert "bwrap" in bubblewrap
    for reason in landlock:
        assert "files without a name" in reason
        assert "allow CAP_SYS_PTRACE" in reason


@needs_root
def test_root_that_may_not_mount_but_look_has_landlock() -> None:
    bubblewrap, *landlock = without(SYS_ADMIN)
    assert "bwrap" in bubblewrap
    assert landlock == ["", ""]


@needs_root
@pytest.mark.parametrize("name", RIGHTS)
def test_root_that_lacks_what_it_needs_is_told_its_name(name: str) -> None:
    bubblewrap, *landlock = without(RIGHTS[name])
    for reason in landlock:
        assert f"has no {name} for that" in reason
    assert name in bubblewrap


def test_root_of_a_user_namespace_with_one_user_has_no_backend() -> None:
    """There is no other user to become."""
    own = ("unshare", "--user", "--map-root-user")
    if subprocess.run([*own, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this user may make no user namespace")
    for reason in verdicts(*own, sys.executable, "-c", PROGRAM.replace("reach([", "list(["), str(SYS_PTRACE)):
        assert "cannot be set up here" in reason or "bwrap" in reason
