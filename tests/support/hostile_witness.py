"""Whoever notices an escape: servers, files, a secret, another process. And the runner of all hostile programs.

    python hostile_witness.py BACKEND [NAME ...]

runs them and writes one JSON object to stdout: for each program its escapes and how it ended. It is a program of its
own, because its own environment must hold a secret from the start, and to be run as another user.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import re
import resource
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from support.hostile_estimators import CHEATS, cheat
from support.hostile_programs import ENDS, PRELUDE, PROGRAMS
from tunewise.sandbox import syscalls
from tunewise.sandbox.base import Limits, Outcome, Sandbox

LIMITS = Limits(wall_s=30, cpu_s=10, memory_mb=700, file_mb=8, disk_mb=32, processes=32, result_kb=1024)
ENVIRONMENT_SECRET = "TUNEWISE_TEST_SECRET"
SHORT: list[tuple[str, Any, Any]] = [("limit of", "wall_s", 1.0), ("processor time", "cpu_s", 1.0)]
"""Limits of what would never end, by how it must."""
WATCH_S = {"daemon": 1.0}
WITHOUT_WALLS = {"tcp", "udp", "unix_socket", "abstract_socket", "read_secret", "read_secret_by_symlink", "home"} | {
    *("read_secret_by_hard_link", "list_outside", "write_secret", "append_secret", "truncate_secret", "remove_secret"),
    *("new_file_outside", "move_out", "write_through_symlink", "change_mode", "change_time", "passwords"),
    *("environment_of_parent", "environment_of_canary", "command_lines", "kill_canary", "signal_parent", "server"),
    *("limits_of_canary", "priority_of_canary", "fork_bomb", "daemon", "shell", "shell_by_subprocess"),
    *("signal_by_owner_of_pipe", "temporary_folder", "import_hook", "multiprocessing", "program_from_memory"),
    *("reserve_beyond_the_end", "target_of_a_link", "lock_the_interpreter", "files_in_memory", "large_pipes"),
}
"""What surely succeeds without a sandbox: what the witness must notice."""


def calls() -> dict[str, int]:
    """The system calls of this machine by name."""
    tables = (syscalls.ALLOWED, syscalls.REFUSED, syscalls.KILLED, syscalls.FILTERED)
    column = syscalls.MACHINES.index(platform.machine())
    return {name: n for table in tables for name, entry in table.items() if (n := entry[column]) is not None}


class Witness:
    """Everything that one program must not touch."""

    def __init__(self, stack: ExitStack) -> None:
        self.secret = secrets.token_hex(16)
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="witness-")))
        self.folder.chmod(0o777)
        self.file = self.folder / "secret"
        self.file.write_text(self.secret)
        self.file.chmod(0o666)
        home = self.folder / "home"
        home.mkdir()
        (home / ".netrc").write_text(self.secret)
        (self.folder / "link").symlink_to(f"/nowhere/{self.secret}")
        name = secrets.token_hex(8)
        places: list[tuple[int, int, Any]] = [
            (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            (socket.AF_UNIX, socket.SOCK_STREAM, str(self.folder / "unix")),
            (socket.AF_UNIX, socket.SOCK_DGRAM, str(self.folder / "datagram")),
            (socket.AF_UNIX, socket.SOCK_STREAM, "\0" + name),
        ]
        self.servers = [stack.enter_context(socket.socket(family, kind)) for family, kind, _ in places]
        for server, (_, kind, address) in zip(self.servers, places, strict=True):
            server.bind(address)
            server.setblocking(False)
            if kind == socket.SOCK_STREAM:
                server.listen()
        for path in ("unix", "datagram"):
            (self.folder / path).chmod(0o777)
        self.canary = subprocess.Popen(["sleep", "600"], env={"SECRET": self.secret})
        stack.callback(self._end)
        self.arguments = {
            "calls": calls(),
            "tcp": self.servers[0].getsockname()[1],
            "udp": self.servers[1].getsockname()[1],
            "unix": str(self.folder / "unix"),
            "unix_datagram": str(self.folder / "datagram"),
            "abstract": name,
            "secret": str(self.file),
            "link": str(self.folder / "link"),
            "home": str(home),
            "canary": self.canary.pid,
            "parent": os.getpid(),
        }
        self.before = self._state()

    def escapes(self, outcome: Outcome) -> list[str]:
        """What a program has achieved that it must not."""
        told = json.dumps([outcome.result, outcome.error, outcome.stdout, outcome.stderr])
        found = [f"a server heard it ({place})" for place, server in enumerate(self.servers) if heard(server)]
        if self.secret in told or os.environ[ENVIRONMENT_SECRET] in told:
            found.append("it told a secret")
        if outcome.result == "ESCAPED":
            found.append("it says so")
        if self._state() != self.before:
            found.append("something outside has changed")
        return found

    def _state(self) -> object:
        pid = self.canary.pid
        status = "ended"
        if self.canary.poll() is None:
            stopped = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "Tt"
            status = "stopped" if stopped else "runs"
        with suppress(ProcessLookupError):
            status += str(os.getpriority(os.PRIO_PROCESS, pid)) + str(resource.prlimit(pid, resource.RLIMIT_NOFILE))
        files = {}
        for path in sorted(self.folder.rglob("*")):
            found = path.lstat()
            content = path.read_text() if path.is_file() else ""
            files[str(path)] = (found.st_mode, found.st_uid, found.st_nlink, found.st_mtime_ns, content)
        return status, files, self.folder.stat().st_mode, self.file.exists() and os.listxattr(self.file)

    def _end(self) -> None:
        self.canary.kill()
        self.canary.wait()


def heard(server: socket.socket) -> bool:
    """Whether anybody has turned to this server."""
    with suppress(BlockingIOError):
        if server.type == socket.SOCK_STREAM:
            server.accept()[0].close()
        else:
            server.recv(1)
        return True
    return False


def attack(sandbox: Sandbox, name: str) -> dict[str, Any]:
    """Run one hostile program; say what it has achieved and how it ended."""
    if name in CHEATS:
        return cheat(sandbox, name)
    began = time.monotonic()
    with ExitStack() as stack:
        witness = Witness(stack)
        limits = replace(LIMITS, **{key: value for part, key, value in SHORT if part in ENDS.get(name, "")})
        outcome = sandbox.run(PRELUDE + PROGRAMS[name], arguments=witness.arguments, limits=limits)
        time.sleep(WATCH_S.get(name, 0))
        escapes = witness.escapes(outcome)
    wrong = name in ENDS and not re.search(ENDS[name], outcome.error)
    return {
        "escapes": escapes,
        "error": outcome.error,
        "clear": not wrong and (bool(outcome.error) or outcome.result is not None or not outcome.stderr),
        "seconds": outcome.seconds,
        "total": time.monotonic() - began,
        "kept": len(outcome.stdout) + len(outcome.stderr),
    }


def leftovers(runs: str) -> list[str]:
    """Folders that were not removed, and processes that work in one."""
    found = [path.name for path in Path(runs).iterdir()]
    for process in Path("/proc").iterdir():
        with suppress(OSError):
            if process.name.isdecimal() and str((process / "cwd").readlink()).startswith(runs):
                found.append(f"process {process.name}")
                os.kill(int(process.name), signal.SIGKILL)
    return found


def backends() -> dict[str, Callable[[], Any]]:
    """All backends by name, made as a user makes them."""
    from tunewise.sandbox.bubblewrap import BubblewrapSandbox
    from tunewise.sandbox.landlock import LandlockSandbox
    from tunewise.sandbox.launch import Locks
    from tunewise.sandbox.unsafe import UnsafeSandbox
    from tunewise.sandbox.warm import WarmSandbox

    class OnDisk(LandlockSandbox):
        """As where the kernel does not let us mount anything."""

        def locks(self) -> Locks:
            return {**super().locks(), "in_memory": False}

    return {
        "landlock on disk": OnDisk,
        "landlock": LandlockSandbox,
        "bubblewrap": BubblewrapSandbox,
        "fork server": lambda: WarmSandbox(["numpy"]),
        "unsafe": UnsafeSandbox,
    }


def main(backend: str, *names: str) -> None:
    logging.getLogger("tunewise").setLevel(logging.CRITICAL)
    sys.setswitchinterval(0.0005)  # one thread's JSON must not hold up another one's look at many files
    runs = os.path.realpath(tempfile.mkdtemp(prefix="runs-"))
    Path(runs).chmod(0o711)
    tempfile.tempdir, ours = runs, tempfile.gettempdir()
    with ExitStack() as stack:
        sandbox = backends()[backend]()
        if hasattr(sandbox, "close"):
            stack.callback(sandbox.close)
        tempfile.tempdir = ours if backend == "fork server" else runs
        pool = stack.enter_context(ThreadPoolExecutor(4))
        chosen = names or (sorted(WITHOUT_WALLS) if backend == "unsafe" else tuple(PROGRAMS))
        told = dict(zip(chosen, pool.map(lambda name: attack(sandbox, name), chosen), strict=True))
        pool.shutdown()
    left = leftovers(runs)
    shutil.rmtree(runs)
    json.dump({"name": sandbox.name, "uid": os.getuid(), "leftovers": left, "programs": told}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
