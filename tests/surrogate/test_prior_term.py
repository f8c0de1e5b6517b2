"""A prior as a term of the acquisition: a density, smooth, silent where it must be, never final."""

# ruff: noqa: N806 - X, as the literature calls a matrix of points
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tunewise.space import Categorical, Float, Int, SearchSpace
from tunewise.surrogate import Opinion, fit_surrogate, make_prior
from tunewise.surrogate.lattice import Lattice

SPACE = SearchSpace(
    {
        "kernel": Categorical(["rbf", "linear", None]),
        "C": Float(1e-3, 1e3, log=True),
        "gamma": Float(1e-4, 10, log=True, when={"kernel": "rbf"}),
        "degree": Int(1, 9),
    }
)
LATTICE = Lattice(SPACE)
OPINIONS = {
    "kernel": Opinion("rbf", 0.1, 0.6),
    "C": Opinion(10.0, 0.1, 0.8),
    "gamma": Opinion(0.01, 0.2, 0.5),
}


def score(*configurations: dict[str, object], power: float = 1.0) -> list[float]:
    """By the prior above."""
    X = SPACE.encode_all(configurations)  # type: ignore[arg-type]
    return list(make_prior(LATTICE, OPINIONS, power=power).score(X))


@pytest.mark.parametrize(("value", "spread"), [(10.0, 0.1), (1e-3, 0.3), (999.0, 0.05), (1.0, 2.0)])
def test_it_is_a_density(value: float, spread: float) -> None:
    """Its mean over the range is 1, wherever the bell stands."""
    prior = make_prior(LATTICE, {"C": Opinion(value, spread, 0.8)})
    X = np.full((20_001, SPACE.width), 0.5)
    X[:, SPACE.columns["C"].start] = np.linspace(0, 1, len(X))
    assert np.exp(prior.score(X)).mean() == pytest.approx(1, abs=1e-3)
    densities = np.exp(
        make_prior(LATTICE, {"kernel": OPINIONS["kernel"]}).score(
            SPACE.encode_all([{"kernel": k} for k in ("rbf", "linear", None)])
        )
    )
    assert densities == pytest.approx([0.4 + 0.6 * 3, 0.4, 0.4], rel=1e-4)


def test_what_it_says() -> None:
    expected = {"kernel": "rbf", "C": 10.0, "gamma": 0.01, "degree": 3}
    best, other_c, other_degree, linear, far = score(
        expected,
        {**expected, "C": 1.0},
        {**expected, "degree": 9},
        {"kernel": "linear", "C": 10.0, "degree": 3},
        {"kernel": "linear", "C": 1e-3, "degree": 3},
    )
    assert best > other_c > far
    assert best == other_degree, "nothing was said about it"
    assert linear == pytest.approx(best - np.log(1.0 + 0.6 * 2) + np.log(0.4) - score_of_gamma(), rel=1e-6)
    assert far == pytest.approx(np.log(0.4) + np.log(0.2), abs=1e-3), "even the worst place is only less likely"
    assert score(expected, power=0.5) == pytest.approx([best / 2])


def score_of_gamma() -> float:
    """Of its best value alone."""
    prior = make_prior(LATTICE, {"gamma": OPINIONS["gamma"]})
    (found,) = prior.score(SPACE.encode_all([{"kernel": "rbf", "C": 1.0, "gamma": 0.01, "degree": 3}]))
    return float(found)


def test_without_confidence_it_says_exactly_nothing() -> None:
    silent = make_prior(LATTICE, {name: replace(o, confidence=0.0) for name, o in OPINIONS.items()})
    X = LATTICE.snap(np.random.default_rng(0).random((50, SPACE.width)))
    assert (silent.score(X) == 0).all()
    assert (silent.score_with_gradient(X)[1] == 0).all()


def test_gradient() -> None:
    prior = make_prior(LATTICE, OPINIONS, power=0.7)
    X = LATTICE.snap(np.random.default_rng(1).random((20, SPACE.width)))
    scores, gradient = prior.score_with_gradient(X)
    assert scores == pytest.approx(prior.score(X))
    free = LATTICE.free(X)
    for column in (SPACE.columns["C"].start, SPACE.columns["gamma"].start):
        step = np.zeros(SPACE.width)
        step[column] = 1e-6
        numeric = (prior.score(X + step) - prior.score(X - step)) / 2e-6
        rows = free[:, column] & (X[:, column] > 1e-5) & (X[:, column] < 1 - 1e-5)
        assert rows.any()
        assert gradient[rows, column] == pytest.approx(numeric[rows], rel=1e-4, abs=1e-6)


def test_it_draws_the_surrogate_and_lets_go() -> None:
    space = SearchSpace({"x": Float(0, 1), "y": Float(0, 1)})
    tried = [{"x": 0.5, "y": 0.5}, {"x": 0.45, "y": 0.6}]
    fitted = fit_surrogate(space, tried, [0.5, 0.4], rng=np.random.default_rng(0))
    opinions = {"x": Opinion(0.9, 0.05, 0.9), "y": Opinion(0.1, 0.05, 0.9)}
    drawn = replace(fitted, prior=make_prior(fitted.lattice, opinions))
    (found,) = drawn.propose()
    assert found["x"] == pytest.approx(0.9, abs=0.08)
    assert found["y"] == pytest.approx(0.1, abs=0.08)
    (faint,) = replace(fitted, prior=make_prior(fitted.lattice, opinions, power=1e-3)).propose()
    (own,) = fitted.propose()
    assert [faint[n] for n in "xy"] == pytest.approx([own[n] for n in "xy"], abs=0.05)
    first, second = drawn.propose(2)
    assert max(abs(float(first[n] or 0) - float(second[n] or 0)) for n in "xy") > 1e-3, "a batch stays diverse"
