"""Expected improvement where it is tiny, and what the maximizer finds."""

# ruff: noqa: N803, N806 - X, as the literature calls a matrix of points
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.stats import norm

from tunewise.space import Categorical, Configuration, Float, Int, SearchSpace
from tunewise.surrogate.acquisition import (
    SAME,
    STAIR,
    LogExpectedImprovement,
    Nearby,
    Total,
    log_improvement,
    maximize,
    step_width,
)
from tunewise.surrogate.lattice import Lattice
from tunewise.surrogate.posterior import sample_posterior
from tunewise.surrogate.success import fit_success
from tunewise.surrogate.surrogate import fit_surrogate

Array = NDArray[np.float64]
NOTHING = np.zeros((0, 2))


@pytest.mark.parametrize("z", [-6.0, -3.0, -1.0001, -0.9999, 0.0, 2.0, 30.0])
def test_improvement_is_the_integral_that_it_stands_for(z: float) -> None:
    expected = quad(lambda f: (z - f) * norm.pdf(f), -np.inf, z, epsabs=1e-14)[0]
    assert log_improvement(np.array([z]))[0] == pytest.approx(np.log(expected), rel=1e-5, abs=1e-6)


def test_improvement_is_finite_and_increasing_where_the_plain_one_is_zero() -> None:
    z = -np.geomspace(1e-3, 1e9, 5000)[::-1]
    logs = log_improvement(z)
    assert np.isfinite(logs).all()
    assert (np.diff(logs) > 0).all()
    far = z[z < -100]
    asymptote = -(far**2) / 2 - 0.5 * np.log(2 * np.pi) - 2 * np.log(-far)  # phi(z) / z^2
    assert log_improvement(far) == pytest.approx(asymptote, rel=1e-6)


def test_gradient_of_the_acquisition_with_failures_and_a_prior() -> None:
    rng = np.random.default_rng(0)
    X = rng.random((12, 2))
    _, gp = sample_posterior(X, ((X - 0.3) ** 2).sum(axis=1), np.zeros(5), groups=np.arange(2))
    acquisition = Total(
        (
            LogExpectedImprovement(gp, gp.predict(X)[0].min(axis=1)),
            fit_success(X[X[:, 0] < 0.6], X[X[:, 0] >= 0.6], groups=np.arange(2)),
            Nearby(np.array([0.2, 0.7]), np.array([3.0, 0.0])),
        )
    )
    at = np.array([[0.25, 0.35], [0.55, 0.2], [0.1, 0.9]])
    scores, gradients = acquisition.score_with_gradient(at)
    assert scores == pytest.approx(acquisition.score(at))
    for x, gradient in zip(at, gradients, strict=True):
        around = x + 1e-5 * np.vstack([np.eye(2), -np.eye(2)])
        numeric = (acquisition.score(around)[:2] - acquisition.score(around)[2:]) / 2e-5
        assert gradient == pytest.approx(numeric, rel=1e-2)


@dataclass(frozen=True)
class Peak:
    """An acquisition with a known maximum."""

    at: Array

    def score(self, X: Array) -> Array:
        return np.asarray(-((X - self.at) ** 2).sum(axis=1))

    def score_with_gradient(self, X: Array) -> tuple[Array, Array]:
        return self.score(X), -2 * (X - self.at)


def test_the_maximizer_finds_a_peak_inside_and_one_beyond_a_bound() -> None:
    lattice = Lattice(SearchSpace({"a": Float(0, 1), "b": Float(1e-4, 1e4, log=True)}))
    rng = np.random.default_rng(1)
    for at, expected in (([0.123, 0.987], [0.123, 0.987]), ([-0.5, 0.4], [0.0, 0.4])):
        found = maximize(Peak(np.array(at)), lattice, rng, best=NOTHING, avoid=NOTHING, candidates=NOTHING)
        assert found == pytest.approx(expected, abs=1e-3)


def test_the_maximizer_steps_to_the_right_category_and_integer() -> None:
    space = SearchSpace({"c": Categorical(list("abcdefgh")), "i": Int(0, 9), "long": Int(1, 1000), "x": Float(0, 1)})
    goal: Configuration = {"c": "f", "i": 7, "long": 321, "x": 0.25}
    peak = Peak(space.encode(goal))
    nothing = np.zeros((0, space.width))
    found = maximize(peak, Lattice(space), np.random.default_rng(2), best=nothing, avoid=nothing, candidates=nothing)
    configuration = space.decode(found)
    assert {k: configuration[k] for k in ("c", "i", "long")} == {"c": "f", "i": 7, "long": 321}


