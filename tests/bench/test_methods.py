"""Each method's first points, sources and repeatability; and what reaches the libraries."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import islice

import pytest

from support.forms import in_short
from tunewise.bench.methods import GROUPS, METHODS, Outcome, Setting, choose
from tunewise.bench.problems import get
from tunewise.bench.records import Step
from tunewise.bench.runner import play
from tunewise.errors import TrialFailed
from tunewise.evaluate.base import Evaluation
from tunewise.space import Categorical, Float, Int, SearchSpace, Value
from tunewise.task import Task

SPACE = SearchSpace(
    {
        "kernel": Categorical(["linear", "rbf"], default="rbf"),
        "C": Float(1e-3, 1e3, log=True, default=1.0),
        "gamma": Float(1e-4, 1e1, log=True, default=0.1, when={"kernel": "rbf"}),
        "degree": Int(2, 5, default=3),
        "shrinking": Categorical([True, False], default=True),
        "share": Float(0.1, 1.0, step=0.1, default=0.5),
    }
)


class Mixed:
    """Everything that a space can hold; fails in a corner."""

    name: str = "mixed"
    space: SearchSpace = SPACE
    task: Task = Task(metric="loss")
    best: float | None = None
    protocol: str = "formula"

    def evaluate(self, configuration: Mapping[str, Value]) -> Evaluation:
        assert self.space.accepts(configuration)
        assert ("gamma" in configuration) == (configuration["kernel"] == "rbf")
        c, degree = configuration["C"], configuration["degree"]
        assert isinstance(c, float)
        assert isinstance(degree, int)
        if c > 500:
            raise TrialFailed("It diverged.")
        return Evaluation(abs(math.log(c)) + degree)


CLASSICAL = [name for name, method in METHODS.items() if not method.asks and "optuna-gp-4" not in name]
WITHOUT_SMAC = [name for name in CLASSICAL if "smac" not in name]  # whose runs take seconds


def steps_of(name: str, problem: object, budget: int, seed: int = 0) -> list[Step]:
    """A run of a method."""
    if "torch" in METHODS[name].packages:
        pytest.importorskip("torch", reason="Optuna's Gaussian process is written in torch")
    return list(play(METHODS[name], Setting(problem=problem, budget=budget, seed=seed)))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", in_short(WITHOUT_SMAC, CLASSICAL))
def test_mixed_and_conditional_spaces(name: str) -> None:
    method, problem = METHODS[name], Mixed()
    if name.endswith("cmaes"):
        assert "kernel, gamma, shrinking" in method.refuses(problem)
        return
    assert method.refuses(problem) == ""
    steps = steps_of(name, problem, 5)
    assert len(steps) == 5
    assert (steps[0].source == "default") == name.startswith("default+")
    if name.startswith("default+"):
        assert steps[0].configuration == SPACE.default


@pytest.mark.parametrize("name", in_short(WITHOUT_SMAC, CLASSICAL))
def test_the_same_seed_gives_the_same_run_and_another_another(name: str) -> None:
    problem, budget = get("svm:vehicle"), 12 if "tpe" in name else 3
    first, again, other = ([step.configuration for step in steps_of(name, problem, budget, s)] for s in (1, 1, 2))
    assert first == again
    assert first != other, "of a grid of 441 one configuration may be the same by chance, not all"


def test_random_points_differ_between_problems() -> None:
    found = [steps_of("random", get(name), 1)[0].configuration for name in ("svm:vehicle", "svm:credit-g")]
    assert found[0] != found[1]


@pytest.mark.parametrize(
    ("name", "budget", "sources"),
    [
        ("tpe", 11, ["random"] * 10 + ["surrogate"]),
        ("tpe-4", 6, ["random"] * 4 + ["surrogate"] * 2),
        ("default+tpe", 11, ["default"] + ["random"] * 9 + ["surrogate"]),
        ("default+gp", 4, ["default"] + ["surrogate"] * 3),
        ("gp", 3, ["random"] + ["surrogate"] * 2),
        ("cmaes", 3, ["random"] + ["surrogate"] * 2),
        pytest.param("smac-gp", 8, ["design"] * 2, marks=pytest.mark.long),
        pytest.param("default+smac-rf", 8, ["default"] + ["design"] * 2, marks=pytest.mark.long),
    ],
)
def test_how_a_method_begins(name: str, budget: int, sources: list[str]) -> None:
    steps = play(METHODS[name], Setting(problem=get("svm:vehicle"), budget=budget, seed=0))
    assert [step.source for step in islice(steps, len(sources))] == sources
    if "smac" in name:  # two are a quarter of eight
        assert next(steps).source != "design"


@pytest.mark.parametrize("name", [n for n in CLASSICAL if not METHODS[n].planned and n != "random"])
def test_a_longer_run_contains_the_shorter(name: str) -> None:
    problem = get("svm:vehicle")
    long, short = steps_of(name, problem, 12), steps_of(name, problem, 5)
    assert [step.configuration for step in long[:5]] == [step.configuration for step in short]


def test_failures_reach_the_method_as_failures() -> None:
    offers = METHODS["tpe"].start(Setting(problem=Mixed(), budget=3, seed=0))
    next(offers)
    offers.send(Outcome(value=None, error="It diverged."))
    offers.send(Outcome(value=1.0))
    with pytest.raises(StopIteration):
        offers.send(Outcome(value=2.0))


def test_methods_are_read_as_they_are_written() -> None:
    chosen = {method.name: count for method, count in choose("optuna, smac:3,auto").items()}
    assert chosen["smac-gp"] == chosen["default+smac-rf"] == 3
    assert chosen["auto"] is None
    assert "random" in chosen
    assert {m.name: n for m, n in choose("classical,smac:3").items()}["smac-rf"] == 3
    assert set(GROUPS["all"]) == set(METHODS)
