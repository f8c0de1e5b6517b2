"""The svm tasks of HPOBench on three data sets, trained live: RBF kernel, C and gamma free.

Protocol `clean` (see `tunewise.bench.problems.training`): the objective is 1 - validation accuracy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from synthetic_problems import Problem
from tunewise.bench import problems
from tunewise.space import Configuration

DATASETS = ("blood-transfusion-service-center", "vehicle", "Australian")
GRID = 21

Made = tuple[Problem, Configuration, Configuration, float]


def svm(name: str) -> Callable[[Path], Made]:
    """A task from a folder with the data; its best, its worst and its scale are those of a 21 x 21 grid."""

    @cache
    def make(folder: Path) -> Made:
        task = problems.get(f"svm:{name}", mode="live", data_dir=folder)

        @cache
        def error(c: float, gamma: float) -> float:
            return task.evaluate({"C": c, "gamma": gamma}).value

        def function(configuration: Mapping[str, Any]) -> float:
            return error(configuration["C"], configuration["gamma"])

        places = np.linspace(0, 1, GRID)
        grid = sorted((task.space.decode([a, b]) for a in places for b in places), key=function)
        problem = Problem(f"svm_{name}", task.space, function, function(grid[0]))
        return problem, grid[0], grid[-1], float(np.mean([function(c) for c in grid])) - problem.best

    return make


SVM_TASKS: dict[str, Callable[[Path], Made]] = {f"svm_{name.split('-')[0].lower()}": svm(name) for name in DATASETS}
"""The tasks by name."""
