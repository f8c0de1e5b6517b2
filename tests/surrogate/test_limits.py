"""Constraints in the surrogate: where they are met is learned from their values."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import approx_fprime

from tunewise import Categorical, Float, SearchSpace
from tunewise.space import Configuration
from tunewise.surrogate import Surrogate, fit_surrogate
from tunewise.surrogate.limits import are_met, fit_limits, likely_met

SPACE = SearchSpace({"x": Float(0, 1), "y": Float(0, 1)})
GROUPS = np.arange(2)


def places(count: int, seed: int = 0) -> list[Configuration]:
    """Random configurations."""
    return [{"x": float(x), "y": float(y)} for x, y in np.random.default_rng(seed).random((count, 2))]


def fitted(count: int, **more: object) -> Surrogate:
    """Least at x = 0.2, allowed from 0.6 on."""
    told = places(count)
    values = [(float(c["x"]) - 0.2) ** 2 for c in told]  # type: ignore[arg-type]
    limits = [{"memory": 0.6 - float(c["x"]), "time": -1.0} for c in told]  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    return fit_surrogate(SPACE, told, values, rng=rng, constraints=limits, **more)  # type: ignore[arg-type]


def test_the_limit_is_found_between_the_trials() -> None:
    points = np.random.default_rng(0).random((12, 2))
    limits = fit_limits(points, [{"memory": 0.6 - x, "never": -1.0} for x, _ in points], groups=GROUPS)
    assert len(limits) == 1, "a constraint that nobody violated limits nothing"
    probe = np.array([[0.5, 0.5], [0.58, 0.5], [0.62, 0.5], [0.7, 0.5]])
    assert likely_met(limits, probe).tolist() == [False, False, True, True]


@pytest.mark.parametrize("huge", [1e6, 1e300, float("inf")])
def test_one_huge_violation_hides_nothing(huge: float) -> None:
    points = np.random.default_rng(1).random((15, 2))
    known = [{"memory": huge if x == points[:, 0].min() else 0.6 - x} for x, _ in points]
    (limit,) = fit_limits(points, known, groups=GROUPS)
    assert likely_met([limit], np.array([[0.95, 0.5], [0.05, 0.5]])).tolist() == [True, False]


def test_constraints_that_only_some_trials_know() -> None:
    points = np.array([[0.1, 0.5], [0.9, 0.5], [0.5, 0.1]])
    limits = fit_limits(points, [{"a": 1.0}, {"a": -1.0}, {}], groups=GROUPS)
    assert np.isfinite(limits[0].score(points)).all()
    assert are_met([{"a": 1.0}, {"a": 0.0}, {}]).tolist() == [False, True, True]
    assert fit_limits(points, [{}, {}, {}], groups=GROUPS) == ()


def test_the_gradient() -> None:
    points = np.random.default_rng(2).random((8, 2))
    (limit,) = fit_limits(points, [{"a": float(np.sin(5 * x) - y)} for x, y in points], groups=GROUPS)

    def at(point: NDArray[np.float64]) -> float:
        return float(limit.score(point[None])[0])

    for point in np.random.default_rng(3).random((5, 2)):
        _, gradient = limit.score_with_gradient(point[None])
        numeric = approx_fprime(point, at, 1e-7)
        assert gradient[0] == pytest.approx(numeric, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("count", [12, 200])
def test_proposals_are_allowed(count: int) -> None:
    surrogate = fitted(count)
    proposed = surrogate.propose(3)
    assert [float(c["x"]) >= 0.55 for c in proposed] == [True] * 3  # type: ignore[arg-type]
    assert abs(float(proposed[0]["x"]) - 0.6) < 0.05, "the best that is allowed lies at the limit"  # type: ignore[arg-type]


def test_the_incumbent_is_allowed() -> None:
    surrogate = fitted(12, pending=[{"x": 0.2, "y": 0.5}])
    assert np.median(surrogate.warp.inverse(surrogate.hypotheses[0].incumbent[:, None])) == pytest.approx(
        0.16, abs=0.05
    )
    assert (surrogate.best[:, 0] >= 0.6).all()


def test_nothing_is_allowed() -> None:
    told = places(5)
    rng = np.random.default_rng(0)
    surrogate = fit_surrogate(SPACE, told, [1.0, 2, 3, 4, 5], rng=rng, constraints=[{"a": 1.0 + i} for i in range(5)])
    assert len(surrogate.best) == 0
    assert set(surrogate.propose()[0]) == {"x", "y"}


def test_categories() -> None:
    space = SearchSpace({"k": Categorical(["a", "b"]), "x": Float(0, 1)})
    told: list[Configuration] = [{"k": "ab"[i % 2], "x": i / 8} for i in range(8)]
    limits = [{"only b": 1.0 if c["k"] == "a" else -1.0} for c in told]
    values = [0.0 if c["k"] == "a" else 1.0 + i / 10 for i, c in enumerate(told)]
    surrogate = fit_surrogate(space, told, values, rng=np.random.default_rng(0), constraints=limits)
    assert surrogate.propose()[0]["k"] == "b"
