"""Waiting for events. A slow machine changes no outcome: only what never comes fails a test, and late."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

PATIENCE_S = 300.0
"""After this, an event is taken never to come."""


def until(condition: Callable[[], object]) -> None:
    """Wait until it holds."""
    patience = time.perf_counter() + PATIENCE_S  # a test may make the monotonic clock leap
    while not condition():
        assert time.perf_counter() < patience, "what the test waits for has not come"
        time.sleep(0.01)


def runs(pid: int) -> bool:
    """Whether there is such a process, and not only its zombie, for which nobody has waited."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until_gone(*pids: int) -> None:
    """Wait until these processes have ended."""
    until(lambda: not any(map(runs, pids)))


def written(file: Path) -> str:
    """What a file holds, as soon as it holds something."""
    until(lambda: file.exists() and file.stat().st_size)
    return file.read_text()


def meet(folder: Path, name: str, parties: int) -> None:
    """Go on only when so many have come to a folder under different names: they run at the same time."""
    (folder / name).touch()
    until(lambda: len(list(folder.iterdir())) >= parties)


class Leap:
    """A clock that leaps by a day when something has happened: a limit is met by an event, not by waiting for it."""

    def __init__(self) -> None:
        self._real = time.monotonic
        self._event: Callable[[], object] = bool
        self._looks = 0

    def __call__(self, event: Callable[[], object]) -> None:
        """Leap once `event()` holds; whoever looks at the clock sees it at the second look after that."""
        self._event, self._looks = event, 0

    def monotonic(self) -> float:
        """In place of `time.monotonic`."""
        self._looks += bool(self._event())
        return self._real() + 86_400.0 * (self._looks > 1)
