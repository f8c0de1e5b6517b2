"""What a capable reader played, as records of the benchmark, so that one report compares it with every method.

    python -m tunewise.bench.played auto-0.2-30-i auto-0.2-30-l auto-0.2-30-m -o played.jsonl
    tunewise bench report played.jsonl baselines.jsonl -o report

With `--first 10` the first ten trials of longer runs are read as runs of that budget, and called so: whoever played
them planned for more.

One run a task was played in each series; several series of one method, given together, are plays 0, 1 and so on in the
place of seeds. Each run's method is the one whose prompts were answered; its model is called
"capable-reader". Tokens of the prompts are not known any more, so they are left unknown; of older plays it is not known
either which trial took two calls, so each trial of the model counts as one.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tunewise.bench.recorded import RecordedRun, load_recordings
from tunewise.bench.records import Run, RunKey, Step, append, read_runs
from tunewise.bench.suites import Terms
from tunewise.errors import UsageError
from tunewise.text import did_you_mean

__all__ = ["READER", "as_records"]

READER: Final = "capable-reader"
"""What the model is called in records."""
VERSIONS: Final = "answered by a capable reader, one run a task in each play"


def as_records(series: Sequence[str], first: int | None = None) -> Iterator[Run]:
    """Recorded runs as the benchmark keeps its own.

    Args:
        series: Names of series of runs, for example "auto-30-b".
        first: Of each run so many trials; None: all.

    Raises:
        UsageError: There is no such series.
    """
    runs = load_recordings()
    known = sorted({run.run for run in runs})
    plays: Counter[tuple[str, str, int]] = Counter()
    for name in series:
        if name not in known:
            raise UsageError(f"There is no series {name!r}. {did_you_mean(name, known)}")
        for run in (run for run in runs if run.run == name):
            same = run.problem, run.method, run.budget
            yield as_record(run, first, plays[same], " ".join(series))
            plays[same] += 1


def as_record(run: RecordedRun, first: int | None, play: int, series: str) -> Run:
    """One run; each of the reader's replies counts as the call of the trial that it was for."""
    problem = Terms().find(run.problem)
    budget = run.budget if first is None else min(first, run.budget)
    cut = budget < run.budget
    key = RunKey(
        problem=run.problem,
        protocol=problem.protocol,
        method=run.method,
        model=READER,
        variant=f"first {budget} of {run.budget}" if cut else "",
        budget=budget,
        seed=play,
    )
    steps = tuple(
        Step(
            configuration=dict(step.configuration),
            source=step.source,
            value=step.value,
            error="" if step.value is not None else "failed",
            calls=int(step.source in ("model", "repair")) if step.calls is None else step.calls,
            input_tokens=None,
            output_tokens=None,
            cost_usd=None,
        )
        for step in run.steps[:first]
    )
    return Run(
        key=key,
        steps=steps,
        best_known=problem.best,
        versions=VERSIONS,
        command=f"python -m tunewise.bench.played {series}{f' --first {budget}' if cut else ''} -o played.jsonl",
    )


def main() -> None:
    """Write series of played runs as records, behind those that the file holds."""
    parser = argparse.ArgumentParser(description="Played runs as records of the benchmark.")
    parser.add_argument("series", nargs="+", help="names of series")
    parser.add_argument("--first", type=int, help="of each run so many trials, as runs of that budget")
    parser.add_argument("-o", "--output", type=Path, default=Path("played.jsonl"))
    asked = parser.parse_args()
    known = read_runs([asked.output]) if asked.output.exists() else {}
    runs = [run for run in as_records(asked.series, asked.first) if run.key not in known]
    for run in runs:
        append(asked.output, run)
    print(len(runs), "runs written")  # noqa: T201


if __name__ == "__main__":
    main()
