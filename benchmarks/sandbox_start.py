"""How long an isolated trial takes to start: forked from a warm process, beside a cold start in the same sandbox.

    python benchmarks/sandbox_start.py [--warm 60] [--cold 5]

Both run a program that takes one optimizer step: the cold one imports torch first, the warm one's parent has. Where
torch is not installed, scikit-learn stands in for it. "To the first line" ends when the program's first line runs;
"whole run" when everything is cleared away and the outcome is there. The two take turns, so that a busy moment hits
them alike.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import statistics
import time

from tunewise.sandbox.base import Sandbox
from tunewise.sandbox.landlock import LandlockSandbox
from tunewise.sandbox.warm import SKLEARN_STEP, TORCH_STEP, WarmSandbox

MOST_MS, MOST_RATIO = 60.0, 0.05


def start(sandbox: Sandbox, step: str) -> tuple[float, float]:
    """Seconds to the first line and to the end of a program that takes one step."""
    began = time.monotonic()
    outcome = sandbox.run(f"import time\nbegan = time.monotonic()\n{step}\nrespond(began)")
    ended = time.monotonic()
    if outcome.error:
        raise SystemExit(outcome.error)
    return outcome.result - began, ended - began


def main() -> None:
    """Measure, print, and fail when it is too slow."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--warm", type=int, default=60)
    parser.add_argument("--cold", type=int, default=5)
    given = parser.parse_args()
    library, step = ("torch", TORCH_STEP) if importlib.util.find_spec("torch") else ("sklearn", SKLEARN_STEP)
    cold_sandbox = LandlockSandbox()
    with WarmSandbox([library], warm_up=step) as warm_sandbox:
        for sandbox in (warm_sandbox, cold_sandbox):
            start(sandbox, step)  # the first of a kind pays for what the disk has not in memory
        warm, cold = [], []
        for _ in range(given.cold):
            cold.append(start(cold_sandbox, step)[1])
            warm += [start(warm_sandbox, step) for _ in range(given.warm // given.cold)]
    first = statistics.median(start for start, _ in warm) * 1e3
    whole = statistics.median(whole for _, whole in warm) * 1e3
    slow = statistics.median(cold) * 1e3
    print(f"{platform.machine()}, Linux {platform.release()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(
        f"Python {platform.python_version()}, {library}, uid {os.getuid()}, {len(warm)} warm and {len(cold)} cold runs"
    )
    print(f"warm, to the first line  {first:8.1f} ms (median; at most {MOST_MS:g} wanted)")
    print(f"warm, whole run          {whole:8.1f} ms")
    print(f"cold, whole run          {slow:8.1f} ms")
    print(f"ratio of whole runs      {whole / slow:8.4f} (at most {MOST_RATIO:g} wanted)")
    if first > MOST_MS or whole / slow > MOST_RATIO:
        raise SystemExit("too slow")


if __name__ == "__main__":
    main()
