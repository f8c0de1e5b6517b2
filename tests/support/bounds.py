"""What an example of a fuzz test may take: processor time, so that a busy machine changes nothing, and memory."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from tunewise.changes import collector_paused

MOST_S = 1.0
"""Of processor time."""
MOST_MB = 200
"""That the process grows by, at its peak."""
PROCESS = Path("/proc/self")


def bounded(example: Callable[..., Any]) -> Callable[..., Any]:
    """The same test, which fails where it takes more.

    An example that imports something pays for all others, and is not judged. Python's collector waits meanwhile: it
    would go through what Hypothesis keeps of thousands of examples, a second in a process that has grown.
    """

    @wraps(example)
    def judged(*args: object, **kwargs: object) -> Any:
        with collector_paused():
            known, before, begun = len(sys.modules), megabytes("VmRSS"), time.process_time()
            forget_the_peak()
            try:
                return example(*args, **kwargs)
            finally:
                seconds, grown = time.process_time() - begun, megabytes("VmHWM") - before
                if len(sys.modules) == known:
                    assert seconds <= MOST_S, f"it took {seconds:.2f} s of processor time"
                    assert grown <= MOST_MB, f"it took {grown:.0f} MB"

    return judged


def forget_the_peak() -> None:
    """Let the largest size of this process begin anew, where the kernel keeps one."""
    if PROCESS.exists():
        (PROCESS / "clear_refs").write_text("5")


def megabytes(field: str) -> float:
    """A size of this process by its name in /proc; 0 where there is none."""
    if not PROCESS.exists():
        return 0.0
    lines = (PROCESS / "status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024
