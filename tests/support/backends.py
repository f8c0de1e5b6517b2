"""Which sandboxes can be tested on this machine."""

from __future__ import annotations

import shutil
import subprocess


def bubblewrap_works() -> bool:
    """Whether it is installed and may make namespaces; many a container forbids it."""
    command = ["bwrap", "--unshare-pid", "--unshare-net", "--ro-bind", "/", "/", "true"]
    return bool(shutil.which("bwrap")) and subprocess.run(command, capture_output=True, check=False).returncode == 0


BACKENDS = ["landlock", "fork server", *(["bubblewrap"] if bubblewrap_works() else [])]
