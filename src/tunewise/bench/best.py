"""The least values known of the live tasks: a long search, random and then by the surrogate, kept in a small file.

python -m tunewise.bench.best --random 150 --guided 100
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from tunewise.bench.methods import METHODS, Setting
from tunewise.bench.problems.live import BEST, LIVE
from tunewise.bench.records import Step
from tunewise.bench.runner import play
from tunewise.bench.workers import one_thread

__all__ = ["main", "search"]

SEED = 1000
"""No comparison uses it."""


def search(name: str, *, random: int, guided: int) -> dict[str, object]:
    """The best of both searches, with what made it."""
    steps: list[Step] = []
    for method, budget in (("random", random), ("default+gp", guided)):
        setting = Setting(problem=LIVE[name], budget=budget, seed=SEED)
        steps += play(METHODS[method], setting)
    known = [step for step in steps if step.value is not None]
    best = min(known, key=lambda step: step.value or 0.0)
    return {"value": best.value, "configuration": dict(best.configuration), "evaluations": len(steps)}


def main() -> None:
    """Search, and keep what is better than what is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", default=list(LIVE), help="names; all when left out")
    parser.add_argument("--random", type=int, default=150, help="random configurations")
    parser.add_argument("--guided", type=int, default=100, help="configurations by the surrogate")
    parser.add_argument("-o", "--output", type=Path, default=BEST, help="the file")
    asked = parser.parse_args()
    with one_thread():
        for name in asked.tasks:
            found = search(name, random=asked.random, guided=asked.guided)
            known = json.loads(asked.output.read_text("utf-8")) if asked.output.exists() else {}
            if name not in known or float(str(found["value"])) < known[name]["value"]:
                known[name] = found
            lines = ",\n".join(f"{json.dumps(task)}: {json.dumps(known[task])}" for task in LIVE if task in known)
            asked.output.write_text(f"{{\n{lines}\n}}\n", "utf-8")
            print(name, known[name]["value"], flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
