"""The six live tasks as a capable reader played them, beside methods without a model.

    tunewise bench run live --methods default+gp,default+tpe-4 --budget 20 --seeds 2 --records live.jsonl -q
    python benchmarks/live_played.py live.jsonl --write docs/results/played-live.md

How much of the gap between the default configuration and the best value known is closed: 0 is the default, 1 the best
value that a long search found. A search that begins elsewhere can be below 0, and one that finds more above 1.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from pathlib import Path
from typing import Final

import numpy as np

from tunewise.bench.played import as_records
from tunewise.bench.records import Run, read_runs

PLAYED: Final = (
    "auto-0.2-live-20-c",
    "auto-0.2-live-20-d",
    "auto-0.2-live-20-e",
    "compressed-live-20",
    "compressed-live-20-b",
)
SHOWN: Final = (5, 10, 20)
"""After so many evaluations."""


def name_of(run: Run) -> str:
    """The method, and the reader where one answered."""
    return f"{run.key.method} ({run.key.model})" if run.key.model else run.key.method


def closed(run: Run, default: float) -> list[float]:
    """The share of the gap that is closed after so many evaluations."""
    values = [np.inf if step.value is None else step.value for step in run.steps]
    best = run.best_known or 0.0
    return [(default - min(values[:count])) / (default - best) for count in SHOWN]


def page(records: Path) -> str:
    """The page as Markdown."""
    runs = [*as_records(PLAYED), *read_runs([records]).values()]
    default = {run.key.problem: float(run.steps[0].value or 0.0) for run in runs if run.steps[0].source == "default"}
    found: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
    for run in runs:
        found[name_of(run), run.key.problem].append(closed(run, default[run.key.problem]))
    shares = {key: np.mean(rows, axis=0) for key, rows in found.items()}
    methods, problems = (list(dict.fromkeys(key[i] for key in shares)) for i in (0, 1))
    commands = "\n".join(f"    {command}" for command in dict.fromkeys(r.command for r in runs if not r.key.model))
    seeds = len({run.key.seed for run in runs if not run.key.model})
    played = Counter(method for method, _ in {(run.key.method, run.key.seed) for run in runs if run.key.model})
    plays = " and ".join(f"{count} of `{method}`" for method, count in sorted(played.items()))
    head = " | ".join(f"@{count}" for count in SHOWN)
    lines = [
        "# Live tasks, played",
        "",
        f"{len(problems)} tasks that train whenever they are evaluated; answered by a capable reader, "
        f"one run a task in each play, {plays}.",
        f"Other methods with {seeds} seeds. Made by these commands; do not edit by hand.",
        "",
        commands,
        f"    python benchmarks/live_played.py {records.name} --write docs/results/played-live.md",
        "",
        "Share of the gap between the default configuration and the best value known that is closed after so many",
        "evaluations. The best value known is what a long search found, so that a share can be above 1.",
        "",
        f"| method | {head} |",
        "|---" * (len(SHOWN) + 1) + "|",
    ]
    for method in methods:
        mean = np.mean([shares[method, problem] for problem in problems], axis=0)
        lines.append(f"| {method} | {' | '.join(f'{share:.2f}' for share in mean)} |")
    for count, at in ((count, SHOWN.index(count)) for count in SHOWN[1:]):
        lines += ["", f"## After {count} evaluations", "", f"| task | {' | '.join(methods)} |"]
        lines += ["|---" * (len(methods) + 1) + "|"]
        for problem in problems:
            lines.append(f"| {problem} | {' | '.join(f'{shares[method, problem][at]:.2f}' for method in methods)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("records", type=Path, help="of the methods without a model")
    parser.add_argument("--write", type=Path, default=None, help="the page; else it is printed")
    asked = parser.parse_args()
    if asked.write:
        asked.write.write_text(page(asked.records), "utf-8")
    else:
        print(page(asked.records))


if __name__ == "__main__":
    main()
