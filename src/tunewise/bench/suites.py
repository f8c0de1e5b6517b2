"""Problems by suite, and the one way by which this package finds a problem by its name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from tunewise.bench.problems.base import Problem
from tunewise.bench.problems.landscapes import LANDSCAPES, Landscape
from tunewise.errors import UsageError
from tunewise.evaluate.base import Evaluation
from tunewise.space import SearchSpace, Value
from tunewise.task import Task

__all__ = ["SUITES", "choose_problems", "find_problem"]

MODELS = ("svm", "lr", "rf", "nn")


@dataclass(frozen=True)
class LandscapeProblem:
    landscape: Landscape

    @property
    def name(self) -> str:
        return f"landscape:{self.landscape.name}"

    @property
    def space(self) -> SearchSpace:
        return self.landscape.space

    @property
    def task(self) -> Task:
        return Task(metric="loss", model="a function of two inputs")

    @property
    def best(self) -> float | None:
        return self.landscape.best

    @property
    def protocol(self) -> str:
        return "formula"

    def evaluate(self, configuration: Mapping[str, Value]) -> Evaluation:
        return self.landscape.evaluate(configuration)


def names() -> tuple[str, ...]:
    return tuple(f"landscape:{n}" for n in LANDSCAPES)


@cache
def find_problem(name: str, data_dir: Path | None = None) -> Problem:
    return LandscapeProblem(LANDSCAPES[name.partition(":")[2]])


SUITES: Final[Mapping[str, str]] = {"landscapes": "landscape:"}


def choose_problems(text: str) -> tuple[str, ...]:
    known = names()
    found = []
    for word in filter(None, (part.strip() for part in text.split(","))):
        if word in SUITES:
            found += [n for n in known if n.startswith(SUITES[word])]
        elif word in known:
            found.append(word)
        else:
            near = difflib.get_close_matches(word, [*SUITES, *known], 1)
            raise UsageError(f"{word!r} unknown {near}")
    return tuple(dict.fromkeys(found))
