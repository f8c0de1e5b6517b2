"""What a sandbox is: a Python program goes in, JSON comes out, and nothing else leaves.

The program runs as a module of its own with two names in reach: `arguments`, the JSON value that was sent along, and
`respond(value)`, which hands a JSON value back; the last one counts, and who listens hears the others. It sees its own
empty work folder and the files that were sent along, and has no network. What it answers is as untrusted as the
program itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

__all__ = ["USUAL", "Limits", "Listener", "Outcome", "Sandbox"]

Listener: TypeAlias = Callable[[object], bool]
"""Hears each answer while a program runs, and says whether it is to be ended; then it hears no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one run may use; each is enforced by the operating system or by the parent, never by the program.

    Attributes:
        wall_s: Seconds from start to end.
        cpu_s: Seconds of processor time, summed over the processes.
        memory_mb: Address space, MiB.
        file_mb: Largest file, MiB.
        disk_mb: All files together, MiB beyond those that are sent along, and 256 files and folders for each MiB. The
            folder lies in memory, beside `memory_mb`. Where the kernel lets us mount nothing it lies on the disk and
            the parent looks about twenty times a second; what is written between two looks comes on top.
        processes: Threads at the same time. No program may start a process.
        output_kb: What is kept of stdout and of stderr, KiB each, the end of it.
        result_kb: Largest answer, KiB of JSON.
    """

    wall_s: float = 60.0
    cpu_s: float = 60.0
    memory_mb: int = 4096
    file_mb: int = 64
    disk_mb: int = 256
    processes: int = 32
    output_kb: int = 16
    result_kb: int = 8192


USUAL = Limits()
"""What a run may use when nothing is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came out of a run.

    Attributes:
        result: What `respond` was given, plain JSON values; None when nothing was.
        error: Why there is no trustworthy end, one sentence, empty when the program ended by itself with exit code 0:
            a traceback's last line, or the limit that was reached.
        stdout: The end of what it printed.
        stderr: The same of errors.
        seconds: Wall time.
        stopped: Whether the listener ended it.
    """

    result: Any = None
    error: str = ""
    stdout: str = field(default="", repr=False)
    stderr: str = field(default="", repr=False)
    seconds: float = 0.0
    stopped: bool = False


class Sandbox(Protocol):
    """Runs Python that nobody trusts."""

    @property
    def name(self) -> str:
        """As recorded with the study, for example "landlock+seccomp"."""
        ...

    def run(
        self,
        program: str,
        *,
        arguments: object = None,
        files: Mapping[str, bytes] | None = None,
        limits: Limits = ...,
        listener: Listener | None = None,
    ) -> Outcome:
        """Run a program to its end or to a limit.

        Args:
            program: Python source.
            arguments: A JSON value, `arguments` in the program.
            files: Contents by plain file name, put into the work folder, readable by the program.
            limits: What it may use.
            listener: Hears its answers while it runs.
        """
        ...
