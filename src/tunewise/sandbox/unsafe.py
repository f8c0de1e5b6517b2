"""No sandbox at all, for `--unsafe-no-sandbox`: the same protocol, so that nothing else need know."""

from __future__ import annotations

import logging

from tunewise.sandbox import launch
from tunewise.sandbox.cold import ColdSandbox

__all__ = ["UnsafeSandbox"]

logger = logging.getLogger("tunewise")


class UnsafeSandbox(ColdSandbox):
    """Runs programs as the caller: they can read and write whatever the caller can, and use the network.

    What is free is kept: a clean environment, a work folder, the limits of the kernel on one process, wall time and
    the process group. A program that wants out of them gets out.
    """

    name = "none (unsafe)"

    def __init__(self) -> None:
        logger.critical(
            "NO SANDBOX: generated programs run with all your rights. They can read your files and keys, use the "
            "network and delete what you can delete. Leave out --unsafe-no-sandbox to have them locked in."
        )

    def locks(self) -> launch.Locks:
        """None."""
        return {"landlock": False, "seccomp": False, "in_memory": False, "unprivileged": False}
