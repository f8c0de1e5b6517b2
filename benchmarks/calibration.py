"""Whether the surrogate's expectations hold, and how good its proposals are, on the 32 tables of `hpobench`.

    OMP_NUM_THREADS=1 python benchmarks/calibration.py --write docs/results/calibration.md

Expectations: the surrogate is fitted to a few random configurations; its mean and standard deviation at other random
configurations and at the point that it would try next are compared with the table. Proposals: the default
configuration, then the surrogate alone; normalized regret is (best so far - best of the table) / (mean of random
configurations - best of the table). The surrogate's numbers were chosen on seeds below 100; the page is made with
seeds from 100 on.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when numpy is loaded
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from tunewise.bench.problems import Problem, get
from tunewise.bench.suites import suites
from tunewise.errors import TrialFailed
from tunewise.space import Configuration
from tunewise.surrogate import fit_surrogate

COUNTS = (3, 5, 10, 20)
"""Numbers of random values that the surrogate is fitted to."""
FRESH = 50
"""Random points at which each fit is judged."""
SHOWN = (1, 3, 5, 10, 20, 30)
"""Evaluations after which the regret is shown."""
DRAWS = 2000
"""Random configurations whose mean is the unit of the regret."""

Array = NDArray[np.float64]


def value_of(problem: Problem, configuration: Configuration) -> float | None:
    """What the table says; None where training diverged."""
    try:
        return problem.evaluate(configuration).value
    except TrialFailed:
        return None


def deviations(problem: Problem, count: int, seed: int) -> tuple[Array, float | None]:
    """By how many standard deviations values differ from the means: at random points, and at the next point."""
    rng = np.random.default_rng([seed, count, crc32(problem.name.encode())])
    tried: list[Configuration] = []
    values: list[float] = []
    failed: list[Configuration] = []
    while len(values) < count:
        drawn = problem.space.sample(rng)
        value = value_of(problem, drawn)
        if value is None:
            failed.append(drawn)
        else:
            tried.append(drawn)
            values.append(value)
    surrogate = fit_surrogate(problem.space, tried, values, failed=failed, rng=rng)

    def compare(points: Sequence[Configuration]) -> list[float]:
        told = [value_of(problem, point) for point in points]
        mean, std = surrogate.predict(points)
        return [(v - m) / s for v, m, s in zip(told, mean, std, strict=True) if v is not None]

    there = compare([problem.space.sample(rng) for _ in range(FRESH)])
    following = compare(surrogate.propose())
    return np.array(there), following[0] if following else None


def regrets(problem: Problem, budget: int, seed: int) -> Array:
    """Normalized regret after each of `budget` evaluations: the default, then the surrogate."""
    rng = np.random.default_rng([seed, crc32(problem.name.encode())])
    tried: list[Configuration] = [problem.space.default or problem.space.sample(rng)]
    told = [value_of(problem, tried[0])]
    while len(tried) < budget:
        known = [(c, v) for c, v in zip(tried, told, strict=True) if v is not None]
        surrogate = fit_surrogate(
            problem.space,
            [c for c, _ in known],
            [v for _, v in known],
            failed=[c for c, v in zip(tried, told, strict=True) if v is None],
            rng=rng,
        )
        tried += surrogate.propose()
        told.append(value_of(problem, tried[-1]))
    best = problem.best or 0.0
    least: Array = np.minimum.accumulate([np.inf if v is None else v for v in told])
    return (least - best) / (usual(problem.name) - best)


@cache
def usual(name: str) -> float:
    """The mean of random configurations."""
    problem = get(name)
    rng = np.random.default_rng(0)
    told = [value_of(problem, problem.space.sample(rng)) for _ in range(DRAWS)]
    return float(np.mean([value for value in told if value is not None]))


def share(flags: NDArray[np.bool_]) -> str:
    """In per cent."""
    return f"{100 * float(np.mean(flags)):.1f} %"


def calibration(problems: Sequence[Problem], seeds: Sequence[int]) -> list[str]:
    """The lines of the first table."""
    lines = ["| values | random: in 68 % | in 95 % | beyond 4 | next: in 68 % | in 95 % | beyond 4 |", "|---" * 7 + "|"]
    for count in COUNTS:
        found = [deviations(problem, count, seed) for problem in problems for seed in seeds]
        there = np.abs(np.concatenate([z for z, _ in found]))
        following = np.abs(np.array([z for _, z in found if z is not None]))
        cells = [share(held) for z in (there, following) for held in (z < 1, z < 1.96, z > 4)]
        lines.append(f"| {count} | {' | '.join(cells)} |")
    return lines


def quality(problems: Sequence[Problem], seeds: Sequence[int], budget: int) -> list[str]:
    """The lines of the second table."""
    shown = [n for n in SHOWN if n <= budget]
    lines = [f"| tasks | {' | '.join(f'@{n}' for n in shown)} |", "|---" * (len(shown) + 1) + "|"]
    curves = {p.name: np.mean([regrets(p, budget, seed) for seed in seeds], axis=0) for p in problems}
    families = dict.fromkeys(name.partition(":")[0] for name in curves)
    groups = {family: [c for name, c in curves.items() if name.startswith(family)] for family in families}
    for family, group in {**groups, "all": list(curves.values())}.items():
        mean = np.mean(group, axis=0)
        lines.append(f"| {family} | {' | '.join(f'{mean[n - 1]:.3f}' for n in shown)} |")
    return lines


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=100)
    parser.add_argument("--budget", type=int, default=30)
    parser.add_argument("--problems", nargs="+", default=None)
    parser.add_argument("--only", choices=("calibration", "quality"), default=None)
    parser.add_argument("--write", type=Path, default=None, help="the page; else it is printed")
    arguments = parser.parse_args()
    problems = [get(name) for name in arguments.problems or suites()["hpobench"]]
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    only = f" --only {arguments.only}" if arguments.only else ""
    command = f"python benchmarks/calibration.py --first-seed {seeds[0]} --seeds {len(seeds)}{only}"
    lines = [
        "# What the surrogate expects, and what comes",
        "",
        f"{len(problems)} tables, seeds {seeds[0]} to {seeds[-1]}. Made by the command below; do not edit by hand.",
        "",
        f"    {command} --write docs/results/calibration.md",
        "",
        "The surrogate is fitted to so many random values. Shares of other random points and of its own next points",
        "whose value lies within 1 and 1.96 standard deviations of the mean, and beyond 4.",
        "",
    ]
    if arguments.only != "quality":
        lines += ["## Expectations", "", *calibration(problems, seeds), ""]
    if arguments.only != "calibration":
        lines += ["## Normalized regret", "", *quality(problems, seeds, arguments.budget), ""]
    text = "\n".join(lines)
    if arguments.write:
        arguments.write.write_text(text, "utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
