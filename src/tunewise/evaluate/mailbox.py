"""The way from an evaluation to the driver of its study, wherever the evaluation runs.

In this process it is a call. When it is pickled on its way to another process it becomes a folder: reports are lines of
a file that the driver reads while they come, and a second file says stop. On a machine that does not have the folder
(Dask, Ray without a shared disk) reports are kept, and come back with the outcome.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

__all__ = ["FolderChannel", "Mailbox", "Report"]

Report: TypeAlias = tuple[float, int | None]
"""A value and its step; None is the one after the last."""

LOOK_S = 0.05  # how often a folder is looked into


class Mailbox:
    """The driver's end of a channel, and the channel itself for an evaluation in this process.

    Args:
        received: Is handed each value and step, one at a time, by the thread that the value came from; whether the
            trial should stop. What it raises is raised by `close`.
    """

    def __init__(self, received: Callable[[float, int | None], bool]) -> None:
        self.heard = False
        self._received = received
        self._stop = False
        self._closed = False
        self._closing = threading.Event()
        self._error: Exception | None = None
        self._lock = threading.Lock()
        self._folder: Path | None = None
        self._read = 0  # bytes of the folder's reports
        self._reader = threading.Thread(target=self._follow, daemon=True)

    def send(self, value: float, step: int | None) -> None:
        """Hand over a value."""
        with self._lock:
            if self._closed or self._error:
                return
            try:
                if self._received(value, step) and not self._stop:
                    self._stop = True
                    if self._folder:
                        (self._folder / "stop").touch()
            except Exception as error:  # noqa: BLE001 - the driver's own, of which the objective shall know nothing
                self._error = error
                self._stop = True

    def stopped(self) -> bool:
        """Whether the evaluation should stop."""
        self.heard = self.heard or self._stop
        return self._stop

    def close(self) -> None:
        """Take what has come, and no more.

        Raises:
            Exception: What `received` has raised.
        """
        if self._folder:
            self._closing.set()
            self._reader.join()
            self._take()
            shutil.rmtree(self._folder, ignore_errors=True)
        with self._lock:
            self._closed = True
        if self._error:
            raise self._error

    def __reduce__(self) -> tuple[type[FolderChannel], tuple[Path]]:
        with self._lock:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="tunewise-run-"))
                (self._folder / "reports").touch()
                self._reader.start()
        return FolderChannel, (self._folder,)

    def _follow(self) -> None:
        while not self._closing.wait(LOOK_S):
            self._take()

    def _take(self) -> None:
        """Read the lines that are whole."""
        assert self._folder
        with suppress(OSError), (self._folder / "reports").open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._read += len(line)
                value, step = json.loads(line)
                self.send(value, step)


class FolderChannel:
    """The other end, in another process."""

    def __init__(self, folder: Path) -> None:
        self.heard = False
        self.late: list[Report] = []
        self._folder = folder
        self._lock = threading.Lock()

    def send(self, value: float, step: int | None) -> None:
        """Write it down where the driver looks; where that is not, keep it."""
        line = (json.dumps([value, step]) + "\n").encode()
        with self._lock:
            try:
                with (self._folder / "reports").open("r+b", buffering=0) as file:  # never makes the file
                    file.seek(0, 2)
                    file.write(line)
            except OSError:
                self.late.append((value, step))

    def stopped(self) -> bool:
        """Whether the driver says so."""
        self.heard = self.heard or (self._folder / "stop").exists()
        return self.heard

    def __reduce__(self) -> tuple[type[FolderChannel], tuple[Path]]:
        return FolderChannel, (self._folder,)
