"""The backend that needs nothing but a kernel: Landlock guards files and signals, seccomp the system calls."""

from __future__ import annotations

import os
import sys

from tunewise.errors import SandboxUnavailable
from tunewise.sandbox import kernel, launch
from tunewise.sandbox.cold import ColdSandbox
from tunewise.sandbox.seccomp import known_machine

__all__ = ["LandlockSandbox", "require_landlock"]

NEEDED_ABI = 4
"""The first that rules on TCP: Linux 6.7."""


class LandlockSandbox(ColdSandbox):
    """Runs each program in a Python of its own that has nothing around it but the locks it has put on itself.

    Raises:
        SandboxUnavailable: This kernel or machine does not do it.
    """

    name = "landlock+seccomp"

    def __init__(self) -> None:
        require_landlock()

    def locks(self) -> launch.Locks:
        """The Python makes itself reachable for another user, and ends with this process."""
        return {"cover": True, "parent": os.getpid()}


def require_landlock() -> None:
    """Make sure that this kernel has what is needed, and that we may use it.

    Raises:
        SandboxUnavailable: It has not.
    """
    if sys.platform != "linux":
        raise SandboxUnavailable("Landlock is a part of Linux. Run in a Linux container or virtual machine.")
    if not known_machine():
        raise SandboxUnavailable(
            f"The numbers of the system calls are known for x86_64 and aarch64, not for {os.uname().machine}."
        )
    launch.require_rights()
    if (abi := kernel.landlock_abi()) < NEEDED_ABI:
        raise SandboxUnavailable(
            f"Landlock has ABI {abi} here, {NEEDED_ABI} is needed: a kernel of Linux 6.7 or later that is started with "
            "landlock among its security modules (see /sys/kernel/security/lsm), and a container that allows it."
        )