def test_what_was_tried_is_not_proposed_again_unless_nothing_else_is_left() -> None:
    space = SearchSpace({"c": Categorical(["a", "b"]), "i": Int(0, 1)})
    lattice, rng = Lattice(space), np.random.default_rng(3)
    every = np.array([space.encode({"c": c, "i": i}) for c in "ab" for i in (0, 1)])
    peak = Peak(every[0])
    nothing = np.zeros((0, space.width))
    found = maximize(peak, lattice, rng, best=every[:1], avoid=every[:3], candidates=nothing)
    assert found == pytest.approx(every[3])
    found = maximize(peak, lattice, rng, best=every[:1], avoid=every, candidates=nothing)
    assert found == pytest.approx(every[0])


def test_points_in_a_space_that_is_full_are_not_gone_through_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    space = SearchSpace({"a": Float(0, 1), "b": Float(0, 1)})
    lattice, rng = Lattice(space), np.random.default_rng(0)
    tried = rng.random((3000, 2))
    rounded: list[Array] = []

    def counted(_: Lattice, X: Array) -> Array:
        rounded.append(X)
        return X

    monkeypatch.setattr(Lattice, "round", counted)
    found = maximize(Peak(tried[0]), lattice, rng, best=tried[:1], avoid=tried, apart=0.2, candidates=NOTHING)
    assert found == pytest.approx(tried[0], abs=0.01), "nothing else is left"
    assert len(rounded) <= 2  # those where it ends, not 640 one by one


def test_a_candidate_that_nobody_else_finds_is_taken() -> None:
    @dataclass(frozen=True)
    class Needle:
        at: Array

        def score(self, X: Array) -> Array:
            return np.asarray((np.abs(X - self.at).max(axis=1) < 1e-9).astype(float))

        def score_with_gradient(self, X: Array) -> tuple[Array, Array]:
            return self.score(X), np.zeros_like(X)

    needle = np.array([[0.31830988, 0.36787944]])
    lattice = Lattice(SearchSpace({"a": Float(0, 1), "b": Float(0, 1)}))
    found = maximize(Needle(needle), lattice, np.random.default_rng(4), best=NOTHING, avoid=NOTHING, candidates=needle)
    assert found == pytest.approx(needle[0])


def test_failures_are_believed_near_themselves_and_hardly_elsewhere() -> None:
    rng = np.random.default_rng(5)
    X = rng.random((20, 2))
    one = fit_success(X, np.array([[0.95, 0.95]]), groups=np.arange(2))
    assert one.probability(np.array([[0.95, 0.95]]))[0] < 0.5
    assert one.probability(np.array([[0.1, 0.1]]))[0] > 0.85
    half = fit_success(X[X[:, 0] < 0.5], X[X[:, 0] >= 0.5], groups=np.arange(2))
    at = rng.random((200, 2))
    assert (half.probability(at[at[:, 0] < 0.4]) > 0.5).mean() > 0.95
    assert (half.probability(at[at[:, 0] > 0.6]) < 0.5).mean() > 0.95


def test_failures_alone_say_little_far_away() -> None:
    only = fit_success(NOTHING, np.array([[0.1, 0.1], [0.1, 0.2]]), groups=np.arange(2))
    near, far = only.probability(np.array([[0.1, 0.15], [0.9, 0.9]]))
    assert near < 0.2 < far < 0.6


@pytest.mark.parametrize(
    ("places", "values", "width"),
    [
        ([], [], SAME),
        ([0.5], [1.0], SAME),
        ([0.2, 0.23, 0.9], [1.0, 1.0, 5.0], 0.03),  # one step
        ([0.2, 0.23, 0.9], [1.0, 1.001, 5.0], SAME),  # no two values are the same
        ([0.2, 0.8, 0.9], [1.0, 1.0, 5.0], SAME),  # two places far apart are two steps
        ([0.2, 0.21, 0.6, 0.63, 0.9], [1.0, 2.0, 9.0, 9.0, 9.0], SAME),  # where nobody wants to be, steps do not count
        ([0.2, 0.21, 0.24, 0.9], [1.0, 1.0, 1.0, 5.0], 0.04),  # the widest counts
    ],
)
def test_the_width_of_a_step(places: list[float], values: list[float], width: float) -> None:
    X = np.array([[x, 0.5] for x in places]).reshape(-1, 2)
    assert step_width(X, np.array(values)) == pytest.approx(width)
    assert width <= STAIR


def test_a_staircase_is_not_tried_twice_on_one_step() -> None:
    space = SearchSpace({"x": Float(0, 1)})
    rng = np.random.default_rng(0)

    def accuracy(x: float) -> float:
        return round(25 * (x - 0.37) ** 2) / 25

    tried = [0.0, 0.3, 0.34, 0.4, 0.7, 1.0]
    surrogate = fit_surrogate(space, [{"x": x} for x in tried], [accuracy(x) for x in tried], rng=rng)
    assert accuracy(0.34) == accuracy(0.3) == accuracy(0.4), "the best step is this wide at least"
    proposed = [float(space.encode(c)[0]) for c in surrogate.propose(4)]
    gaps = [abs(a - b) for k, a in enumerate(proposed) for b in [*tried, *proposed[:k]]]
    assert min(gaps) > 0.04 - 1e-9
