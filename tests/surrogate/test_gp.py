"""The process: exact formulas, safe with degenerate data, not overfitted by few points."""

# ruff: noqa: N803, N806 - X, as the literature calls a matrix of points
from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import multivariate_normal

from tunewise.surrogate.gp import (
    GP,
    JITTER,
    Hyperparameters,
    Prior,
    fit_gp,
    group_distances,
    make_gp,
    matern,
    negative_log_likelihood,
)
from tunewise.surrogate.posterior import Target, elliptical_slices, fit_best, sample_posterior
from tunewise.surrogate.subset import select
from tunewise.surrogate.warp import Warp

Array = NDArray[np.float64]


def slope(f: Callable[[Array], float], x: Array) -> Array:
    """Central differences."""
    h = 1e-5
    return np.array([(f(x + h * e) - f(x - h * e)) / (2 * h) for e in np.eye(len(x))])


def wave(X: Array) -> Array:
    return np.asarray(np.sin(5 * X[:, 0]) + X[:, 1] ** 2)


@pytest.fixture
def gp() -> GP:
    X = np.random.default_rng(0).random((25, 3))
    return fit_gp(X, wave(X))


def test_likelihood_is_that_of_a_normal_distribution() -> None:
    rng = np.random.default_rng(1)
    X, y = rng.random((6, 2)), rng.standard_normal(6)
    h = Hyperparameters(np.array([[0.3, 0.8]]), np.array([1.7]), np.array([0.05]))
    distances = group_distances(X, np.arange(2))
    covariance = 1.7 * matern(h.length_scales[0] ** -2 @ distances).reshape(6, 6) + (0.05 + 1.7 * JITTER) * np.eye(6)
    value, *_ = negative_log_likelihood(h.to_logs()[0], distances, y)
    expected = -multivariate_normal(np.zeros(6), covariance).logpdf(y) - 3 * np.log(2 * np.pi)
    assert value == pytest.approx(expected)


def test_likelihood_gradient() -> None:
    rng = np.random.default_rng(2)
    X, y = rng.random((8, 5)), rng.standard_normal(8)
    distances = group_distances(X, np.array([0, 1, 1, 1, 2]))
    logs = np.log([0.5, 0.9, 1.4, 1.2, 0.01])
    numeric = slope(lambda at: negative_log_likelihood(at, distances, y)[0], logs)
    assert negative_log_likelihood(logs, distances, y)[1] == pytest.approx(numeric, rel=1e-3, abs=1e-4)


def test_prediction_gradient(gp: GP) -> None:
    X = np.random.default_rng(3).random((4, 3))
    mean, std, mean_gradient, std_gradient = gp.predict_with_gradient(X)
    assert mean == pytest.approx(gp.predict(X)[0])
    assert std == pytest.approx(gp.predict(X)[1])
    for i, x in enumerate(X):
        assert mean_gradient[0, i] == pytest.approx(slope(lambda v: gp.predict(v[None])[0][0, 0], x), abs=1e-3)
        assert std_gradient[0, i] == pytest.approx(slope(lambda v: gp.predict(v[None])[1][0, 0], x), abs=1e-3)


def test_several_processes_at_once_are_what_each_is_alone() -> None:
    rng = np.random.default_rng(3)
    X, at = rng.random((15, 3)), rng.random((4, 3))
    _, both = sample_posterior(X, np.exp(3 * wave(X)), np.zeros(6), groups=np.arange(3))
    assert len(both.center) > 1
    joint_mean, covariance = both.joint(at)
    found = (*both.predict_with_gradient(at), joint_mean, covariance)
    for row, _ in enumerate(both.center):
        h = both.hyperparameters
        one = make_gp(
            X,
            both.y[[row]],
            both.center[[row]],
            both.scale[[row]],
            both.groups,
            Hyperparameters(h.length_scales[[row]], h.signal[[row]], h.noise[[row]]),
        )
        for several, alone in zip(found, (*one.predict_with_gradient(at), *one.joint(at)), strict=True):
            assert several[row] == pytest.approx(alone[0], rel=1e-6, abs=1e-9)
    assert np.sqrt(np.einsum("sii->si", covariance)) == pytest.approx(both.predict(at)[1], rel=1e-4)


