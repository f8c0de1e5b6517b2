"""What backends share that start a Python for each run: they differ in the walls around it and the locks within."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tunewise.sandbox import launch
from tunewise.sandbox.base import USUAL, Limits, Listener, Outcome

__all__ = ["ColdSandbox"]


class ColdSandbox:
    """Runs each program in a Python of its own, which locks itself before it reads the program's first line.

    Attributes:
        depth: How many processes the walls put above that Python.
    """

    depth = 0

    def walls(self, folder: str) -> Sequence[str]:
        """The command that goes before the interpreter's, given the work folder."""
        del folder
        return ()

    def locks(self) -> launch.Locks:
        """What of `launch.run` is other than usual."""
        return {}

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

        def start(folder: str, channel: launch.Channel) -> launch.Process:
            inner = launch.interpreter("tunewise.sandbox.guest", channel.job, channel.answer)
            return launch.process([*self.walls(folder), *inner], folder, channel, depth=self.depth)

        return launch.run(start, program, arguments, files or {}, limits, listener, **self.locks())
