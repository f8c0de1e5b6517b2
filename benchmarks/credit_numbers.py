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
from tunewise.errors import InvalidReply
from tunewise.history import History, TrialRecord
from tunewise.prompts.parse import parse_batch
from tunewise.proposers.base import ProposalContext
from tunewise.proposers.credit import EARLY, FIRST, FLAT, FRUITLESS, MISPLACED, PLACED, TIMID, placement
from tunewise.record import Proposal
from tunewise.task import Task

RUNS = ("advised-30", "advised3-30")
PLACED_IN = ("advised-30", *(f"auto-0.2-30-{play}" for play in "abcd"))
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


def unreadable_replies(problems: dict[str, Problem], runs: list[RecordedRun]) -> str:
    """In how many of the reader's replies to `auto` no configuration can be found."""
    replies = [(problems[run.problem].space, text) for run in runs for text in run.replies]
    lost = 0
    for space, text in replies:
        try:
            parse_batch(text, space, base=space.default)
        except InvalidReply:
            lost += 1
    return f"Nothing can be read from {lost} of {len(replies)} of its replies to `auto`."


def fruitless_beginnings(runs: list[RecordedRun]) -> str:
    """How often the reader's first trials are no better than the default, or lie on a plateau of two values with it."""
    found, flat = [], []
    for run in runs:
        default = run.steps[0].value or 0.0
        values = [s.value for s in run.steps[1:] if s.source in ("model", "repair") and s.value is not None]
        if len(values) >= FRUITLESS:
            found.append(min(values[:FRUITLESS]) >= default)
            flat.append(min(values[:FLAT]) >= default and len({default, *values[:FLAT]}) <= 2)
    return (
        f"Its first {FRUITLESS} trials are no better than the default in {sum(found)} of {len(found)} studies, its "
        f"first {FLAT} on a plateau of two values in {sum(flat)}."
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


def placements(problems: dict[str, Problem], runs: list[RecordedRun]) -> str:
    """Where the reader's first calls go beside the earlier trials, and where a random point would."""
    rng = np.random.default_rng(0)
    found: dict[str, list[float]] = {"the reader's": [], "random ones": []}
    for run in runs:
        space = problems[run.problem].space
        records = [
            TrialRecord(n, "finished", dict(s.configuration), s.value, proposal=Proposal(source=s.source))  # type: ignore[arg-type]
            for n, s in enumerate(run.steps[: EARLY + 1])
        ]
        context = ProposalContext(task=Task(), space=space, history=History(tuple(records)), trial=len(records))
        for trial in (t for t in records[2:] if t.by_model):
            found["the reader's"].append(placement(trial.configuration, trial.number, context))
            found["random ones"].append(placement(space.sample(rng), trial.number, context))
    return "Proposals of the first calls: " + "; ".join(
        f"{who}, {np.mean(np.array(ratios) == PLACED):.0%} next to the better half, "
        f"{np.mean(np.array(ratios) == MISPLACED):.0%} next to a bad trial ({len(ratios)})"
        for who, ratios in found.items()
    )


def main() -> None:
    """Print the sentences."""
    terms = Terms()
    problems = {name: terms.find(name) for name in choose_problems("hpobench")}
    recorded = [run for run in load_recordings() if run.problem in problems]
    print(first_trials(problems, [run for run in recorded if run.run in RUNS]))
    print(fruitless_beginnings([run for run in recorded if run.run in RUNS or run.run.startswith("auto-0.2-30-")]))
    print(random_trials(problems))
    print(placements(problems, [run for run in recorded if run.run in PLACED_IN]))
    print(unreadable_replies(problems, [run for run in recorded if run.run.startswith("auto-0.2-30-")]))
    for series, source in (("advised-30", "model"), ("auto-30", "surrogate")):
        for late in (False, True):
            new = [i for run in recorded if run.run == series for i in improvements(run, source, late=late)]
            when = f"from trial {LATE} on, after {STALE} without" if late else f"before, after fewer than {STALE // 2}"
            print(f"{series}, {source}: a new best in {np.mean(new):.1%} of {len(new)} trials ({when}).")


if __name__ == "__main__":
    main()
