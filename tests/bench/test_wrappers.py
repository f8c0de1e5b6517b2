"""Wrappers: what each does beside the contract, on a space with categories and conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest

from tunewise.bench import problems
from tunewise.bench.problems.wrappers import Shifted, failing, noisy, renamed, shifted
from tunewise.errors import StudyError, TrialFailed
from tunewise.evaluate.base import Evaluation
from tunewise.space import Categorical, Float, Int, SearchSpace, Value
from tunewise.task import DataCard, Task


@dataclass(frozen=True)
class Mixed:
    """A problem with every kind of hyperparameter; its value is largest depth and so on added up."""

    name: str = "mixed"
    protocol: str = "formula"
    best: float | None = None

    @property
    def space(self) -> SearchSpace:
        return SearchSpace(
            {
                "kernel": Categorical(["rbf", "linear"], default="rbf", description="the kernel"),
                "gamma": Float(1e-3, 1e3, log=True, default=0.1, when={"kernel": "rbf"}, description="its width"),
                "depth": Int(1, 50, log=True, default=10),
                "layers": Int(2, 20, step=2, default=4),
                "share": Float(0.0, 1.0, default=0.5),
                "step": Float(0.0, 1.0, step=0.25, default=0.25),
            }
        )

    @property
    def task(self) -> Task:
        return Task(model="a machine", data=DataCard(name="famous", rows=10, description="of old"), facts=("Known.",))

    def evaluate(self, configuration: Mapping[str, Value]) -> Evaluation:
        assert self.space.accepts(configuration), configuration
        return Evaluation(sum(float(v) for v in configuration.values() if isinstance(v, int | float)))


MIXED = Mixed()


def test_a_shifted_problem_has_the_same_values_elsewhere() -> None:
    moved = shifted(MIXED, seed=3)
    rng = np.random.default_rng(0)
    assert moved.space.default is not None
    assert MIXED.space.default is not None
    assert moved.evaluate(moved.space.default).value == pytest.approx(MIXED.evaluate(MIXED.space.default).value)
    for _ in range(100):
        configuration = moved.space.sample(rng)
        inner = {n: v if n == "kernel" else back(moved, n, v) for n, v in configuration.items()}
        assert moved.evaluate(configuration).value == pytest.approx(
            MIXED.evaluate(MIXED.space.coerce(inner).configuration).value
        )


def back(moved: Shifted, name: str, value: Value) -> float:
    assert isinstance(value, int | float)
    return value / moved.by[name] if name == "gamma" else value - moved.by[name]


def test_every_numeric_hyperparameter_moves_by_a_fifth_to_a_half_of_its_range() -> None:
    for seed in range(20):
        by = shifted(MIXED, seed=seed).by
        assert set(by) == set(MIXED.space) - {"kernel"}
        assert 10 ** (0.2 * 6) <= by["gamma"] <= 10 ** (0.5 * 6)
        assert 0.2 <= by["share"] <= 0.5
        assert 0.2 * 49 - 1 <= by["depth"] <= 0.5 * 49 + 1
        assert by["layers"] % 2 == 0
        assert by["step"] in (0.25, 0.5)
    assert shifted(MIXED, seed=1) == shifted(MIXED, seed=1) != shifted(MIXED, seed=2)


def test_a_grid_moves_and_is_renamed_with_its_problem() -> None:
    table = problems.get("svm:car")
    moved = renamed(Shifted(table, {"C": 10.0, "gamma": 100.0}))
    near = moved.space.coerce({"x1": 41.0, "x2": 51.0}).configuration
    assert near == {"x1": 40.0, "x2": 50.0}
    assert moved.evaluate(near) == table.evaluate({"C": 4.0, "gamma": 0.5})


def test_a_renamed_problem_tells_nothing_but_ranges() -> None:
    told = renamed(MIXED)
    text = f"{told.space} {told.task}"
    assert not any(
        word in text for word in ("kernel", "gamma", "depth", "width", "machine", "famous", "of old", "Known")
    )
    assert told.space["x2"].when == {"x1": ("rbf",)}
    assert told.task.data is not None
    assert told.task.data.rows == 10
    assert told.evaluate({"x1": "linear", "x3": 3, "x4": 2, "x5": 0.5, "x6": 0.25}).value == 5.75


def test_noise_has_the_stated_scale_and_repeats_itself() -> None:
    rough = noisy(problems.get("svm:car"), scale=0.02, seed=4)
    rng = np.random.default_rng(0)
    found = [rough.evaluate(rough.space.sample(rng)) for _ in range(1000)]
    noise = np.array([evaluation.value - evaluation.extra["noiseless"] for evaluation in found])
    assert abs(noise.mean()) < 0.002
    assert noise.std() == pytest.approx(0.02, rel=0.1)
    place: dict[str, Value] = {"C": 1.0, "gamma": 0.1}
    assert rough.evaluate(place) == rough.evaluate(dict(reversed(place.items())))
    assert rough.evaluate(place) != noisy(problems.get("svm:car"), scale=0.02, seed=5).evaluate(place)


@pytest.mark.parametrize("scale", [-1.0, float("nan"), float("inf")])
def test_noise_of_no_scale_is_refused(scale: float) -> None:
    with pytest.raises(StudyError, match="no standard deviation"):
        noisy(MIXED, scale=scale)


def test_a_region_fails_and_the_rest_does_not() -> None:
    fragile = failing(problems.get("svm:car"), {"C": (100.0, 1024.0), "gamma": (0.0, 1.0)})
    with pytest.raises(TrialFailed, match=r"Out of memory\."):
        fragile.evaluate({"C": 100.0, "gamma": 1.0})
    whole = problems.get("svm:car")
    for configuration in ({"C": 99.0, "gamma": 1.0}, {"C": 100.0, "gamma": 1.1}):
        assert fragile.evaluate(configuration) == whole.evaluate(configuration)


def test_by_default_a_quarter_of_the_space_fails() -> None:
    fragile = failing(MIXED)
    assert list(fragile.region) == ["gamma"]
    assert fragile.region["gamma"] == pytest.approx((10**1.5, 1e3))
    assert fragile.evaluate({"kernel": "linear", "depth": 1, "layers": 2, "share": 0.0, "step": 0.0}).value == 3


def test_a_region_that_is_none_is_refused() -> None:
    with pytest.raises(StudyError, match="The region is empty"):
        failing(MIXED, {})
    with pytest.raises(StudyError, match=r"no hyperparameter 'gama'\. Did you mean gamma"):
        failing(MIXED, {"gama": (0, 1)})