def test_it_learns_a_smooth_function_and_which_input_is_idle(gp: GP) -> None:
    X = np.random.default_rng(4).random((200, 3))
    mean, std = gp.predict(X)
    assert np.abs(mean - wave(X)).mean() < 0.05
    assert (np.abs(mean - wave(X)) < 4 * std + 0.01).mean() > 0.95
    assert gp.hyperparameters.length_scales[0, 2] > 3 * gp.hyperparameters.length_scales[0, 0]


def test_it_passes_through_its_points_and_is_unsure_far_away(gp: GP) -> None:
    mean, std = gp.predict(gp.X)
    assert mean[0] == pytest.approx(wave(gp.X), abs=0.02)
    assert std.max() < 0.1 * gp.predict(np.full((1, 3), 30.0))[1][0, 0]


def test_units_of_the_targets_do_not_matter(gp: GP) -> None:
    X = np.random.default_rng(5).random((10, 3))
    other = fit_gp(gp.X, 1e6 * wave(gp.X) - 3e7)
    assert other.predict(X)[0] == pytest.approx(1e6 * gp.predict(X)[0] - 3e7, rel=1e-4)
    assert other.predict(X)[1] == pytest.approx(1e6 * gp.predict(X)[1], rel=1e-2)


def test_noise_is_found() -> None:
    rng = np.random.default_rng(6)
    X = rng.random((80, 1))
    noisy = fit_gp(X, np.sin(5 * X[:, 0]) + 0.3 * rng.standard_normal(80))
    assert np.sqrt(noisy.hyperparameters.noise[0]) * noisy.scale[0] == pytest.approx(0.3, rel=0.3)


def test_three_points_do_not_make_it_certain() -> None:
    """By likelihood alone a length scale would run to a bound, and everything in between would be certain."""
    X = np.array([[0.1, 0.5, 0.5], [0.5, 0.4, 0.6], [0.9, 0.6, 0.4]])
    gp = fit_gp(X, np.array([1.0, 2.0, 3.0]))
    assert (gp.hyperparameters.length_scales > 0.1).all()
    assert (gp.hyperparameters.length_scales < 10).all()
    assert gp.predict(np.array([[0.1, 0.0, 1.0]]))[1][0, 0] > 0.1 * gp.scale[0]


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_few_points(n: int) -> None:
    X = np.random.default_rng(7).random((n, 2))
    gp = fit_gp(X, wave(X))
    mean, std = gp.predict(np.random.default_rng(8).random((5, 2)))
    assert np.isfinite(mean).all()
    assert (std > 0).all()


@pytest.mark.parametrize("value", [0.0, 1.0, -1e9, 1e-300, 1e100])
def test_constant_targets(value: float) -> None:
    gp = fit_gp(np.random.default_rng(9).random((6, 2)), np.full(6, value))
    mean, std = gp.predict(np.array([[0.5, 0.5]]))
    assert mean[0, 0] == pytest.approx(value)
    assert std[0, 0] > 0


def test_repeated_points_with_different_targets() -> None:
    X = np.full((20, 2), 0.3)
    gp = fit_gp(X, np.random.default_rng(10).standard_normal(20))
    mean, std = gp.predict_with_gradient(X[:1])[:2]
    assert np.isfinite(mean).all()
    assert np.isfinite(std).all()


def test_columns_of_a_category_share_a_length_scale() -> None:
    choices = np.eye(3)
    X = choices[np.random.default_rng(11).integers(3, size=30)]
    gp = fit_gp(X, X @ [0.0, 1.0, 5.0], groups=np.zeros(3, dtype=np.intp))
    assert gp.hyperparameters.length_scales.shape == (1, 1)
    assert gp.predict(choices)[0][0] == pytest.approx([0, 1, 5], abs=0.05)


