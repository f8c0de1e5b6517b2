"""Start a process so that everything it starts can be ended with it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tunewise.evaluate.watchdog import MARK, Watchdog, end_marked, signal_marked

__all__ = ["ProcessTree", "describe_exit"]

watchdog = Watchdog()


@dataclass(frozen=True, slots=True, eq=False)
class ProcessTree:
    """A process in a session of its own, with all its descendants.

    Descendants are found by process group and, on Linux, by a mark in their environment, which finds those as well that
    became daemons. Ctrl-C at the terminal does not reach them.
    """

    root: subprocess.Popen[bytes]
    mark: str

    @classmethod
    def start(cls, command: Sequence[str], *, env: Mapping[str, str] | None = None, **options: Any) -> ProcessTree:
        """Run `command`, without a shell.

        Args:
            command: The program and its arguments.
            env: Environment; None takes that of this process.
            options: Further arguments of `subprocess.Popen`.

        Raises:
            OSError: It cannot be started.
            ValueError: An argument holds a NUL byte or cannot be encoded.
        """
        mark = uuid.uuid4().hex
        environment = dict(os.environ if env is None else env) | {MARK: mark}
        watchdog.wake()
        watchdog.begins(mark)  # before there is anything that could be left
        try:
            root = subprocess.Popen(command, env=environment, start_new_session=True, **options)  # noqa: S603
        except KeyboardInterrupt:  # the program may run already, and nobody was told its number
            end_marked([mark])
            raise
        except BaseException:
            watchdog.ends(mark)
            raise
        tree = cls(root, mark)
        try:
            watchdog.begins(str(root.pid))
        except BaseException:  # Ctrl-C at this very moment
            tree.end()
            raise
        return tree

    def signal(self, number: int) -> bool:
        """Send a signal to each living process of the tree; whether there was one."""
        found = False
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.root.pid, number)
            found = self.root.poll() is None
        return signal_marked([self.mark], number) or found

    def end(self, *, grace_s: float = 0.0) -> None:
        """End all of it: politely first when there is a grace, then without asking. Returns when nothing is left."""
        deadline = time.monotonic() + grace_s
        if grace_s > 0 and self.signal(signal.SIGTERM):
            while time.monotonic() < deadline and self.signal(0):
                time.sleep(0.02)
        for _ in range(100):  # whoever forks while we look is found in the next round
            if not self.signal(signal.SIGKILL):
                break
            time.sleep(0.01)
        self.root.wait()
        watchdog.ends(str(self.root.pid))
        watchdog.ends(self.mark)


def describe_exit(code: int) -> str:
    """How a process ended, from its return code: `"exit code 3"` or `"signal SIGSEGV"`."""
    if code >= 0:
        return f"exit code {code}"
    with suppress(ValueError):
        return f"signal {signal.Signals(-code).name}"
    return f"signal {-code}"
