"""How long importing and asking for help take, beside an empty Python and beside Optuna.

python benchmarks/startup.py [--runs 15]
"""

from __future__ import annotations

import argparse
import platform
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import tunewise": [sys.executable, "-c", "import tunewise"],
    "import optuna": [sys.executable, "-c", "import optuna"],
    "tunewise --help": [sys.executable, "-m", "tunewise", "--help"],
    "optuna --help": [sys.executable, "-m", "optuna.cli", "--help"],
}


def seconds(command: list[str]) -> float:
    """Wall time of a whole process."""
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    """Measure all commands in turn, so that a busy moment hits them alike."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    for command in COMMANDS.values():
        seconds(command)  # warm the disk cache
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(runs):
        for name, command in COMMANDS.items():
            taken[name].append(seconds(command))
    print(f"Python {platform.python_version()}, {platform.machine()}, median of {runs} runs in turn\n")
    medians = {name: statistics.median(times) for name, times in taken.items()}
    empty = medians["python -c pass"]
    for name, median in medians.items():
        print(f"{name:<18} {median * 1e3:7.0f} ms   {(median - empty) * 1e3:+7.0f} ms over an empty Python")
    ratio = medians["import tunewise"] / medians["import optuna"]
    print(f"\nimport tunewise / import optuna: {ratio:.2f}")
    print(f"tunewise --help / optuna --help: {medians['tunewise --help'] / medians['optuna --help']:.2f}")


if __name__ == "__main__":
    main()
