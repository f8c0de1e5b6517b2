"""Ends the programs of a driver that was killed: a training run that nobody waits for would hold its GPU for hours.

The file is run by itself, as a small process beside the driver. From a pipe whose other end only the driver holds it
reads a line for what is about to begin ("+" and the mark that the program bears in its environment, then "+" and its
process group) and for what has ended ("-" and either). When the driver is no more, however it ended, the pipe ends too,
and what is left is killed. The mark is told before the program starts, so that there is no moment without a guard.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import IO

__all__ = ["MARK", "Watchdog", "end_marked", "signal_marked"]

MARK = "TUNEWISE_PROCESS"
"""Name of the variable whose value is a program's mark."""


class Watchdog:
    """The driver's end. One for a process, started before the first group; a fork starts its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pipe = -1
        self._owner = 0

    def wake(self) -> None:
        """Be there before a group begins, so that telling of it takes no time."""
        with self._lock:
            if self._owner == os.getpid():
                return
            reading, writing = os.pipe()
            process = subprocess.Popen(  # noqa: S603 - this file, by this interpreter
                [sys.executable, "-I", "-S", __file__],
                stdin=reading,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            process.returncode = 0  # it outlives this process by a moment; nobody waits for it
            os.close(reading)
            self._pipe, self._owner = writing, os.getpid()

    def begins(self, name: str) -> None:
        """A program with this mark, or a process group with this number, begins."""
        self._say(f"+{name}\n")

    def ends(self, name: str) -> None:
        """Nothing of it is left."""
        self._say(f"-{name}\n")

    def _say(self, line: str) -> None:
        with self._lock:
            if self._owner != os.getpid():
                return
            try:
                os.write(self._pipe, line.encode())
            except OSError:  # somebody has killed it: another one wakes with the next group
                os.close(self._pipe)
                self._owner = 0


def watch(lines: IO[str]) -> None:
    """The other end: remember what has begun until the pipe ends, then kill what is left of it."""
    left: set[str] = set()
    for line in lines:
        (left.add if line.startswith("+") else left.discard)(line[1:].strip())
    for group in filter(str.isdecimal, left):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(int(group), signal.SIGKILL)
    end_marked([name for name in left if not name.isdecimal()])


def end_marked(marks: Collection[str], *, within_s: float = 0.3) -> None:
    """Kill whatever bears one of these marks, or will within this time: a new process bears it from its exec on."""
    deadline = time.monotonic() + within_s
    while marks and time.monotonic() < deadline:
        signal_marked(marks, signal.SIGKILL)
        time.sleep(0.02)


def signal_marked(marks: Collection[str], number: int) -> bool:
    """Send a signal to each living process that bears one of these marks; whether there was one."""
    found = False
    for pid in pids_with({f"{MARK}={mark}".encode() for mark in marks}):
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
            found = True
    return found


def pids_with(entries: Collection[bytes]) -> list[int]:
    """Processes whose environment holds an entry; none where there is no /proc. Zombies have no environment."""
    if sys.platform != "linux":
        return []
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):  # ended meanwhile, or another user's
                if not set(entries).isdisjoint((folder / "environ").read_bytes().split(b"\0")):
                    found.append(int(folder.name))
    return found


if __name__ == "__main__":
    watch(sys.stdin)
