"""What a method is to the benchmark: a generator that offers configurations and is told what came of them.

It does not evaluate and does not keep time; the runner does, for all methods in the same way.

```python
offers = METHODS["tpe"].start(Setting(problem=problem, budget=10, seed=0))
offer = next(offers)
offer = offers.send(Outcome(value=0.25))
```
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tunewise.bench.problems.base import Problem
from tunewise.errors import UsageError
from tunewise.evaluate.base import Evaluator
from tunewise.llm.base import ChatModel
from tunewise.plain import Plain
from tunewise.space import Configuration
from tunewise.task import Task

__all__ = ["Method", "Offer", "Offering", "Outcome", "Setting", "always", "needs_default"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a method is given.

    Attributes:
        problem: What is minimized.
        budget: Number of evaluations.
        seed: Number of the repetition. All methods draw from the same `entropy` of a problem and a seed.
        model: The language model, for the methods that ask one.
        tells_budget: Whether it learns the number of evaluations.
    """

    problem: Problem
    budget: int
    seed: int
    model: ChatModel | None = None
    tells_budget: bool = True

    @property
    def entropy(self) -> int:
        """A seed of 31 bits that differs between problems, so that they do not share their random points."""
        return zlib.crc32(f"{self.problem.name}|{self.seed}".encode()) & 0x7FFFFFFF

    @property
    def task(self) -> Task:
        """The problem's story, with this budget."""
        return replace(self.problem.task, budget=self.budget if self.tells_budget else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A configuration to be evaluated, and the truth about where it came from.

    Attributes:
        configuration: Allowed in the space, where the problem evaluates it.
        source: As in `Proposal`, and "design" for a point of a planned initial design.
        reason: The model's own words on why.
        fallback: Why the model did not make it although it was asked to.
        refused: How many replies were sent back.
        programs: Those that the model wrote for it, refused ones too, as plain data.
        evaluator: Who evaluates it; None: the problem.
        calls: Calls made for it; input and output tokens and US dollars are those of all of them, None where unknown.
    """

    configuration: Configuration
    source: str
    reason: str = ""
    fallback: str = ""
    refused: int = 0
    programs: Sequence[Mapping[str, Plain]] = field(default_factory=list)
    evaluator: Evaluator | None = None
    calls: int = 0
    input_tokens: int | None = 0
    output_tokens: int | None = 0
    cost_usd: float | None = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of an offer: a value, or the reason why there is none."""

    value: float | None
    error: str = ""
    extra: Mapping[str, float] = field(default_factory=dict)


Offering = Generator[Offer, Outcome, None]


def always(problem: Problem) -> str:
    """Fits every problem."""
    del problem
    return ""


def needs_default(problem: Problem) -> str:
    """Why a method that begins with the default does not fit a problem; empty when it does."""
    return "" if problem.space.default is not None else "the space has no default configuration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A way to find good configurations.

    Attributes:
        name: Its key in `METHODS`.
        description: What it is, and above all how it begins.
        start: Begins a run.
        group: "random", "optuna", "smac", "ours" or "paper".
        refuses: Why it does not fit a problem; empty when it does.
        packages: Distributions whose versions decide its results, beside tunewise and numpy.
        planned: Whether its first steps depend on the budget, so that a run of 30 does not contain one of 10.
        asks: Whether it asks a language model.
    """

    name: str
    description: str
    start: Callable[[Setting], Offering]
    group: str
    refuses: Callable[[Problem], str] = always
    packages: tuple[str, ...] = ()
    planned: bool = False
    asks: bool = False

    def check(self) -> None:
        """Find out before anything is computed whether its libraries are there.

        Raises:
            UsageError: One is missing; the message names the extra.
        """
        from importlib.metadata import PackageNotFoundError, version

        for package in self.packages:
            try:
                version(package)
            except PackageNotFoundError:
                extra = "torch" if package == "torch" else "bench"
                raise UsageError(
                    f"The method {self.name} needs {package}, which is not installed. Run pip install "
                    f"'tunewise[{extra}]', or leave the method out."
                ) from None
