"""The ten two-dimensional landscapes of [Zhang], section 4.3 and appendix D.

```python
branin = LANDSCAPES["branin"]
branin.evaluate({"x1": 0.0, "x2": 5.0}).value - branin.best
```

Four classical functions, each also shifted by (0.93, 0.59) inside the same box, so that whoever remembers where
the optimum lies gains nothing; and two quadratics whose optimum is no round number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from math import cos, e, exp, pi, sqrt
from typing import Final

from tunewise.evaluate.base import Evaluation
from tunewise.space import Float, SearchSpace, Value
from tunewise.task import Task

__all__ = ["LANDSCAPES", "PROMPTS", "SHIFT", "Landscape", "Point"]

Point = tuple[float, float]

SHIFT: Final[Point] = (0.93, 0.59)
"""By how much the shifted landscapes are moved: f(x - SHIFT)."""


BLACK_BOX: Final = Task(
    model="black-box function of two inputs",
    metric="value of the function",
    direction="minimize",
    facts=("No model is trained: x1 and x2 are the inputs, and the value of the function is to be minimized.",),
)

LOSS: Final = Task(model="machine-learning model with two hyperparameters", metric="loss", direction="minimize")

CERTAIN: Final = replace(LOSS, facts=("Training is deterministic, and the loss is not negative.",))

PROMPTS: Final[tuple[Task, ...]] = (BLACK_BOX, BLACK_BOX, LOSS, CERTAIN)
"""What is told under the prompts 0 to 3 of [Zhang]. 0 differs from 1 by not telling the number of evaluations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Landscape:
    """A function of two numbers, to be minimized over a box.

    Attributes:
        name: Its key in `LANDSCAPES`.
        function: The value at (x1, x2).
        box: The range of x1 and that of x2, bounds included.
        optima: Every place inside the box at which the least value is taken.
        best: The least value in the box.
        prompt: Which of `PROMPTS` describes it.
    """

    name: str
    function: Callable[[float, float], float]
    box: tuple[Point, Point]
    optima: tuple[Point, ...]
    best: float
    prompt: int = 2

    @property
    def task(self) -> Task:
        """What is told of it: never its name."""
        return PROMPTS[self.prompt]

    @property
    def protocol(self) -> str:
        """How its values are made."""
        return "formula"

    @property
    def space(self) -> SearchSpace:
        """Two uniform floats, x1 and x2, without defaults."""
        return SearchSpace({f"x{i}": Float(low, high) for i, (low, high) in enumerate(self.box, start=1)})

    def evaluate(self, configuration: Mapping[str, Value]) -> Evaluation:
        """The value at a configuration of `space`."""
        x1, x2 = configuration["x1"], configuration["x2"]
        assert isinstance(x1, int | float)
        assert isinstance(x2, int | float)
        return Evaluation(self.function(x1, x2))

    def shifted(self) -> Landscape:
        """The same landscape moved by `SHIFT` in the same box; optima that leave the box are dropped."""
        moved = [(x1 + SHIFT[0], x2 + SHIFT[1]) for x1, x2 in self.optima]
        return Landscape(
            name=f"{self.name}_shifted",
            function=partial(moved_by_shift, self.function),
            box=self.box,
            optima=tuple(x for x in moved if all(low <= v <= high for v, (low, high) in zip(x, self.box, strict=True))),
            best=self.best,
        )


def moved_by_shift(function: Callable[[float, float], float], x1: float, x2: float) -> float:
    """A function moved by `SHIFT`."""
    return function(x1 - SHIFT[0], x2 - SHIFT[1])


def rosenbrock(x1: float, x2: float) -> float:
    """A flat, curved valley between steep walls."""
    return (1 - x1) ** 2 + 100 * (x2 - x1**2) ** 2


def branin(x1: float, x2: float) -> float:
    """Three equal optima: a (x2 - b x1^2 + c x1 - r)^2 + s (1 - t) cos(x1) + s with the usual constants."""
    b, c, r, s, t = 5.1 / (4 * pi**2), 5 / pi, 6.0, 10.0, 1 / (8 * pi)
    return (x2 - b * x1**2 + c * x1 - r) ** 2 + s * (1 - t) * cos(x1) + s


def himmelblau(x1: float, x2: float) -> float:
    """Four equal optima."""
    return (x1**2 + x2 - 11) ** 2 + (x1 + x2**2 - 7) ** 2


def ackley(x1: float, x2: float) -> float:
    """A funnel covered with local optima."""
    radius = exp(-0.2 * sqrt((x1**2 + x2**2) / 2))
    waves = exp((cos(2 * pi * x1) + cos(2 * pi * x2)) / 2)
    return (20 - 20 * radius) + (e - waves)


def quadratic(x1: float, x2: float) -> float:
    """A round bowl."""
    return (x1 + 4.15) ** 2 + (x2 - 3.35) ** 2


def ill_conditioned(x1: float, x2: float) -> float:
    """A bowl ten times steeper along x2."""
    return (x1 + 4.15) ** 2 + 10 * (x2 - 3.35) ** 2


SQUARE: Final = ((-5.0, 5.0), (-5.0, 5.0))

CLASSICAL = (
    Landscape(name="rosenbrock", function=rosenbrock, box=((-5, 10), (-5, 10)), optima=((1.0, 1.0),), best=0.0),
    Landscape(
        name="branin",
        function=branin,
        box=((-5, 10), (0, 15)),
        optima=((-pi, 12.275), (pi, 2.275), (3 * pi, 2.475)),
        best=10 / (8 * pi),
    ),
    Landscape(
        name="himmelblau",
        function=himmelblau,
        box=SQUARE,
        optima=(
            (3.0, 2.0),
            (-2.80511808695274, 3.13131251825057),
            (-3.77931025337775, -3.28318599128617),
            (3.58442834033049, -1.84812652696440),
        ),
        best=0.0,
    ),
    Landscape(name="ackley", function=ackley, box=SQUARE, optima=((0.0, 0.0),), best=0.0),
)

QUADRATICS = (
    Landscape(name="quadratic", function=quadratic, box=SQUARE, optima=((-4.15, 3.35),), best=0.0),
    Landscape(name="ill_conditioned", function=ill_conditioned, box=SQUARE, optima=((-4.15, 3.35),), best=0.0),
)

LANDSCAPES: Final[Mapping[str, Landscape]] = {
    landscape.name: landscape
    for landscape in (*CLASSICAL, *(landscape.shifted() for landscape in CLASSICAL), *QUADRATICS)
}
"""All ten, by name."""
