"""Ends the programs of a driver that was killed: a training run that nobody waits for would hold its GPU for hours.

The file is run by itself, as a small process beside the driver. It reads a line for each process group that begins
("+123") or ends ("-123") from a pipe whose other end only the driver holds. When the driver is no more, however it
ended, the pipe ends too, and the groups that are left are killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import IO

__all__ = ["Watchdog"]


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

    def begins(self, group: int) -> None:
        """A process group has begun."""
        self._say(f"+{group}\n")

    def ends(self, group: int) -> None:
        """Nothing of it is left."""
        self._say(f"-{group}\n")

    def _say(self, line: str) -> None:
        with self._lock:
            if self._owner != os.getpid():
                return
            try:
                os.write(self._pipe, line.encode())
            except OSError:  # somebody has killed it: another one wakes with the next group
                os.close(self._pipe)
                self._owner = 0


def watch(lines: IO[bytes]) -> None:
    """The other end: remember groups until the pipe ends, then kill those that are left."""
    groups: set[int] = set()
    for line in lines:
        (groups.add if line.startswith(b"+") else groups.discard)(int(line[1:]))
    for group in groups:
        try:
            os.killpg(group, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


if __name__ == "__main__":
    watch(sys.stdin.buffer)
