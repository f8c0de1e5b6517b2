"""The way from an evaluation to the driver of its study, wherever the evaluation runs.

In this process it is a call. When it is pickled on its way to another process a `Wire` joins the two: the executor's
own (Dask, Ray), or else a folder, where reports are lines of a file that the driver reads while they come, and a second
file says stop. On a machine that does not have the folder reports are kept, and come back with the outcome.

An engine may run an evaluation again when its worker was lost. Each such attempt has a name, made where it runs: the
values of a new attempt take the place of those of the old one, which is not heard any more.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

from tunewise.evaluate.run import Channel

__all__ = ["FolderChannel", "Mailbox", "Report", "Take", "Wire", "Wired"]

Report: TypeAlias = tuple[float, int | None]
"""A value and its step; None is the one after the last."""

Take: TypeAlias = Callable[[str, float, int | None], None]
"""Takes a report: the name of the attempt that it comes from, the value, the step."""

LOOK_S = 0.05  # how often a folder is looked into


class Wire(Protocol):
    """Joins a mailbox with an evaluation in another process."""

    def far_end(self) -> Channel:
        """What stands in the mailbox's place there. It can be pickled, and names its attempt when it is unpickled."""
        ...

    def stop(self, attempt: str) -> None:
        """Let an attempt know that it should stop."""
        ...

    def close(self) -> None:
        """Hand over what has come, and listen no more."""
        ...


@runtime_checkable
class Wired(Protocol):
    """An executor that brings wires of its own."""

    def wire(self, take: Take) -> Wire:
        """A wire for one evaluation, whose reports `take` is handed."""
        ...


class Mailbox:
    """The driver's end of a channel, and the channel itself for an evaluation in this process.

    Args:
        received: Is handed each value and step, one at a time, by the thread that the value came from; whether the
            trial should stop. What it raises is raised by `close`.
        wire: Makes the way to another process, when there is need of one.
        again: Is told that the evaluation has begun anew.
    """

    late = ()

    def __init__(
        self,
        received: Callable[[float, int | None], bool],
        *,
        wire: Callable[[Take], Wire] | None = None,
        again: Callable[[], object] = lambda: None,
    ) -> None:
        self.heard = False
        self._received = received
        self._make_wire = wire or FolderWire
        self._again = again
        self._wire: Wire | None = None
        self._attempt = ""
        self._left: set[str] = set()  # attempts that another one has followed
        self._stop = False
        self._closed = False
        self._error: Exception | None = None
        self._lock = threading.Lock()

    def send(self, value: float, step: int | None) -> None:
        """Hand over a value."""
        self.take(self._attempt, value, step)

    def take(self, attempt: str, value: float, step: int | None) -> None:
        """Hand over a value of an attempt."""
        with self._lock:
            if self._closed or self._error or attempt in self._left:
                return
            try:
                if attempt != self._attempt:
                    self._follow(attempt)
                if self._received(value, step) and not self._stop:
                    self._stop = True
                    if self._wire:
                        self._wire.stop(attempt)
            except Exception as error:  # noqa: BLE001 - the driver's own, of which the objective shall know nothing
                self._error = error
                self._stop = True

    def _follow(self, attempt: str) -> None:
        if self._attempt:
            self._left.add(self._attempt)
            self._stop = False
            self._again()
        self._attempt = attempt

    def stopped(self) -> bool:
        """Whether the evaluation should stop."""
        self.heard = self.heard or self._stop
        return self._stop

    def close(self) -> None:
        """Take what has come, and no more.

        Raises:
            Exception: What `received` has raised.
        """
        if self._wire:
            self._wire.close()
        with self._lock:
            self._closed = True
        if self._error:
            raise self._error

    def __reduce__(self) -> tuple[Callable[[Channel], Channel], tuple[Channel]]:
        with self._lock:
            self._wire = self._wire or self._make_wire(self.take)
        return itself, (self._wire.far_end(),)


def itself(channel: Channel) -> Channel:
    """What a pickled mailbox becomes."""
    return channel


class FolderWire:
    """A folder that both ends can see."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self._folder = Path(tempfile.mkdtemp(prefix="tunewise-run-"))
        self._reports = self._folder / "reports"
        self._reports.touch()
        self._read = 0  # bytes of the reports
        self._closing = threading.Event()
        self._reader = threading.Thread(target=self._follow, daemon=True)
        self._reader.start()

    def far_end(self) -> FolderChannel:
        """See `Wire`."""
        return FolderChannel(self._folder)

    def stop(self, attempt: str) -> None:
        """See `Wire`."""
        (self._folder / f"stop-{attempt}").touch()

    def close(self) -> None:
        """See `Wire`."""
        self._closing.set()
        self._reader.join()
        self._look()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _follow(self) -> None:
        while not self._closing.wait(LOOK_S):
            self._look()

    def _look(self) -> None:
        """Read the lines that are whole."""
        with suppress(OSError), self._reports.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._read += len(line)
                attempt, value, step = json.loads(line)
                self._take(attempt, value, step)


class FolderChannel:
    """The other end, in another process."""

    def __init__(self, folder: Path) -> None:
        self.heard = False
        self.late: list[Report] = []
        self._folder = folder
        self._attempt = uuid.uuid4().hex
        self._lock = threading.Lock()

    def send(self, value: float, step: int | None) -> None:
        """Write it down where the driver looks; where that is not, keep it."""
        line = (json.dumps([self._attempt, value, step]) + "\n").encode()
        with self._lock:
            try:
                with (self._folder / "reports").open("r+b", buffering=0) as file:  # never makes the file
                    file.seek(0, 2)
                    file.write(line)
            except OSError:
                self.late.append((value, step))

    def stopped(self) -> bool:
        """Whether the driver says so."""
        self.heard = self.heard or (self._folder / f"stop-{self._attempt}").exists()
        return self.heard

    def __reduce__(self) -> tuple[type[FolderChannel], tuple[Path]]:
        return FolderChannel, (self._folder,)
