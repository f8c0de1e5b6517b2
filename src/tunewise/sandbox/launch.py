"""Starting a run: the job as a file, the pipes, the process; what all backends share on this side."""

from __future__ import annotations

import json
import os
import pwd
import secrets
import signal
import site
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from io import FileIO
from pathlib import Path
from typing import TypedDict

from tunewise.errors import SandboxUnavailable
from tunewise.sandbox.base import Limits, Listener, Outcome
from tunewise.sandbox.folder import SPARE_USERS, work_folder
from tunewise.sandbox.guest import BOOT
from tunewise.sandbox.lockdown import Lock
from tunewise.sandbox.supervise import Child, supervise

__all__ = ["Channel", "environment", "interpreter", "process", "readable", "require_rights", "run", "spare_user"]

PACKAGE = Path(__file__).parents[1]
OPEN_FILES = 256
LAST_MOMENTS_S = 5.0
RIGHTS = {"CAP_CHOWN": 0, "CAP_DAC_OVERRIDE": 1, "CAP_FOWNER": 3, "CAP_KILL": 5, "CAP_SETGID": 6, "CAP_SETUID": 7}
"""What root needs to run a program as another user, to end it and to clear away after it."""
SLACK = 64  # threads that others of the same user may start meanwhile


@dataclass(frozen=True, slots=True)
class Channel:
    """The child's ends: its job, and where it writes. Closed on this side once the child has them."""

    job: int
    answer: int
    stdout: int
    stderr: int


class Locks(TypedDict, total=False):
    """What of `run` is other than usual; see there."""

    landlock: bool
    seccomp: bool
    in_memory: bool
    unprivileged: bool
    cover: bool
    parent: int


def run(
    start: Callable[[str, Channel], Child],
    program: str,
    arguments: object,
    files: Mapping[str, bytes],
    limits: Limits,
    listener: Listener | None = None,
    *,
    landlock: bool = True,
    seccomp: bool = True,
    in_memory: bool = True,
    unprivileged: bool = True,
    cover: bool = False,
    parent: int = 0,
    within: str | None = None,
) -> Outcome:
    """Run a program in a process that `start` begins, given a work folder and a channel.

    Args:
        start: Begins a process that works off the job.
        program: Python source.
        arguments: A JSON value.
        files: Contents by plain file name.
        limits: What it may use.
        listener: Hears its answers while it runs.
        landlock: Whether the process locks itself with Landlock.
        seccomp: Whether it filters its system calls.
        in_memory: Whether its work folder is in memory of that size, where the kernel lets us.
        unprivileged: Whether it becomes another user when this one is root.
        cover: Whether it makes its Python reachable for that user, see `lockdown.reach`.
        parent: Its parent, whose end is its own; 0 if something else sees to that.
        within: Where to make the work folder.

    Raises:
        SandboxUnavailable: The process could not be locked down.
        UsageError: The name of a file is not plain.
        ValueError: The arguments hold NaN or an infinity.
    """
    uid = spare_user() if unprivileged and os.geteuid() == 0 else None
    with ExitStack() as stack:
        folder = stack.enter_context(work_folder(files, uid=uid, within=within))
        lock = Lock(
            folder=folder,
            readable=readable(),
            uid=uid,
            limits=resource_limits(limits, own_user=uid is not None, seccomp=seccomp),
            landlock=landlock,
            seccomp=seccomp,
            cover=cover,
            disk_mb=limits.disk_mb if in_memory else 0,
            parent=parent,
        )
        job = {"program": program, "arguments": arguments, "sys_path": module_path(lock.readable), "lock": asdict(lock)}
        file = stack.enter_context(tempfile.TemporaryFile())
        file.write(json.dumps(job, allow_nan=False).encode())
        file.seek(0)
        readers, writers = zip(*(ends(stack) for _ in range(3)), strict=True)
        child = start(folder, Channel(file.fileno(), *(writer.fileno() for writer in writers)))
        for writer in writers:
            writer.close()
        answer, stdout, stderr = (reader.fileno() for reader in readers)
        return supervise(child, (answer, stdout, stderr), folder=folder, limits=limits, listener=listener)


def ends(stack: ExitStack) -> tuple[FileIO, FileIO]:
    """The two ends of a pipe as objects, which close once however often they are told to: numbers are used again."""
    reader, writer = os.pipe()
    return stack.enter_context(FileIO(reader, "r")), stack.enter_context(FileIO(writer, "w"))


def resource_limits(limits: Limits, *, own_user: bool, seccomp: bool) -> dict[str, int]:
    """Limits that the kernel looks after, by their name without `RLIMIT_`.

    The number of processes counts all threads of a user. It is exact for a user of its own; for the caller it is a
    second wall behind the parent, which counts threads, and the filter, which lets no process start.
    """
    chosen = {
        "AS": limits.memory_mb << 20,
        "CPU": max(1, round(limits.cpu_s + 0.499)),
        "FSIZE": limits.file_mb << 20,
        "NOFILE": OPEN_FILES,
        "CORE": 1,  # less than any; and 0 would still start a handler of core dumps, as root
        "MEMLOCK": 0,
        "MSGQUEUE": 0,
        "SIGPENDING": 1024,  # timers too, which are memory of the kernel
    }
    if own_user:
        return {**chosen, "NPROC": limits.processes}
    if seccomp:
        return {**chosen, "NPROC": threads_of_this_user() + limits.processes + SLACK}
    return chosen