def test_a_believed_point_lowers_the_doubt_and_keeps_the_mean(gp: GP) -> None:
    at, elsewhere = np.array([[0.95, 0.05, 0.95]]), np.random.default_rng(12).random((20, 3))
    believed = gp.condition(at)
    assert believed.predict(elsewhere)[0] == pytest.approx(gp.predict(elsewhere)[0], abs=1e-3)
    assert (believed.predict(elsewhere)[1] <= gp.predict(elsewhere)[1] + 1e-6).all()
    assert believed.predict(at)[1][0, 0] < 0.2 * gp.predict(at)[1][0, 0]


def test_conditioning_on_targets_is_fitting_with_the_same_hyperparameters(gp: GP) -> None:
    more = np.random.default_rng(13).random((4, 3))
    mean, _ = gp.condition(more, wave(more)[None] + 10).predict(more)
    assert mean[0] == pytest.approx(wave(more) + 10, abs=0.5)


@pytest.mark.parametrize("strength", [0.01, 1.0, 5.0, 25.0])
def test_warp_and_back(strength: float) -> None:
    values = np.array([3.0, 3.1, 4.0, 7.0, 1e6])
    warp = Warp.of(values, np.array([strength]))
    assert warp.inverse(warp.forward(values))[0] == pytest.approx(values)
    assert (np.diff(warp.forward(values)) > 0).all()
    beyond = warp.inverse(np.array([[-1e9, -1.0, 0.0, 1.0, 1e9]]))
    assert np.isfinite(beyond).all()
    assert (np.diff(beyond) >= 0).all()
    assert warp.forward(np.array([2.5, 2.0]))[0] == pytest.approx([-0.5, -1.0]), "a line below the best, in its unit"


def test_the_values_say_whether_they_explode() -> None:
    X = np.random.default_rng(14).random((25, 2))
    plane = X @ [1.0, 2.0]
    straight, _ = fit_best(X, plane, groups=np.arange(2))
    exploding, _ = fit_best(X, np.exp(5 * plane), groups=np.arange(2))
    assert straight.strength < 0.1
    assert exploding.strength > 0.5


def test_the_likelihood_of_the_values_and_its_gradient() -> None:
    rng = np.random.default_rng(16)
    X = rng.random((9, 2))
    target = Target(X, np.exp(2 * wave(X)), np.arange(2))
    logs = np.array([-0.4, 0.3, 0.2, -3.0])
    value, gradient = target.loss(0.7)(logs)
    assert value == pytest.approx(-target.log_likelihood(np.append(logs, 0.7)))
    assert gradient == pytest.approx(slope(lambda at: target.loss(0.7)(at)[0], logs), rel=1e-3, abs=1e-4)


def test_the_chain_draws_from_the_posterior() -> None:
    """Of a normal prior and a normal likelihood the posterior is known."""
    prior = Prior(np.array([1.0, -2.0]), np.array([2.0, 0.5]))
    chain = elliptical_slices(lambda x: -0.5 * (x[0] - 3.0) ** 2, prior.means, prior, 2000, seed=0)
    assert chain.mean(axis=0) == pytest.approx([2.6, -2.0], abs=0.1)
    assert chain.std(axis=0) == pytest.approx([0.8**0.5, 0.5], rel=0.1)


def test_selection_keeps_the_best_the_latest_and_the_outline() -> None:
    rng = np.random.default_rng(15)
    latest = rng.random((20, 2))
    X = np.vstack([0.5 + 0.01 * rng.standard_normal((500, 2)), [[0, 0], [0, 1], [1, 0], [1, 1]], latest])
    y = rng.random(len(X))
    kept = select(X, y, limit=100)
    assert len(kept) == 100
    assert (np.diff(kept) > 0).all()
    assert set(np.argsort(y)[:40]) <= set(kept)
    assert set(range(len(X) - len(latest), len(X))) <= set(kept)
    assert {500, 501, 502, 503} <= set(kept)
    assert list(select(X[:50], y[:50], limit=100)) == list(range(50))
