"""A warm parent process that forks a locked child for each run: imports are paid once, not for each trial.

The child is locked with Landlock and seccomp by the very steps of the cold backend, so it is held as well as there.
What differs: it begins as a copy of a process that holds the imported modules and nothing of the caller's: a clean
environment, no files, no results of other runs. Global random generators begin in the same state in every child.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tunewise.errors import SandboxUnavailable
from tunewise.sandbox import launch
from tunewise.sandbox.base import USUAL, Limits, Listener, Outcome
from tunewise.sandbox.folder import claimed_folder
from tunewise.sandbox.landlock import require_landlock

__all__ = ["SKLEARN_STEP", "TORCH_STEP", "WarmSandbox"]

TORCH_STEP = """
import torch
torch.set_num_threads(1)
layer = torch.nn.Linear(4, 1)
optimizer = torch.optim.Adam(layer.parameters())
layer(torch.ones(8, 4)).sum().backward()
optimizer.step()
"""
"""Warms torch: the first step loads as much as the import."""

SKLEARN_STEP = """
import numpy
from sklearn.linear_model import SGDRegressor
SGDRegressor().fit(numpy.eye(8), numpy.arange(8))
"""
"""Warms scikit-learn."""

WARM_UP_S = 120.0
LAST_WORDS_S = 5.0


class WarmSandbox:
    """A `Sandbox` whose runs start in some hundredths of a second. To be closed, or used as a context manager.

    Several threads may run programs at the same time. A warm process that has died is replaced at the next run.

    Args:
        modules: What to import, by name.
        warm_up: Python source to run once afterwards, trusted: it runs with the caller's rights.

    Raises:
        SandboxUnavailable: This machine has no Landlock of the needed kind, or the warm-up fails.
    """

    name = "fork server, landlock+seccomp"

    def __init__(self, modules: Sequence[str] = (), *, warm_up: str = "") -> None:
        require_landlock()
        self._modules, self._warm_up = list(modules), warm_up
        self._lock = threading.Lock()
        self._folder = ExitStack()
        self._base = self._folder.enter_context(claimed_folder())
        Path(self._base).chmod(0o711)
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def run(
        self,
        program: str,
        *,
        arguments: object = None,
        files: Mapping[str, bytes] | None = None,
        limits: Limits = USUAL,
        listener: Listener | None = None,
    ) -> Outcome:
        """Run a program to its end or to a limit, see `Sandbox.run`."""
        for _ in range(2):
            children: list[Forked] = []
            try:
                outcome = self._run(children, program, arguments, files or {}, limits, listener)
            except (SandboxUnavailable, ConnectionError):
                if children and not children[0].lost:
                    raise
                continue  # the warm process had died before the program began; the next turn replaces it
            if children[0].lost:
                return Outcome(error="The warm process ended in the middle of the run.", seconds=outcome.seconds)
            return outcome
        raise SandboxUnavailable("The warm process dies again and again. Use a backend without one.")

    def close(self) -> None:
        """End the warm process and whatever it has forked."""
        with self._lock:
            self._stop()
        self._folder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _run(
        self,
        children: list[Forked],
        program: str,
        arguments: object,
        files: Mapping[str, bytes],
        limits: Limits,
        listener: Listener | None,
    ) -> Outcome:
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._stop()
                self._start()
            assert self._process is not None
            control, parent = self._control, self._process.pid
        assert control is not None

        def start(_: str, channel: launch.Channel) -> Forked:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs, ExitStack() as undo:
                undo.callback(ours.close)
                streams = [channel.job, channel.answer, channel.stdout, channel.stderr, theirs.fileno()]
                socket.send_fds(control, [b"run"], streams)
                undo.pop_all()
            children.append(Forked(ours))
            return children[0]

        return launch.run(start, program, arguments, files, limits, listener, parent=parent, within=self._base)

    def _start(self) -> None:
        control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control = control
        places = launch.readable()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter
                launch.interpreter("tunewise.sandbox.fork_server", theirs.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=launch.environment(self._base),
                cwd="/",
                start_new_session=True,
            )
        setup = {
            "modules": self._modules,
            "warm_up": self._warm_up,
            "sys_path": launch.module_path(places),
            "cover": [*places, self._base] if os.geteuid() == 0 else [],
        }
        control.settimeout(WARM_UP_S)
        try:
            control.send(json.dumps(setup).encode())
            refusal = control.recv(1 << 16)
        except (TimeoutError, ConnectionError) as error:
            raise SandboxUnavailable(f"The warm process did not get ready: {error or 'it took too long'}.") from error
        if refusal != READY:
            reason = refusal.decode("utf-8", "replace") or "it crashed"
            raise SandboxUnavailable(f"The warm process did not get ready: {reason}. Fix modules and warm_up.")
        control.settimeout(None)

    def _stop(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(LAST_WORDS_S)
            self._process.kill()
            self._process.wait()
        self._control = self._process = None


READY = b"ready"


class Forked:
    """A child of the warm process, known by the socket on which its fate is told.

    Attributes:
        lost: Whether the warm process ended before it could tell.
    """

    def __init__(self, fate: socket.socket) -> None:
        self._fate = fate
        self._pid: int | None = None
        self._code: int | None = None
        self.lost = False
        fate.setblocking(False)

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        with suppress(BlockingIOError, TimeoutError):
            while self._code is None:
                message = self._hear()
                if not message:
                    self.lost, self._code = True, -signal.SIGKILL
                elif self._pid is None:
                    self._pid = int(message)
                else:
                    self._code = int(message)
        return self._code

    def kill(self) -> None:
        """Have it killed by its parent, which knows for certain that the number is still its own; wait for the end."""
        if self._code is None:
            with suppress(OSError):
                self._fate.shutdown(socket.SHUT_WR)
            self._fate.settimeout(LAST_WORDS_S)
            if self.poll() is None:
                self.lost, self._code = True, -signal.SIGKILL
        self._fate.close()

    def pids(self) -> list[int]:
        """The child, as soon as it is known."""
        return [] if self._pid is None else [self._pid]

    def _hear(self) -> bytes:
        try:
            return self._fate.recv(64)
        except ConnectionError:
            return b""