def threads_of_this_user() -> int:
    """Processes and threads that the caller's user runs now."""
    total = 0
    for entry in os.scandir("/proc"):
        with suppress(OSError):
            if entry.name.isdecimal() and entry.stat().st_uid == os.getuid():
                total += Path(entry.path, "task").stat().st_nlink - 2
    return total


def require_rights() -> None:
    """Make sure that root may do here what it does for a program; many a container takes from it.

    Raises:
        SandboxUnavailable: It may not.
    """
    if os.geteuid() != 0:
        return
    fields = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines())
    missing = [name for name, bit in RIGHTS.items() if not int(fields["CapEff"], 16) >> bit & 1]
    if missing:
        raise SandboxUnavailable(
            f"root runs programs as another user, and has no {', '.join(missing)} for that here. Run as an ordinary "
            "user, or allow it."
        )


def spare_user() -> int:
    """A user id that nobody has and under which nothing runs."""
    taken = {user.pw_uid for user in pwd.getpwall()}
    for entry in os.scandir("/proc"):
        with suppress(OSError):
            if entry.name.isdecimal():
                taken.add(entry.stat().st_uid)
    return secrets.choice([uid for uid in SPARE_USERS if uid not in taken])


def readable() -> list[str]:
    """Where this Python lies: programs, libraries and modules; of an environment not what else is in its folder."""
    found = [
        str(Path(prefix, part))
        for prefix in (sys.prefix, sys.base_prefix)
        for part in ("bin", "lib", "lib64", "pyvenv.cfg")
    ]
    found += [path for path in (*site.getsitepackages(), site.getusersitepackages()) if path in sys.path]
    real = [os.path.realpath(path) for path in found]
    return [path for path in dict.fromkeys([*found, *real]) if Path(path).exists()]


def module_path(places: Sequence[str]) -> list[str]:
    """What of this interpreter's module path lies in these places; the caller's own modules do not."""
    return [path for path in sys.path if any(path == place or path.startswith(place + "/") for place in places)]


def environment(folder: str) -> dict[str, str]:
    """All variables of a run. One thread for each numerical library, so that results repeat and limits are kept."""
    single = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LOKY_MAX_CPU_COUNT")
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": folder,
        "TMPDIR": folder,
        "JOBLIB_MULTIPROCESSING": "0",
        **dict.fromkeys(single, "1"),
    }


def interpreter(module: str, *arguments: object) -> list[str]:
    """The command that runs a module of this package in an isolated interpreter."""
    given = [str(PACKAGE.parent), module, *map(str, arguments)]
    return [sys.executable, "-I", "-B", "-X", "utf8", "-c", BOOT, *given]


class Process:
    """A child that was started by a command, perhaps inside another one that made its walls."""

    def __init__(self, popen: subprocess.Popen[bytes], *, depth: int) -> None:
        self._popen = popen
        self._depth = depth
        self._pids: list[int] = []

    def poll(self) -> int | None:
        """Its exit code; programs that make walls hand on a signal as 128 and its number.

        It is not waited for yet, so that its number stays its own until `kill` has used it.
        """
        if sys.platform != "linux" or self._popen.returncode is not None:
            return self._popen.poll()
        ended = os.waitid(os.P_PID, self._popen.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None:
            return None
        code = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
        return 128 - code if self._depth and code > 128 else code

    def kill(self) -> None:
        """End the group.

        Within walls the first process is killed, with which the kernel ends all others before whoever waits for it
        hears of it; so nothing runs any more when the command has ended.
        """
        if self._popen.returncode is not None:
            return
        if self._depth and (first := children(self._popen.pid)):
            for pid in first:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            await_end(self, LAST_MOMENTS_S)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.kill()
        self._popen.wait()

    def pids(self) -> list[int]:
        """The program's processes: as many steps below the command as there are walls."""
        if not self._pids:
            self._pids = [self._popen.pid]
            for _ in range(self._depth):
                self._pids = [child for pid in self._pids for child in children(pid)]
        return self._pids


def await_end(child: Child, most_s: float) -> None:
    """Wait until a child has ended, or for so long."""
    deadline = time.monotonic() + most_s
    while child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)


def children(pid: int) -> list[int]:
    """The children of a process, where the kernel tells."""
    with suppress(OSError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]
    return []


def process(command: Sequence[str], folder: str, channel: Channel, *, depth: int = 0) -> Process:
    """Start a command that works off the job of a channel."""
    popen = subprocess.Popen(  # noqa: S603 - our own interpreter, perhaps within bubblewrap
        command,
        stdin=subprocess.DEVNULL,
        stdout=channel.stdout,
        stderr=channel.stderr,
        pass_fds=[channel.job, channel.answer],
        env=environment(folder),
        cwd="/",
        start_new_session=True,
    )
    return Process(popen, depth=depth)
