"""What prior studies are worth: from seven data sets of a model to the eighth, on the 32 tables.

    python benchmarks/transfer.py --seeds 3 --out docs/results/transfer.md
    python benchmarks/transfer.py --seeds 1 --model NAME        with a model, which is asked in each arm
    python benchmarks/transfer.py --played --out docs/results/transfer-played.md    what a capable reader made of it

A prior study is the default and then our Gaussian process, 20 trials. Arms: no prior study; those of the other seven
data sets; one of a function that has nothing to do with the task (the squared distance from a random point of the cube,
at 20 random points). Regret is normalized: 0 is the best of the table, 1 a random point.

Two bounds stand beside them, which know the complete tables of the other seven: a greedy portfolio, whose next member
makes the mean rank of its best one on the seven tables smallest (as in Auto-sklearn 2.0, Feurer et al., JMLR 23, 2022),
tried in this order after the default; and after the default, whichever of the seven optima is best on the eighth.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.stats import rankdata

from tunewise.bench.measures import best_so_far, normalized
from tunewise.bench.methods.base import Outcome, Setting
from tunewise.bench.methods.optuna import quiet_study
from tunewise.bench.methods.ours import studied
from tunewise.bench.problems.base import Problem
from tunewise.bench.problems.hpobench import TabularTask
from tunewise.bench.problems.published import PUBLISHED_GRID, PublishedTask
from tunewise.bench.problems.registry import get
from tunewise.bench.recorded import load_recordings
from tunewise.bench.runner import ModelSpec
from tunewise.bench.suites import suites
from tunewise.errors import TrialFailed
from tunewise.history import History, TrialRecord
from tunewise.llm.base import ChatModel
from tunewise.log import silenced
from tunewise.prior_studies import PriorStudy
from tunewise.sampler import LLMSampler
from tunewise.sampler_options import SamplerOptions
from tunewise.study.prior import about

PRIOR_TRIALS = 20
DRAWS = 500
ARMS = ("no prior study", "the other seven", "an unrelated one")
PLAYED = tuple(("auto-0.2-5-alone" + play, "auto-0.2-5-seven" + play) for play in ("", "-b"))
"""The series of recorded runs of the first two arms, for each play: one run a task, with prior studies of seed 0."""
PLAYED_UNRELATED = (("auto-0.2-5-alone-b", "auto-0.2-5-unrelated-b"),)
"""The same with an unrelated prior study, in the second play alone."""
PLAYED_HOW = (
    "Played on 2026-11-26, first with 3d6b2c0, then with d31995d; all knew that there are 5 trials. With the other "
    "seven the tasks were played in groups of four, one of each model: what is told of one task's prior studies gives "
    "away another's best. Else in groups of eight."
)
BOUNDS = ("a portfolio from the seven tables", "the best of the seven optima")


def play(
    problem: Problem, trials: int, seed: int, prior: tuple[PriorStudy, ...] = (), *, model: ChatModel | None = None
) -> History:
    """A study of `auto`."""
    setting = Setting(problem=problem, budget=trials, seed=seed)
    sampler = LLMSampler(
        model,
        task=setting.task,
        space=problem.space,
        seed=setting.entropy,
        options=SamplerOptions(max_fallbacks=None),
        prior_studies=prior,
    )
    study = quiet_study(sampler)
    offers = studied(study, problem.space, budget=trials)
    offer = next(offers)
    while True:
        try:
            outcome = Outcome(value=problem.evaluate(offer.configuration).value)
        except TrialFailed as error:
            outcome = Outcome(value=None, error=str(error))
        try:
            offer = offers.send(outcome)
        except StopIteration:
            return History.from_study(study)


def unrelated(problem: Problem, seed: int) -> PriorStudy:
    """A study of another function."""
    rng = np.random.default_rng([seed, 1])
    configurations = [problem.space.sample(rng) for _ in range(PRIOR_TRIALS)]
    places = problem.space.encode_all(configurations)
    values = ((places - rng.random(problem.space.width)) ** 2).sum(axis=1)
    trials = (
        TrialRecord(k, "finished", c, float(v)) for k, (c, v) in enumerate(zip(configurations, values, strict=True))
    )
    return PriorStudy.of(History(tuple(trials)), problem.space, name="another function")


def scale(problem: Problem) -> tuple[float, float]:
    """The best value, and the mean of random points."""
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(DRAWS):
        try:
            drawn.append(problem.evaluate(problem.space.sample(rng)).value)
        except TrialFailed:
            continue
    assert problem.best is not None
    return problem.best, float(np.mean(drawn))


def regrets(history: History, problem: Problem, trials: int) -> np.ndarray:
    """Normalized, after each trial."""
    best, first = scale(problem)
    values = [t.value for t in history]
    return normalized(best_so_far(values, budget=trials, ceiling=first), best=best, first=first)


def table_regrets(problem: Problem) -> tuple[np.ndarray, int]:
    """Normalized, of every point of a table; and which of them is the default."""
    best, first = scale(problem)
    if isinstance(problem, TabularTask):
        errors, grid = problem.table.validation_errors, problem.grid
    else:
        assert isinstance(problem, PublishedTask)
        errors, grid = problem.errors.mean(axis=1), PUBLISHED_GRID
    assert problem.space.default is not None
    return np.nan_to_num((errors - best) / (first - best), nan=1.0), grid.index(problem.space.default)


def portfolio(tables: np.ndarray, start: int, trials: int) -> list[int]:
    """Points in the order in which they are tried, the first given. `tables`: `k x points` regrets."""
    ranks = rankdata(tables, axis=1) / tables.shape[1]
    chosen, covered = [start], ranks[:, start]
    while len(chosen) < trials:
        chosen.append(int(np.minimum(covered[:, None], ranks).mean(axis=0).argmin()))
        covered = np.minimum(covered, ranks[:, chosen[-1]])
    return chosen


def bounds(trials: int) -> np.ndarray:
    """`bounds x tasks x trials` normalized regrets of who knows the complete tables of the other seven."""
    tables = {name: table_regrets(get(name)) for name in suites()["hpobench"]}
    rows = []
    for name, (own, start) in tables.items():
        model = name.partition(":")[0]
        others = np.array([t for other, (t, _) in tables.items() if other != name and other.partition(":")[0] == model])
        optima = own[others.argmin(axis=1)].min()
        tried = (own[portfolio(others, start, trials)], np.array([own[start], *[optima] * (trials - 1)]))
        rows.append([np.minimum.accumulate(row) for row in tried])
    return np.array(rows).transpose(1, 0, 2)


def arms(seed: int) -> dict[str, tuple[tuple[PriorStudy, ...], ...]]:
    """The prior studies of each task in each arm. They are made first, without a model."""
    problems = {name: get(name) for name in suites()["hpobench"]}
    before = {name: play(problem, PRIOR_TRIALS, 100 + seed) for name, problem in problems.items()}

    def read(other: str, problem: Problem) -> PriorStudy:
        task = problems[other].task
        return PriorStudy.of(before[other], problem.space, name=other, metric=task.metric, **about(task.to_dict()))

    found: dict[str, tuple[tuple[PriorStudy, ...], ...]] = {}
    for name, problem in problems.items():
        others = [other for other in problems if other != name and other.partition(":")[0] == name.partition(":")[0]]
        found[name] = ((), tuple(read(other, problem) for other in others), (unrelated(problem, seed),))
    return found


def play_seed(seed: int, trials: int, model: ChatModel | None = None) -> np.ndarray:
    """`arms x tasks x trials` normalized regrets."""
    rows = []
    for name, priors in arms(seed).items():
        problem = get(name)
        rows.append([regrets(play(problem, trials, seed, arm, model=model), problem, trials) for arm in priors])
        print(seed, name, *(f"{row[2]:.3f} {row[-1]:.3f}" for row in rows[-1]), sep=" | ", flush=True)
    return np.array(rows).transpose(1, 0, 2)


def played(plays: Sequence[Sequence[str]]) -> np.ndarray:
    """`plays x arms x tasks x 5` normalized regrets of recorded runs."""
    found = {(run.run, run.problem): run.steps for run in load_recordings()}

    def regrets_of(series: str, name: str) -> np.ndarray:
        values = [(k, step) for k, step in enumerate(found[series, name]) if step.value is not None]
        trials = tuple(TrialRecord(k, "finished", dict(step.configuration), step.value) for k, step in values)
        return regrets(History(trials), get(name), len(found[series, name]))

    names = suites()["hpobench"]
    return np.array([[[regrets_of(series, name) for name in names] for series in play] for play in plays])


def say_change(arm: str, found: np.ndarray) -> str:
    """A sentence on the second of two arms beside the first. `found`: `seeds x 2 x tasks x trials`."""
    alone, other = found.mean(axis=(0, 2))
    errors = (found[:, 1] - found[:, 0]).mean(axis=0).std(axis=0, ddof=1) / found.shape[2] ** 0.5
    changes = (
        f"{100 * (other[k - 1] / alone[k - 1] - 1):+.0f} % at {k} (standard error over tasks "
        f"{100 * errors[k - 1] / alone[k - 1]:.0f})"
        for k in sorted({3, 5, found.shape[-1]})
    )
    return f"With {arm} regret changes by {', '.join(changes)}."


def page(found: np.ndarray, least: np.ndarray, *, told: str, command: str) -> str:
    """The figures as a page. `found`: `seeds x arms x tasks x trials`; `least`: `bounds x tasks x trials`."""
    trials = found.shape[-1]
    means = found.mean(axis=(0, 2))
    shown = sorted({1, 2, 3, 5, trials})
    lines = [
        f"Mean normalized regret on the 32 tables, {told}; prior studies of {PRIOR_TRIALS} trials. Command: "
        f"`python benchmarks/transfer.py {command}`.",
        "",
        "| prior studies | " + " | ".join(f"@{k}" for k in shown) + " |",
        "|---" * (len(shown) + 1) + "|",
        *(
            f"| {arm} | " + " | ".join(f"{row[k - 1]:.3f}" for k in shown) + " |"
            for arm, row in [*zip(ARMS, means, strict=False), *zip(BOUNDS, least.mean(axis=1), strict=True)]
        ),
        "",
    ]
    lines += [say_change(arm, found[:, [0, k]]) for k, arm in enumerate(ARMS) if 0 < k < found.shape[1]]
    return "\n".join(
        [
            *lines,
            "",
            "The last two rows know the complete tables of the other seven and nothing of the eighth, but for which of "
            "the seven optima is the best on it.",
            "",
        ]
    )


def main() -> None:
    """Play all seeds, and write a page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--trials", type=int, default=5)
    parser.add_argument("--model", help="a language model, as in tunewise bench; none unless given")
    parser.add_argument("--played", action="store_true", help="report what a capable reader played")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    if given.played:
        told = "two plays of `auto`, answered by a capable reader"
        text = page(played(PLAYED), bounds(5), told=told, command="--played")
        unrelated = f"{say_change(ARMS[2], played(PLAYED_UNRELATED))} That was in the second play alone."
        text = f"# Transfer from prior studies, with a model\n\n{text}\n{unrelated}\n\n{PLAYED_HOW}\n"
        print(text)
        if given.out:
            given.out.write_text(text, "utf-8")
        return
    found = []
    least = bounds(given.trials)
    model = ModelSpec(name=given.model).connect() if given.model else None
    by = f"`auto` with {given.model}" if given.model else "`auto` without a model"
    options = f"--trials {given.trials}" + (f" --model {given.model}" if given.model else "")
    with silenced():
        for seed in range(given.seeds):
            found.append(play_seed(seed, given.trials, model))
            told, command = f"{seed + 1} seeds, {by}", f"--seeds {seed + 1} {options}"
            text = f"# Transfer from prior studies\n\n{page(np.array(found), least, told=told, command=command)}"
            print(text, flush=True)
            if given.out:
                given.out.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
