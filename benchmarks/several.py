"""Several objectives, and constraints: `auto` beside random search, TPE and NSGA-II; writes docs/results/objectives.md.

    OMP_NUM_THREADS=1 python benchmarks/several.py --seeds 5

The dominated hypervolume after 25 trials, larger is better; with constraints the least allowed value, smaller is
better.
The simulated "trader" goes near the part of the front that the prompt asks for, the "adversary" to the worst corner.
"""

from __future__ import annotations

import argparse
import json
import logging
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read when numpy is loaded

import platform
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler

from tunewise import Categorical, Float, Int, LLMSampler, SearchSpace, Task
from tunewise.models import ChatRequest, FunctionModel
from tunewise.task import Direction
from tunewise.testing.simulated import adversary

TRIALS = 25
FIRST_SEED = 100
PAGE = Path(__file__).parent.parent / "docs/results/objectives.md"
SQUARE = SearchSpace({"x": Float(0, 1, default=0.5), "y": Float(0, 1, default=0.5)})
NEAR, FAR = np.array([0.2, 0.3]), np.array([0.8, 0.6])


@dataclass(frozen=True)
class Problem:
    """Two objectives; or one, with constraints.

    Attributes:
        space: Where.
        values: What a trial returns.
        directions: Of each.
        reference: Of the hypervolume, each to be minimized.
        constraints: Above 0 is violated.
    """

    space: SearchSpace
    values: Callable[[Mapping[str, Any]], tuple[float, ...]]
    directions: tuple[Direction, ...] = ("minimize", "minimize")
    reference: tuple[float, float] = (1.0, 1.0)
    constraints: Callable[[Mapping[str, Any]], tuple[float, ...]] = field(default=lambda _: ())


def point(c: Mapping[str, Any]) -> Any:
    """In the square."""
    return np.array([c["x"], c["y"]])


def bowls(c: Mapping[str, Any]) -> tuple[float, float]:
    """A convex front between two minima."""
    return float(((point(c) - NEAR) ** 2).sum()), float(((point(c) - FAR) ** 2).sum())


def fonseca(c: Mapping[str, Any]) -> tuple[float, float]:
    """A concave front in a plateau."""
    u, root = 8 * point(c) - 4, 2**-0.5
    return float(1 - np.exp(-((u - root) ** 2).sum())), float(1 - np.exp(-((u + root) ** 2).sum()))


def zdt1(c: Mapping[str, Any]) -> tuple[float, float]:
    """Five dimensions, the front at the border."""
    first, *rest = c.values()
    g = 1 + 9 * float(np.mean(rest))
    return first, g * (1 - (first / g) ** 0.5)


def network(c: Mapping[str, Any]) -> tuple[float, float]:
    """Error and speed of a made-up network, which diverges at large rates."""
    error = 0.05 + 0.02 * (np.log10(c["lr"]) + 2.3) ** 2 + 0.5 / c["width"] ** 0.5 + 0.02 * (c["act"] == "tanh")
    return (float(error) if c["lr"] < 0.5 else 1e6), -(0.1 + 0.002 * c["width"])


NETWORK = SearchSpace(
    {
        "lr": Float(1e-5, 1, log=True, default=1e-3),
        "width": Int(8, 1024, log=True, default=64),
        "act": Categorical(["relu", "tanh"], default="relu"),
    }
)
FRONTS = {
    "two bowls": Problem(SQUARE, bowls, reference=(0.5, 0.5)),
    "Fonseca": Problem(SQUARE, fonseca),
    "ZDT1": Problem(SearchSpace({f"x{i}": Float(0, 1) for i in range(5)}), zdt1, reference=(1.1, 6.0)),
    "network": Problem(NETWORK, network, ("minimize", "maximize"), (0.5, 2.0)),
}
LIMITED = {
    "half allowed": Problem(SQUARE, lambda c: bowls(c)[:1], ("minimize",), constraints=lambda c: (0.6 - c["x"],)),
    "1 of 400 allowed": Problem(
        SQUARE, lambda c: bowls(c)[:1], ("minimize",), constraints=lambda c: (0.95 - c["x"], c["y"] - 0.05)
    ),
}


def trader(seed: int) -> FunctionModel:
    """Goes near the part of the front of the two bowls that the prompt asks for."""
    rng = np.random.default_rng(seed)

    def reply(request: ChatRequest) -> str:
        shares = re.search(r"weights: .*? (\d+)%, .*? (\d+)%\)", request.messages[-1].content)
        assert shares, "the prompt says which trade-off"
        place = np.clip(NEAR + int(shares[2]) / 100 * (FAR - NEAR) + 0.05 * rng.standard_normal(2), 0, 1)
        return json.dumps({"candidates": [{"reason": "r", "configuration": {"x": place[0], "y": place[1]}}]})

    return FunctionModel(reply)


