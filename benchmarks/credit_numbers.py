"""Where the numbers of `auto`'s credit come from: what the recorded reader's trials were, and random ones.

    python benchmarks/credit_numbers.py

It looks up tables and trains nothing: half a minute.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tunewise.bench.problems.base import Problem
from tunewise.bench.recorded import RecordedRun, load_recordings
from tunewise.bench.suites import Terms, choose_problems
from tunewise.proposers.credit import FIRST, TIMID

RUNS = ("advised-30", "advised3-30")
DRAWS = 60
STALE, LATE = 8, 12
"""A plateau: so many trials without a new best; and the trials from this one on."""


def first_trials(problems: dict[str, Problem], runs: list[RecordedRun]) -> str:
    """How often the reader's first trial beats the default, and how near the first few are to it."""
    wins = [run.steps[1].value < run.steps[0].value for run in runs]  # type: ignore[operator]
    near = []
    for run in runs:
        space = problems[run.problem].space
        default, *others = (space.encode(dict(step.configuration)) for step in run.steps[: FIRST + 1])
        near += [float(np.abs(x - default).max()) < TIMID for x in others]
    return (
        f"The reader's first trial beats the default in {sum(wins)} of {len(wins)} studies. Of its first {FIRST}, "
        f"{sum(near)} of {len(near)} lie within {TIMID:g} of every range of it."
    )


def random_trials(problems: dict[str, Problem]) -> str:
    """How often a random point beats the default."""
    rng = np.random.default_rng(0)
    shares = []
    for problem in problems.values():
        default = problem.evaluate(problem.space.default or {}).value
        shares.append(np.mean([problem.evaluate(problem.space.sample(rng)).value < default for _ in range(DRAWS)]))
    return f"A random point beats it in {np.mean(shares):.0%} of cases ({len(shares)} tasks, {DRAWS} draws each)."


def improvements(run: RecordedRun, source: str, *, late: bool) -> Iterator[bool]:
    """Whether each trial of a source is a new best: late on a plateau, or early after a new best."""
    best, found = run.steps[0].value or np.inf, 0
    for number, step in enumerate(run.steps[1:], 1):
        value = np.inf if step.value is None else step.value
        stale = number - 1 - found
        counts = (number >= LATE and stale >= STALE) if late else (number < LATE and stale < STALE // 2)
        if step.source == source and counts:
            yield value < best
        if value < best:
            best, found = value, number


def main() -> None:
    """Print the sentences."""
    terms = Terms()
    problems = {name: terms.find(name) for name in choose_problems("hpobench")}
    recorded = [run for run in load_recordings() if run.problem in problems]
    print(first_trials(problems, [run for run in recorded if run.run in RUNS]))
    print(random_trials(problems))
    for series, source in (("advised-30", "model"), ("auto-30", "acquisition")):
        for late in (False, True):
            new = [i for run in recorded if run.run == series for i in improvements(run, source, late=late)]
            when = f"from trial {LATE} on, after {STALE} without" if late else f"before, after fewer than {STALE // 2}"
            print(f"{series}, {source}: a new best in {np.mean(new):.1%} of {len(new)} trials ({when}).")


if __name__ == "__main__":
    main()
