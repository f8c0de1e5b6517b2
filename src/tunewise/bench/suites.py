"""Problems by suite, and on which terms they are evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from tunewise.bench.problems import get, names
from tunewise.bench.problems.base import Problem
from tunewise.bench.problems.landscapes import LANDSCAPES
from tunewise.bench.problems.live import LIVE
from tunewise.errors import UsageError
from tunewise.text import nearest

__all__ = ["PROMPT", "SUITES", "Terms", "choose_problems", "suites"]

PROMPT = 2
"""The paper's first prompt of the landscapes that a run takes unless told otherwise."""
SUITES: Final[Mapping[str, str]] = {
    "landscapes": "the ten two-dimensional functions of [Zhang]",
    "svm": "support vector machine on the eight data sets",
    "lr": "logistic regression on the eight data sets",
    "rf": "random forest on the eight data sets",
    "nn": "multilayer perceptron on the eight data sets",
    "hpobench": "the four models on the eight data sets: 32 tasks",
    "taxi": "a network, or programs, on New York City's taxi trips; trained in the sandbox, needs --data-dir",
    "live": "six small tasks on data that scikit-learn ships, trained; used for nothing else",
    "smoke": "two tasks of each model and two landscapes",
}
"""Several problems under one name, and what they are."""
SMOKE: Final = ("credit-g", "vehicle")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How problems are evaluated and told of.

    Attributes:
        mode: "tabular" or "live".
        protocol: None: the one that the problem has by itself.
        data_dir: Folder of the data sets, for live training.
        prompt: Which of the paper's four first prompts describes a landscape.
    """

    mode: str = "tabular"
    protocol: str | None = None
    data_dir: Path | None = None
    prompt: int = PROMPT

    def find(self, name: str) -> Problem:
        """The problem of a name; made once in a process.

        Raises:
            UsageError: It is unknown, or its data or table cannot be read.
        """
        return find(self, name)

    def protocol_of(self, problem: Problem) -> str:
        """How the values are made, and that they were not looked up where that could be thought."""
        name = problem.name.partition("+")[0]
        trained = self.mode == "live" and ":" in name and name not in LIVE
        return f"{problem.protocol}, live" if trained else problem.protocol

    def variant_of(self, problem: Problem) -> str:
        """What a language model is told otherwise than usual; part of a run's key."""
        is_landscape = problem.name.partition("+")[0] in LANDSCAPES
        return f"prompt {self.prompt}" if is_landscape and self.prompt != PROMPT else ""

    def tells_budget(self, problem: Problem) -> bool:
        """Whether a language model learns the number of evaluations: not from the paper's prompt 0."""
        return not (self.prompt == 0 and problem.name.partition("+")[0] in LANDSCAPES)


@cache
def find(terms: Terms, name: str) -> Problem:
    """A problem on some terms."""
    return get(
        name,
        mode=terms.mode,  # type: ignore[arg-type]  # `get` refuses others
        protocol=terms.protocol,  # type: ignore[arg-type]
        data_dir=terms.data_dir,
        prompt=terms.prompt,
    )


def suites() -> dict[str, tuple[str, ...]]:
    """The problems of each suite."""
    tasks = [name for name in names() if ":" in name and name not in LIVE]
    found = {model: tuple(n for n in tasks if n.startswith(f"{model}:")) for model in ("svm", "lr", "rf", "nn")}
    smoke = [*list(LANDSCAPES)[:2], *(f"{model}:{data}" for model in found for data in SMOKE)]
    return {
        "landscapes": tuple(LANDSCAPES),
        **found,
        "hpobench": tuple(tasks),
        "taxi": ("taxi",),
        "live": tuple(LIVE),
        "smoke": tuple(smoke),
    }


def choose_problems(text: str) -> tuple[str, ...]:
    """Read suites and problems as a person writes them: "svm,branin", "hpobench+renamed" (every task, wrapped).

    A name that is no suite's is left to the registry of problems, which knows data of one's own, too.

    Raises:
        UsageError: There is nothing, or a name looks like a suite's and is none.
    """
    known = suites()
    found: dict[str, None] = {}
    for word in filter(None, (part.strip() for part in text.split(","))):
        name, plus, wrappers = word.partition("+")
        if name in known:
            found |= dict.fromkeys(f"{each}{plus}{wrappers}" for each in known[name])
        elif ":" in name or name in LANDSCAPES:
            found[word] = None
        else:
            near = nearest(name, [*known, *LANDSCAPES])
            hint = f"Did you mean {near}? " if near else ""
            raise UsageError(
                f"{name!r} is no suite and no problem. {hint}The suites are {', '.join(known)}; tunewise bench list "
                "names the problems."
            )
    if not found:
        raise UsageError(f"No problem was named. The suites are {', '.join(known)}.")
    return tuple(found)
