"""The svm tasks on three data sets, trained live: support vector machines with RBF kernel, C and gamma free.

Protocol `clean`: stratified, 10 % put aside (fold 0 of 10), the rest split 67/33 into training and validation with
random state 1; one-hot and scaling are fitted on the training part; the objective is 1 - validation accuracy.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from surrogate_regret import Problem
from tunewise.space import Configuration, Float, SearchSpace

SPACE = SearchSpace(
    {
        "C": Float(2**-10, 2**10, log=True, description="penalty of errors; small is smooth"),
        "gamma": Float(2**-10, 2**10, log=True, description="inverse width of the RBF kernel"),
    }
)
NOMINAL = {
    "blood-transfusion-service-center": (),
    "vehicle": (),
    "Australian": ("A1", "A4", "A5", "A6", "A8", "A9", "A11", "A12"),
}
GRID = 21

Made = tuple[Problem, Configuration, Configuration, float]


def load(path: Path, nominal: tuple[str, ...]) -> tuple[Any, Any, Any, Any]:
    """Training and validation parts, prepared; the files have no missing values."""
    from sklearn.model_selection import StratifiedKFold, train_test_split
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    with path.open(newline="", encoding="utf-8") as file:
        names, *rows = csv.reader(file)
    table = np.array(rows)
    y = table[:, -1]
    is_nominal = np.array([name in nominal for name in names[:-1]])
    texts, numbers = table[:, :-1][:, is_nominal], table[:, :-1][:, ~is_nominal].astype(float)
    rest, _ = next(iter(StratifiedKFold(10, shuffle=True, random_state=1).split(numbers, y)))
    train, valid = train_test_split(rest, train_size=0.67, random_state=1, stratify=y[rest])
    scaler = StandardScaler().fit(numbers[train])
    blocks: list[tuple[Any, ...]] = [(scaler.transform(numbers[part]),) for part in (train, valid)]
    if nominal:
        encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(texts[train])
        blocks = [(encoder.transform(texts[part]), *block) for part, block in zip((train, valid), blocks, strict=True)]
    x, x_valid = (np.hstack(block) for block in blocks)
    return x, y[train], x_valid, y[valid]


def svm(name: str) -> Callable[[Path], Made]:
    """A task from a folder with the data; its best, its worst and its scale are those of a 21 x 21 grid."""

    @cache
    def make(folder: Path) -> Made:
        from sklearn.svm import SVC

        x, y, x_valid, y_valid = load(folder / f"{name}.csv", NOMINAL[name])

        @cache
        def error(c: float, gamma: float) -> float:
            return float(1 - SVC(C=c, gamma=gamma, cache_size=200).fit(x, y).score(x_valid, y_valid))

        def function(configuration: Mapping[str, Any]) -> float:
            return error(configuration["C"], configuration["gamma"])

        places = np.linspace(0, 1, GRID)
        grid = sorted((SPACE.decode([a, b]) for a in places for b in places), key=function)
        problem = Problem(f"svm_{name}", SPACE, function, function(grid[0]))
        return problem, grid[0], grid[-1], float(np.mean([function(c) for c in grid])) - problem.best

    return make


SVM_TASKS: dict[str, Callable[[Path], Made]] = {f"svm_{name.split('-')[0].lower()}": svm(name) for name in NOMINAL}
"""The tasks by name."""
