"""Normalized regret of the surrogate against the Gaussian processes of Optuna and SMAC3, and random search.

    python benchmarks/surrogate_regret.py --seeds 5 --methods random optuna-gp tunewise --save regret.jsonl

Every method gets the same first trial, which stands for the user's default: the best of three random draws. Optuna's
sampler needs torch and SMAC3's needs smac: install them where this runs, or leave those methods out. Runs that the
file of `--save` already holds are read from it, not repeated.

Regret is (best so far - best known) / (mean of a random point - best known), so 1 is one random point and 0 the
optimum; ranks are within a problem and a seed, ties share.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from math import cos, exp, log
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import FloatDistribution, IntDistribution

from tunewise.bench.problems.landscapes import LANDSCAPES
from tunewise.space import Categorical, Configuration, Float, Int, SearchSpace

BUDGETS = (10, 30)


@dataclass(frozen=True, slots=True)
class Problem:
    """A function over a space, to be minimized; `best` is its least value."""

    name: str
    space: SearchSpace
    function: Callable[[Mapping[str, Any]], float]
    best: float

    def scale(self) -> float:
        """How far a random point is from the best on average."""
        rng = np.random.default_rng(0)
        return float(np.mean([self.function(self.space.sample(rng)) for _ in range(2000)])) - self.best

    def start(self, seed: int) -> Configuration:
        """What stands for the default configuration: the best of three random draws."""
        rng = np.random.default_rng([seed, 7])
        return min((self.space.sample(rng) for _ in range(3)), key=self.function)


def hpo_like(dimensions: int, *, explodes: bool) -> Callable[[int], Problem]:
    """A training run of `dimensions` log-scaled hyperparameters whose importance falls by a factor 0.7 each.

    It saturates at chance, or, with `explodes`, diverges where the first is large. The optimum is drawn by the seed.
    """
    space = SearchSpace({f"h{i}": Float(1e-5, 1e0, log=True) for i in range(dimensions)})
    weights = 6 * 0.7 ** np.arange(dimensions)

    def make(seed: int) -> Problem:
        optimum = np.random.default_rng([seed, dimensions]).uniform(0.15, 0.75, dimensions)

        def function(configuration: Mapping[str, Any]) -> float:
            gap = space.encode(configuration) - optimum
            bowl = float(weights @ gap**2) + 2 * float(gap[0] * gap[1])
            if explodes:
                return 0.2 + bowl + exp(12 * max(0.0, gap[0] - 0.15)) - 1
            return 0.05 + 0.85 * (1 - exp(-bowl))

        name = f"hpo{dimensions}{'_explodes' if explodes else ''}"
        return Problem(name, space, function, 0.2 if explodes else 0.05)

    return make


def hartmann6_in_20(seed: int) -> Problem:
    """Hartmann's function of six of twenty numbers, which six the seed says."""
    a = np.array(
        [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
    )
    p = 1e-4 * np.array(
        [
            [1312, 1696, 5569, 124, 8283, 5886],
            [2329, 4135, 8307, 3736, 1004, 9991],
            [2348, 1451, 3522, 2883, 3047, 6650],
            [4047, 8828, 8732, 5743, 1091, 381],
        ]
    )
    alpha = np.array([1.0, 1.2, 3.0, 3.2])
    space = SearchSpace({f"x{i}": Float(0, 1) for i in range(20)})
    used = np.random.default_rng([seed, 20]).choice(20, 6, replace=False)
    return Problem(
        "hartmann6_in_20",
        space,
        lambda c: float(-alpha @ np.exp(-(a * (space.encode(c)[used] - p) ** 2).sum(axis=1))),
        -3.32236801141551,
    )


def mixed(seed: int) -> Problem:
    """Floats, integers, a category and a switch, as of a small network."""
    space = SearchSpace(
        {
            "learning_rate": Float(1e-5, 1e0, log=True),
            "width": Int(16, 1024, log=True),
            "depth": Int(1, 6),
            "dropout": Float(0, 0.6, step=0.05),
            "activation": Categorical(["relu", "tanh", "gelu", "sigmoid"]),
            "normalize": Categorical([False, True]),
        }
    )
    rng = np.random.default_rng([seed, 3])
    rate, width, depth = rng.uniform(-3.5, -1.5), rng.integers(64, 512), rng.integers(2, 6)
    penalty = dict(zip(space["activation"].choices, rng.permutation([0, 0.15, 0.3, 0.8]), strict=True))

    def function(c: Mapping[str, Any]) -> float:
        best_rate = rate if c["normalize"] else rate - 0.7
        bowl = 0.5 * (log(c["learning_rate"]) / log(10) - best_rate) ** 2 + 0.15 * (log(c["width"] / width)) ** 2
        bowl += 0.08 * (c["depth"] - depth) ** 2 + 4 * (c["dropout"] - 0.2) ** 2 + penalty[c["activation"]]
        return 0.05 + 0.85 * (1 - exp(-bowl - (0 if c["normalize"] else 0.2)))

    return Problem("mixed", space, function, 0.05)


def conditional(seed: int) -> Problem:
    """A support vector machine's shape: the kernel decides which hyperparameters exist."""
    space = SearchSpace(
        {
            "kernel": Categorical(["linear", "rbf", "poly"]),
            "C": Float(1e-3, 1e3, log=True),
            "gamma": Float(1e-4, 1e1, log=True, when={"kernel": ["rbf", "poly"]}),
            "degree": Int(2, 5, when={"kernel": "poly"}),
            "shrinking": Categorical([True, False]),
        }
    )
    rng = np.random.default_rng([seed, 4])
    c_at, gamma_at = rng.uniform(-1.5, 2), rng.uniform(-3, 0)

    def function(c: Mapping[str, Any]) -> float:
        at_c = log(c["C"]) / log(10)
        if c["kernel"] == "linear":
            return 0.2 + 0.02 * (at_c + 1) ** 2
        at_gamma = log(c["gamma"]) / log(10)
        valley = 0.25 * (at_c - c_at) ** 2 + 0.5 * (at_gamma - gamma_at + 0.3 * (at_c - c_at)) ** 2
        extra = 0.05 if c["kernel"] == "rbf" else 0.12 + 0.05 * (c["degree"] - 2) + 0.02 * cos(3 * at_c)
        return extra + 0.5 * (1 - exp(-valley))

    return Problem("conditional", space, function, 0.05)


def landscape(name: str) -> Callable[[int], Problem]:
    """One of the ten; the seed changes nothing but the first trial."""
    scape = LANDSCAPES[name]
    return lambda _: Problem(name, scape.space, lambda c: scape.evaluate(c).value, scape.best)


PROBLEMS: dict[str, Callable[[int], Problem]] = {
    **{name: landscape(name) for name in LANDSCAPES},
    "mixed": mixed,
    "conditional": conditional,
    "hpo3_explodes": hpo_like(3, explodes=True),
    "hpo10": hpo_like(10, explodes=False),
    "hpo10_explodes": hpo_like(10, explodes=True),
    "hartmann6_in_20": hartmann6_in_20,
}


def run_random(problem: Problem, budget: int, seed: int) -> list[float]:
    """The start, then uniform draws."""
    rng = np.random.default_rng([seed, 1])
    return [problem.function(problem.start(seed))] + [
        problem.function(problem.space.sample(rng)) for _ in range(budget - 1)
    ]


def run_tunewise(problem: Problem, budget: int, seed: int) -> list[float]:
    """The start, then what the surrogate proposes."""
    from tunewise.surrogate import fit_surrogate

    rng = np.random.default_rng([seed, 2])
    configurations, values = [problem.start(seed)], [problem.function(problem.start(seed))]
    while len(values) < budget:
        (proposal,) = fit_surrogate(problem.space, configurations, values, rng=rng).propose()
        configurations.append(proposal)
        values.append(problem.function(proposal))
    return values


def run_optuna(startup: int) -> Callable[[Problem, int, int], list[float]]:
    """Optuna's GPSampler after `startup` trials of its own random ones, the start included."""

    def run(problem: Problem, budget: int, seed: int) -> list[float]:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        sampler = optuna.samplers.GPSampler(seed=seed, n_startup_trials=startup, deterministic_objective=True)
        study = optuna.create_study(sampler=sampler)
        study.enqueue_trial(problem.start(seed))
        study.optimize(lambda trial: problem.function(problem.space.suggest(trial)), n_trials=budget)
        return [trial.value for trial in study.trials if trial.value is not None]

    return run


def run_smac(problem: Problem, budget: int, seed: int) -> list[float]:
    """SMAC3's BlackBoxFacade with the start in its initial design."""
    import ConfigSpace
    from smac import BlackBoxFacade, Scenario  # installed only where it is compared

    space = ConfigSpace.ConfigurationSpace(seed=seed)
    for name, hyperparameter in problem.space.items():
        match hyperparameter.distribution:
            case IntDistribution(low=least, high=most, log=log_scale):
                space.add(ConfigSpace.UniformIntegerHyperparameter(name, least, most, log=log_scale))
            case FloatDistribution(low=low, high=high, log=log_scale):
                space.add(ConfigSpace.UniformFloatHyperparameter(name, low, high, log=log_scale))
            case _:
                space.add(ConfigSpace.CategoricalHyperparameter(name, [str(c) for c in hyperparameter.choices]))
    for name, hyperparameter in problem.space.items():
        for parent, allowed in hyperparameter.when.items():
            space.add(ConfigSpace.InCondition(space[name], space[parent], [str(v) for v in allowed]))

    values: list[float] = []

    def target(configuration: Any, seed: int = 0) -> float:  # noqa: ARG001 - SMAC3 gives it by name
        values.append(problem.function(problem.space.coerce(to_plain(configuration)).configuration))
        return values[-1]

    def to_plain(configuration: Any) -> dict[str, Any]:
        return {k: v.item() if hasattr(v, "item") else v for k, v in dict(configuration).items()}

    start = ConfigSpace.Configuration(
        space, {k: str(v) if problem.space[k].choices else v for k, v in problem.start(seed).items()}
    )
    with tempfile.TemporaryDirectory() as folder:
        scenario = Scenario(space, deterministic=True, n_trials=budget, seed=seed, output_directory=Path(folder))
        design = BlackBoxFacade.get_initial_design(scenario, additional_configs=[start])
        BlackBoxFacade(scenario, target, initial_design=design, overwrite=True, logging_level=False).optimize()
    return values


METHODS: dict[str, Callable[[Problem, int, int], list[float]]] = {
    "random": run_random,
    "optuna-gp": run_optuna(10),
    "optuna-gp-4": run_optuna(4),
    "optuna-gp-1": run_optuna(1),
    "smac-gp": run_smac,
    "tunewise": run_tunewise,
}


def regrets(problem: Problem, method: str, seed: int) -> dict[str, float]:
    """Normalized regret at each budget, and the seconds that a trial took."""
    scale, started = problem.scale(), time.perf_counter()
    budgets = BUDGETS if method == "smac-gp" else BUDGETS[-1:]  # SMAC3 sizes its initial design by the budget
    runs = {budget: METHODS[method](problem, budget, seed) for budget in budgets}
    seconds = (time.perf_counter() - started) / sum(budgets)
    found = {str(b): (min(runs.get(b, runs[BUDGETS[-1]])[:b]) - problem.best) / scale for b in BUDGETS}
    return found | {"seconds": seconds}


def evaluate(problems: Iterable[str], methods: Iterable[str], seeds: Iterable[int], path: Path | None) -> list[Any]:
    """Every run that is not yet in the file, appended to it; returns those asked for."""
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path and path.exists() else []
    known = {(row["problem"], row["method"], row["seed"]): row for row in rows}
    asked = [(p, m, s) for p in problems for m in methods for s in seeds]
    for key in asked:
        if key not in known:
            name, method, seed = key
            row = {"problem": name, "method": method, "seed": seed} | regrets(PROBLEMS[name](seed), method, seed)
            known[key] = row
            if path:
                with path.open("a") as file:
                    file.write(json.dumps(row) + "\n")
    return [known[key] for key in asked]


def ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1 along the last axis, ties share; what agrees to 1e-9 ties."""
    close = np.abs(values[..., :, None] - values[..., None, :]) < 1e-9
    below = (values[..., :, None] > values[..., None, :]) & ~close
    shared: NDArray[np.float64] = below.sum(axis=-1) + (close.sum(axis=-1) + 1) / 2
    return shared


def print_table(rows: list[Any], problems: list[str], methods: list[str], seeds: list[int]) -> None:
    """Mean regret per problem and method, then means over problems and mean ranks."""
    by_key = {(row["problem"], row["method"], row["seed"]): row for row in rows}
    for budget in BUDGETS:
        table = np.array([[[by_key[p, m, s][str(budget)] for m in methods] for s in seeds] for p in problems])
        print(f"\nNormalized regret at {budget} trials, mean of {len(seeds)} seeds")
        print(f"{'':20}" + "".join(f"{m:>14}" for m in methods))
        for name, means in zip(problems, table.mean(axis=1), strict=True):
            print(f"{name:20}" + "".join(f"{v:14.4f}" for v in means))
        print(f"{'mean':20}" + "".join(f"{v:14.4f}" for v in table.mean(axis=(0, 1))))
        geometric = np.exp(np.log(np.maximum(table, 1e-6)).mean(axis=(0, 1)))
        print(f"{'geometric mean':20}" + "".join(f"{v:14.5f}" for v in geometric))
        print(f"{'mean rank':20}" + "".join(f"{v:14.3f}" for v in ranks(table).mean(axis=(0, 1))))
    seconds = [np.mean([by_key[p, m, s]["seconds"] for p in problems for s in seeds]) for m in methods]
    print(f"{'ms a trial':20}" + "".join(f"{1000 * v:14.1f}" for v in seconds))


def installed(name: str) -> str:
    """A package's version, for the head of the table."""
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return f"{name} absent"


def main() -> None:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="how many seeds, from --first-seed on")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--problems", nargs="+", default=list(PROBLEMS), choices=list(PROBLEMS))
    parser.add_argument("--methods", nargs="+", default=["random", "tunewise"], choices=list(METHODS))
    parser.add_argument("--save", type=Path, default=None, help="JSON lines, read and extended")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    packages = ("numpy", "scipy", "optuna", "torch", "smac")
    print(f"Python {platform.python_version()}, " + ", ".join(installed(name) for name in packages))
    seeds = list(range(arguments.first_seed, arguments.first_seed + arguments.seeds))
    print(f"seeds {seeds[0]} to {seeds[-1]}")
    rows = evaluate(arguments.problems, arguments.methods, seeds, arguments.save)
    print_table(rows, arguments.problems, arguments.methods, seeds)


if __name__ == "__main__":
    main()
