"""Synthetic problems: the landscapes, and spaces that are mixed, conditional, ten- and twenty-dimensional.

The optimum of most of them is drawn by the seed, so that no method can know it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import cos, exp, log
from typing import Any

import numpy as np

from tunewise.bench.problems.landscapes import LANDSCAPES
from tunewise.space import Categorical, Configuration, Float, Int, SearchSpace


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
    penalty = dict(zip(space["activation"].grid(9), rng.permutation([0, 0.15, 0.3, 0.8]), strict=True))

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