def auto(problem: Problem, seed: int, model: Any = None) -> LLMSampler:
    """The policy."""
    return LLMSampler(model, space=problem.space, proposer="auto", seed=seed, task=Task(budget=TRIALS))


def run(problem: Problem, sampler: BaseSampler) -> optuna.Study:
    """One study."""

    def objective(trial: optuna.Trial) -> tuple[float, ...]:
        configuration = problem.space.suggest(trial)
        for k, value in enumerate(problem.constraints(configuration)):
            trial.set_constraint(f"limit {k}", value)
        return problem.values(configuration)

    study = optuna.create_study(directions=list(problem.directions), sampler=sampler)
    if problem.space.default is not None and not isinstance(sampler, LLMSampler):  # which begins with it anyway
        study.enqueue_trial(problem.space.default)
    study.optimize(objective, n_trials=TRIALS)
    return study


def hypervolume(study: optuna.Study, problem: Problem) -> float:
    """What the front dominates, as far as the reference point."""
    signs = [1 if direction == "minimize" else -1 for direction in problem.directions]
    costs = np.array([t.values for t in study.trials]) * signs
    total, ceiling = 0.0, problem.reference[1]
    for first, second in costs[np.lexsort(costs.T[::-1])]:
        if first < problem.reference[0] and second < ceiling:
            total += (problem.reference[0] - first) * (ceiling - second)
            ceiling = second
    return total


def least_allowed(study: optuna.Study, problem: Problem) -> float:
    """The best value of a trial that meets the constraints; not a number while there is none."""
    allowed = [t.values[0] for t in study.trials if all(v <= 0 for v in problem.constraints(t.params))]
    return min(allowed, default=float("nan"))


METHODS: dict[str, Callable[[Problem, int], BaseSampler]] = {
    "auto without a model": auto,
    "random": lambda _, seed: RandomSampler(seed=seed),
    "TPE": lambda _, seed: TPESampler(seed=seed),
    "NSGA-II": lambda _, seed: NSGAIISampler(seed=seed, population_size=10),
}
MODELS: dict[str, Callable[[Problem, int], BaseSampler]] = {
    "auto with the trader": lambda problem, seed: auto(problem, seed, trader(seed)),
    "auto with the adversary": lambda problem, seed: auto(problem, seed, adversary({"x": 1.0, "y": 0.0}, seed=seed)),
}


def table(problems: Mapping[str, Problem], measure: Callable[[optuna.Study, Problem], float], seeds: range) -> str:
    """Mean and standard deviation over the seeds."""
    lines = [f"| method | {' | '.join(problems)} |", "|---" * (1 + len(problems)) + "|"]
    for method, make in (METHODS | (MODELS if "two bowls" in problems else {})).items():
        cells = []
        for problem in problems.values():
            if method in MODELS and problem is not FRONTS["two bowls"]:
                cells.append("")
                continue
            found = np.array([measure(run(problem, make(problem, seed)), problem) for seed in seeds])
            known = found[~np.isnan(found)]
            missing = f", none found in {len(found) - len(known)}" if len(known) < len(found) else ""
            cells.append(f"{known.mean():.4g} ± {known.std():.2g}{missing}" if len(known) else "none found")
        lines.append(f"| {method} | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    return "\n".join(lines)


def main() -> None:
    """Measure, print, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    count = parser.parse_args().seeds
    seeds = range(FIRST_SEED, FIRST_SEED + count)
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    fronts, limited = table(FRONTS, hypervolume, seeds), table(LIMITED, least_allowed, seeds)
    versions = f"Python {platform.python_version()}, numpy {np.__version__}, optuna {optuna.__version__}"
    PAGE.write_text(f"""# Several objectives, and constraints

Written by `python benchmarks/several.py --seeds {count}` ({versions}; seeds {seeds[0]} to {seeds[-1]}). {TRIALS}
trials, the first of them the default configuration where there is one, with every method; mean and standard
deviation over the seeds. What the columns and the simulated models are stands in the script.

## Two objectives: dominated hypervolume, larger is better

{fronts}

## One objective with constraints: the least allowed value, smaller is better

The best possible values are 0.16 and 0.625. The limits are linear, which suits a Gaussian process.

{limited}
""")


if __name__ == "__main__":
    main()
