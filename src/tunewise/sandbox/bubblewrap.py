"""The backend that hides everything: namespaces and mounts by bubblewrap, system calls by our own filter."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from tunewise.errors import SandboxUnavailable
from tunewise.sandbox import launch
from tunewise.sandbox.cold import ColdSandbox
from tunewise.sandbox.lockdown import SYSTEM
from tunewise.sandbox.seccomp import known_machine

__all__ = ["BubblewrapSandbox"]

WALLS = [
    *("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
    *("--die-with-parent", "--new-session", "--hostname", "sandbox"),
]
CAPABILITIES = ["CAP_SYS_ADMIN"]  # for the work folder in memory
FOR_ROOT = [*CAPABILITIES, "CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP", "CAP_DAC_OVERRIDE"]


class BubblewrapSandbox(ColdSandbox):
    """Runs each program in a Python of its own that sees an empty machine with that Python in it.

    Root's bubblewrap makes no user namespace, and the process inside becomes another user, as everywhere.

    Raises:
        SandboxUnavailable: bubblewrap is not installed, this machine's system calls are not known, or root has not the
            capabilities for it.
    """

    name = "bubblewrap+seccomp"
    depth = 2  # bwrap, and the first process of the namespace, which is bwrap too

    def __init__(self) -> None:
        if sys.platform != "linux":
            raise SandboxUnavailable("bubblewrap runs on Linux. Run in a Linux container or virtual machine.")
        if not known_machine():
            raise SandboxUnavailable(
                f"The numbers of the system calls are known for x86_64 and aarch64, not for {os.uname().machine}."
            )
        launch.require_rights()
        found = shutil.which("bwrap")
        if found is None:
            raise SandboxUnavailable(
                "bwrap is not installed: apt-get install bubblewrap, dnf install bubblewrap, or apk add bubblewrap."
            )
        self._bwrap = found

    def walls(self, folder: str) -> Sequence[str]:
        """bubblewrap, with what can be seen inside."""
        return [self._bwrap, *walls(folder), "--"]

    def locks(self) -> launch.Locks:
        """Mounts guard the files."""
        return {"landlock": False}


def walls(folder: str) -> list[str]:
    """What bubblewrap is told: what can be seen inside, and that nothing but the work folder can be written."""
    shown = outermost([*SYSTEM, *launch.readable(), str(launch.PACKAGE)])
    above = sorted({str(parent) for path in (*shown, folder) for parent in Path(path).parents} - {"/"})
    passages = [place for place in above if place not in shown and not within(place, shown)]
    root = os.geteuid() == 0
    return [
        *WALLS,
        *([] if root else ["--unshare-user"]),
        *("--cap-drop", "ALL"),
        *(word for name in (FOR_ROOT if root else CAPABILITIES) for word in ("--cap-add", name)),
        *(word for place in passages for word in ("--perms", "0755", "--dir", place)),
        *(word for place in shown for word in (how(place), place, place)),
        *("--dev-bind", "/dev/null", "/dev/null"),
        *("--bind", folder, folder),
        *("--remount-ro", "/"),
        *("--chdir", "/"),
    ]


def how(place: str) -> str:
    """How a place is shown: devices, which a usual mount would disable, as such."""
    return "--dev-bind-try" if place.startswith("/dev/") else "--ro-bind-try"


def outermost(paths: Sequence[str]) -> list[str]:
    """Paths without those that lie in another one of them."""
    return [path for path in sorted(set(paths)) if not within(path, paths)]


def within(path: str, places: Sequence[str]) -> bool:
    """Whether a path lies in one of these places."""
    return any(path.startswith(place + "/") for place in places)
