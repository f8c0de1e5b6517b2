"""What holds for every problem, and for every problem inside every wrapper."""

from __future__ import annotations

import math
import pickle
import re
from collections.abc import Mapping

import numpy as np
import pytest

from tunewise.bench import problems
from tunewise.bench.problems import Problem
from tunewise.bench.problems.hpobench import TabularTask
from tunewise.bench.problems.landscapes import LANDSCAPES, Landscape
from tunewise.bench.problems.wrappers import WRAPPERS, Failing, Noisy, Renamed, Shifted
from tunewise.errors import TrialFailed
from tunewise.evaluate.base import Evaluation
from tunewise.space import Configuration, Value

ELSEWHERE = ("nn:", "live:", "taxi")  # test_published.py, test_live.py, test_taxi.py
NAMES = [name for name in problems.names() if not name.startswith(ELSEWHERE)]
WRAPPED = [f"{name}+{w}" for name in ("branin", "ackley_shifted", "svm:car") for w in WRAPPERS if w != "permuted"]
CHAINS = ["svm:credit-g+renamed+noisy+failing", "rf:vehicle+shifted+renamed"]


@pytest.fixture(params=[*NAMES, *WRAPPED, *CHAINS])
def problem(request: pytest.FixtureRequest) -> Problem:
    return problems.get(request.param)


def samples(problem: Problem, count: int = 20) -> list[Configuration]:
    rng = np.random.default_rng(1)
    return [problem.space.sample(rng) for _ in range(count)]


def value(problem: Problem, configuration: Mapping[str, Value]) -> Evaluation | None:
    """None where it fails."""
    try:
        return problem.evaluate(configuration)
    except TrialFailed:
        return None


def test_the_name_leads_back_to_it_and_suits_a_file(problem: Problem) -> None:
    assert problems.get(problem.name).name == problem.name
    assert re.fullmatch(r"[\w:+.-]+", problem.name)


def test_it_says_what_it_is(problem: Problem) -> None:
    assert problem.task.metric
    assert problem.task.direction == "minimize"
    assert problem.protocol


def test_values_are_finite_numbers_and_the_same_again(problem: Problem) -> None:
    found = [value(problem, c) for c in samples(problem)]
    assert found == [value(problem, c) for c in samples(problem)]
    given = [evaluation for evaluation in found if evaluation]
    assert given
    assert all(math.isfinite(x) for e in given for x in [e.value, *e.extra.values()])
    assert all(isinstance(x, float) for e in given for x in [e.value, *e.extra.values()])


def test_a_round_trip_through_the_unit_cube_changes_nothing(problem: Problem) -> None:
    for configuration in samples(problem):
        back = problem.space.decode(problem.space.encode(configuration))
        assert problem.space.accepts(back)
        first, second = value(problem, configuration), value(problem, back)
        if "noisy" not in problem.name:  # another last digit, another noise
            assert (first is None) == (second is None)
            assert first is None or second is None or second.value == pytest.approx(first.value, rel=1e-6, abs=1e-9)


def test_bounds_and_default_have_values(problem: Problem) -> None:
    corners = [problem.space.decode([place] * problem.space.width) for place in (0.0, 1.0)]
    for configuration in [*corners, *([problem.space.default] if problem.space.default else [])]:
        assert problem.space.accepts(configuration)
        if "failing" not in problem.name:
            assert math.isfinite(problem.evaluate(configuration).value)


def test_nothing_is_better_than_the_best(problem: Problem) -> None:
    assert problem.best is not None
    for configuration in samples(problem, 200):
        found = value(problem, configuration)
        assert found is None or found.extra.get("noiseless", found.value) >= problem.best


def test_another_process_would_find_the_same(problem: Problem) -> None:
    copied = pickle.loads(pickle.dumps(problem))
    for configuration in samples(problem, 3):
        assert value(copied, configuration) == value(problem, configuration)


def core(problem: Problem) -> Problem:
    return core(problem.inner) if isinstance(problem, Shifted | Renamed | Noisy | Failing) else problem


def outside(problem: Problem, inner: Mapping[str, Value]) -> Configuration:
    """A configuration of the innermost problem in the words of the outermost."""
    match problem:
        case Shifted():
            by, log = problem.by, {n: getattr(h.distribution, "log", False) for n, h in problem.space.items()}
            here = outside(problem.inner, inner)
            kinds = {n: h.kind for n, h in problem.space.items()}
            return {
                n: v * by[n] if log[n] and kinds[n] == "float" else v + by[n]  # type: ignore[operator]
                for n, v in here.items()
            }
        case Renamed():
            return {problem.names[n]: v for n, v in outside(problem.inner, inner).items()}
        case Noisy() | Failing():
            return outside(problem.inner, inner)
    return dict(inner)


def test_the_best_is_attained(problem: Problem) -> None:
    inner = core(problem)
    if isinstance(inner, Landscape):
        places: list[Configuration] = [{"x1": x1, "x2": x2} for x1, x2 in inner.optima]
    else:
        assert isinstance(inner, TabularTask)
        places = [inner.grid.points[int(np.nanargmin(inner.table.validation_errors))]]
    found = [value(problem, outside(problem, place)) for place in places]
    given = [evaluation for evaluation in found if evaluation]
    assert given or "failing" in problem.name  # the best may lie where everything fails
    for evaluation in given:
        assert evaluation.extra.get("noiseless", evaluation.value) == pytest.approx(problem.best, abs=1e-12)


def test_a_wrapped_value_is_the_inner_one_at_the_place_meant(problem: Problem) -> None:
    inner = core(problem)
    for configuration in samples(inner):
        found = value(problem, outside(problem, configuration))
        expected = inner.evaluate(configuration).value
        assert found is None or found.extra.get("noiseless", found.value) == pytest.approx(
            expected, rel=1e-9, abs=1e-12
        )


@pytest.mark.parametrize("prompt", range(4))
def test_no_prompt_names_a_landscape(prompt: int) -> None:
    told = [problems.get(name, prompt=prompt).task for name in LANDSCAPES]
    text = str(told).lower()
    assert not any(name.partition("_")[0] in text for name in LANDSCAPES)
    assert len(set(told)) == 1


def test_prompts_say_what_the_paper_says() -> None:
    tasks = [problems.get("branin", prompt=prompt).task for prompt in range(4)]
    assert "black-box" in tasks[0].model
    assert tasks[0] == tasks[1]
    assert tasks[2].metric == tasks[3].metric == "loss"
    assert "deterministic" in str(tasks[3].facts)
    assert "not negative" in str(tasks[3].facts)
