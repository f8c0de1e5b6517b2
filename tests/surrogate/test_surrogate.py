"""The facade, as a proposer uses it."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from tunewise.bench.problems.landscapes import LANDSCAPES
from tunewise.errors import UsageError
from tunewise.space import Categorical, Configuration, Float, Int, SearchSpace, Value
from tunewise.surrogate import Effect, Estimate, Surrogate, fit_surrogate
from tunewise.surrogate.surrogate import PLATEAU, least_gain

SVM = SearchSpace(
    {
        "kernel": Categorical(["linear", "rbf", "poly"]),
        "C": Float(1e-3, 1e3, log=True),
        "gamma": Float(1e-4, 1e1, log=True, when={"kernel": ["rbf", "poly"]}),
        "degree": Int(2, 5, when={"kernel": "poly"}),
    }
)


Config = dict[str, Any]


def number(value: Value) -> float:
    assert isinstance(value, int | float)
    return value


def svm_loss(c: Mapping[str, Any]) -> float:
    if c["kernel"] == "linear":
        return 0.3 + 0.01 * abs(math.log10(c["C"]))
    valley: float = (math.log10(c["gamma"]) + 2) ** 2 + 0.2 * math.log10(c["C"]) ** 2
    return 0.1 + 0.1 * float(c["kernel"] == "poly") + 0.3 * (1 - math.exp(-valley))


def sampled(space: SearchSpace, n: int, seed: int = 0) -> list[Config]:
    rng = np.random.default_rng(seed)
    return [dict(space.sample(rng)) for _ in range(n)]


def fitted(space: SearchSpace, loss: Callable[[Mapping[str, Any]], float], n: int, **more: Any) -> Surrogate:
    tried = sampled(space, n)
    return fit_surrogate(space, tried, [loss(c) for c in tried], rng=np.random.default_rng(1), **more)


def run(space: SearchSpace, loss: Callable[[Mapping[str, Any]], float | None], n: int, seed: int = 0) -> list[Any]:
    """A study: None is a failure."""
    rng = np.random.default_rng(seed)
    tried: list[Config] = [space.sample(rng)]
    values = [loss(tried[0])]
    while len(tried) < n:
        finished = [(c, v) for c, v in zip(tried, values, strict=True) if v is not None]
        surrogate = fit_surrogate(
            space,
            [c for c, _ in finished],
            [v for _, v in finished],
            failed=[c for c, v in zip(tried, values, strict=True) if v is None],
            rng=rng,
        )
        tried += surrogate.propose()
        values.append(loss(tried[-1]))
    return values


@pytest.mark.long
@pytest.mark.parametrize("name", ["quadratic", "branin_shifted", "rosenbrock"])
def test_it_beats_random_search_of_ten_times_the_budget(name: str) -> None:
    scape = LANDSCAPES[name]
    rng = np.random.default_rng(2)
    drawn = [scape.evaluate(scape.space.sample(rng)).value for _ in range(3000)]
    random_search = np.mean([min(drawn[i : i + 200]) for i in range(0, 3000, 200)])
    found = [min(run(scape.space, lambda c: scape.evaluate(c).value, 20, seed)) for seed in range(3)]
    assert np.median(found) < random_search


def test_a_conditional_space() -> None:
    assert min(run(SVM, svm_loss, 25)) < 0.13


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_few_trials(n: int) -> None:
    surrogate = fitted(SVM, svm_loss, n)
    (proposal,) = surrogate.propose()
    assert SVM.coerce(proposal).configuration == proposal
    assert np.isfinite(surrogate.score([proposal])).all()
    assert np.isfinite(surrogate.predict([proposal])).all()
    assert all(effect.estimate is None for effect in surrogate.effects()), "so few values support no claim"


def test_predictions_are_on_the_scale_of_the_values() -> None:
    space = SearchSpace({"x": Float(0, 1), "y": Float(0, 1)})

    def loss(c: Mapping[str, Any]) -> float:
        return 1e3 + math.exp(12 * c["x"])

    surrogate = fitted(space, loss, 30)
    fresh = sampled(space, 100, seed=3)
    values = np.array([loss(c) for c in fresh])
    median, spread = surrogate.predict(fresh)
    assert np.corrcoef(np.argsort(np.argsort(median)), np.argsort(np.argsort(values)))[0, 1] > 0.98
    assert (np.abs(values - median) < 4 * spread + 0.02 * values).mean() > 0.9


def test_the_score_prefers_what_is_proposed() -> None:
    surrogate = fitted(SVM, svm_loss, 20)
    assert surrogate.score(surrogate.propose())[0] >= surrogate.score(sampled(SVM, 200, seed=4)).max()


def test_a_batch_is_diverse_and_new() -> None:
    pending = sampled(SVM, 2, seed=5)
    surrogate = fitted(SVM, svm_loss, 12, pending=pending)
    batch = surrogate.propose(5)
    points = np.array([SVM.encode(c) for c in [*batch, *pending]])
    distances = np.abs(points[:, None] - points).max(axis=2)[np.triu_indices(len(points), 1)]
    assert distances.min() > 0.01


def test_a_pending_trial_lowers_the_score_around_it() -> None:
    (proposal,) = fitted(SVM, svm_loss, 12).propose()
    before = fitted(SVM, svm_loss, 12).score([proposal])
    after = fitted(SVM, svm_loss, 12, pending=[proposal]).score([proposal])
    assert after < before - 1


@pytest.mark.long
def test_failures_are_avoided_and_do_not_bend_the_predictions() -> None:
    space = SearchSpace({"x": Float(0, 1), "y": Float(0, 1)})

    def loss(c: Mapping[str, Any]) -> float | None:
        return None if c["x"] > 0.5 else (c["x"] - 0.6) ** 2 + (c["y"] - 0.3) ** 2  # the best x borders on the failures

    studies = [run(space, loss, 25, seed) for seed in range(3)]
    assert sum(v is None for values in studies for v in values) <= 36
    assert all(min(v for v in values if v is not None) < 0.03 for values in studies)
    tried = [c for c in sampled(space, 30) if c["x"] <= 0.5]
    plain = fit_surrogate(space, tried, [c["y"] for c in tried], rng=np.random.default_rng(6))
    broken = [c for c in sampled(space, 30) if c["x"] > 0.5]
    other = fit_surrogate(space, tried, [c["y"] for c in tried], failed=broken, rng=np.random.default_rng(6))
    assert other.predict(tried)[0] == pytest.approx(plain.predict(tried)[0], abs=1e-3)
    assert other.success(tried).mean() > other.success(broken).mean() + 0.5
    assert (plain.success(tried) == 1).all()


def test_nothing_but_failures_leads_elsewhere() -> None:
    space = SearchSpace({"x": Float(0, 1), "y": Float(0, 1)})
    failed = [{"x": 0.1, "y": 0.1}, {"x": 0.2, "y": 0.1}, {"x": 0.1, "y": 0.3}]
    proposal = fit_surrogate(space, [], [], failed=failed, rng=np.random.default_rng(7)).propose()[0]
    assert max(abs(number(proposal["x"]) - 0.1), abs(number(proposal["y"]) - 0.1)) > 0.3


def test_the_same_seed_gives_the_same_proposals() -> None:
    assert fitted(SVM, svm_loss, 15).propose(3) == fitted(SVM, svm_loss, 15).propose(3)


def test_a_small_space_is_exhausted_before_anything_is_repeated() -> None:
    space = SearchSpace({"a": Categorical([True, "auto", 7, None]), "b": Int(1, 3)})
    tried: list[Config] = []
    for _ in range(12):
        tried += fit_surrogate(space, tried, [0.5] * len(tried), rng=np.random.default_rng(8)).propose()
    assert len({repr(c) for c in tried}) == 12
    again = fit_surrogate(space, tried, [0.5] * 12, rng=np.random.default_rng(8)).propose(2)
    assert len(again) == 2


@pytest.mark.long
def test_a_long_grid_is_exhausted_too() -> None:
    space = SearchSpace({"n": Int(1, 30)})
    tried: list[Config] = []
    for _ in range(30):
        values = [abs(c["n"] - 11.0) for c in tried]
        tried += fit_surrogate(space, tried, values, rng=np.random.default_rng(8)).propose()
    assert sorted(c["n"] for c in tried) == list(range(1, 31))


@pytest.mark.parametrize(
    "values",
    [
        [1.0] * 8,
        [0.0, 0.0, 0.0, 0.0, 0.0, 1e300, 1e300, -1e300],
        [1e-320, 0.0, 1e-310, 0.0, 0.0, 0.0, 5e-324, 0.0],
        [1e16, 1e16 + 2, 1e16 + 4, 1e16, 1e16, 1e16, 1e16, 1e16],
        [-5.0, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, -4.9],
    ],
)
def test_strange_values(values: list[float]) -> None:
    surrogate = fit_surrogate(SVM, sampled(SVM, 8), values, rng=np.random.default_rng(9))
    (proposal,) = surrogate.propose()
    assert np.isfinite(surrogate.predict([proposal])).all()
    assert np.isfinite(surrogate.score([proposal])).all()
    assert all(math.isfinite(e.estimate.share) for e in surrogate.effects() if e.estimate)


def test_many_repeats_of_one_configuration() -> None:
    one = sampled(SVM, 1) * 40
    noisy = np.random.default_rng(10).normal(size=40)
    (proposal,) = fit_surrogate(SVM, one, list(noisy), rng=np.random.default_rng(11)).propose()
    assert proposal != one[0]


@pytest.mark.parametrize("values", [[1.0], [1.0, 2.0, 3.0], [1.0, math.nan], [math.inf, 1.0], [[1.0], [2.0]]])
def test_wrong_values_are_named(values: Any) -> None:
    with pytest.raises(UsageError, match=r"values of shape|is not finite"):
        fit_surrogate(SVM, sampled(SVM, 2), values, rng=np.random.default_rng(12))


def estimates(surrogate: Surrogate) -> dict[str, Estimate]:
    return {e.name: e.estimate for e in surrogate.effects() if e.estimate}


def test_effects_say_what_matters_where_and_in_which_direction() -> None:
    space = SearchSpace(
        {
            "rate": Float(1e-5, 1e0, log=True),
            "idle": Float(0, 1),
            "depth": Int(1, 8),
            "act": Categorical(["relu", "tanh", "none"]),
        }
    )

    def loss(c: Mapping[str, Any]) -> float:
        depth: float = c["depth"]
        return (math.log10(c["rate"]) + 3) ** 2 + 0.3 * depth + {"relu": 0.0, "tanh": 0.1, "none": 2.0}[c["act"]]

    surrogate = fitted(space, loss, 60)
    assert [e.name for e in surrogate.effects()] == list(space)
    known = estimates(surrogate)
    assert 0.8 < sum(k.share for k in known.values()) <= 1
    assert known["rate"].share > known["depth"].share > known["idle"].share
    assert known["idle"].share < 0.05
    assert 1e-4 < number(known["rate"].best) < 1e-2
    assert 1e-5 < number(known["rate"].good[0]) < number(known["rate"].good[1]) < 1
    assert known["depth"].trend > 0.9
    assert known["depth"].best == 1
    assert "none" not in known["act"].good
    assert "relu" in known["act"].good


def test_nothing_is_said_to_be_best_where_nobody_looked() -> None:
    space = SearchSpace({"x": Float(0, 10), "k": Categorical(["a", "b", "c"])})
    tried: list[Config] = [{"x": 0.3 * i, "k": "ab"[i % 2]} for i in range(14)]
    values = [10 - float(c["x"]) + 2 * (c["k"] == "b") for c in tried]
    surrogate = fit_surrogate(space, tried, values, rng=np.random.default_rng(13))
    x, k = surrogate.effects()
    assert isinstance(x, Effect)
    assert number(x.unexplored[0]) > 5
    assert k.unexplored == ("c",)
    assert x.estimate is None or number(x.estimate.best) < 5.5
    assert k.estimate is None or set(k.estimate.good) <= {"a", "b"}


def test_one_varied_hyperparameter_says_nothing_about_the_others() -> None:
    space = SearchSpace({"x": Float(0, 1), "y": Float(0, 1), "k": Categorical(["a", "b"])})
    tried: list[Config] = [{"x": i / 9, "y": 0.5, "k": "a"} for i in range(10)]
    surrogate = fit_surrogate(space, tried, [float(c["x"]) for c in tried], rng=np.random.default_rng(13))
    assert "k" not in estimates(surrogate)
    assert all(0 <= known.share <= 1 for known in estimates(surrogate).values())


def test_a_hyperparameter_that_needs_a_rare_parent_has_an_effect() -> None:
    space = SearchSpace({"kind": Categorical([*range(40)]), "detail": Float(0, 1, when={"kind": 3}), "x": Float(0, 1)})
    tried = sampled(space, 30)
    effects = fit_surrogate(space, tried, [float(c["x"]) for c in tried], rng=np.random.default_rng(14)).effects()
    assert {e.name for e in effects} >= {"kind", "x"}


def test_plausible_configurations_lead_the_first_proposals_and_let_go() -> None:
    space = SearchSpace({"x": Float(0, 1), "y": Float(0, 1), "k": Categorical(["a", "b", "c"])})
    there = {"x": 0.8, "y": 0.3, "k": "b"}
    two: list[Config] = [{"x": 0.5, "y": 0.5, "k": "a"}, {"x": 0.4, "y": 0.6, "k": "b"}]

    def proposed(tried: list[Config], **more: Any) -> Any:
        values = [(c["x"] - 0.1) ** 2 + c["y"] for c in tried]
        return fit_surrogate(space, tried, values, rng=np.random.default_rng(0), **more).propose()[0]

    led = proposed(two, plausible=[there])
    assert abs(led["x"] - 0.8) < 0.25
    assert abs(led["y"] - 0.3) < 0.25
    many = sampled(space, 60, seed=3)
    assert proposed(many, plausible=[there])["x"] < 0.4, "the values have the last word"


def test_who_gains_nothing_on_a_plateau_leaves_it() -> None:
    """A default beside which nothing is learned, and one trial that is worse: most of the space gives the same."""
    space = SearchSpace({"C": Float(0, 1), "gamma": Float(0, 1)})

    def error(configuration: Mapping[str, Any]) -> float:
        c, gamma = configuration["C"], configuration["gamma"]
        if c < 0.45:
            return 0.24
        return 0.24 + 0.3 * (c - 0.45) if gamma > 0.6 else 0.2

    trials: list[Configuration] = [{"C": 0.1, "gamma": 0.5}, {"C": 1.0, "gamma": 0.7}]
    rng = np.random.default_rng(0)
    while len(trials) < 20:
        trials += fit_surrogate(space, trials, list(map(error, trials)), rng=rng).propose()
    assert min(map(error, trials)) < 0.24
    flat = np.array([0.24] * PLATEAU + [0.5, 0.4])
    assert least_gain(flat) == pytest.approx(0.1)
    assert least_gain(flat[1:]) == 0, "few"
    assert least_gain(flat[::-1]) == 0, "better than the first"


def test_a_thousand_trials() -> None:
    space = SearchSpace({f"x{i}": Float(0, 1) for i in range(10)})
    tried = sampled(space, 1000)
    values = [sum((number(v) - 0.3) ** 2 for v in c.values()) for c in tried]
    surrogate = fit_surrogate(space, tried, values, rng=np.random.default_rng(15))
    (proposal,) = surrogate.propose()
    assert sum((number(v) - 0.3) ** 2 for v in proposal.values()) < min(values) / 2


def test_candidates_are_considered() -> None:
    surrogate = fitted(SVM, svm_loss, 10)
    candidates = sampled(SVM, 3, seed=17)
    (proposal,) = surrogate.propose(candidates=candidates)
    assert surrogate.score([proposal])[0] >= surrogate.score(candidates).max()


def test_who_looks_at_a_study_does_not_wait_for_scipy_stats() -> None:
    code = (
        "import sys; from tunewise.surrogate import fit_surrogate; from tunewise import Float, SearchSpace\n"
        "space = SearchSpace({'x': Float(0, 1)}); tried = [{'x': k / 9} for k in range(9)]\n"
        "assert fit_surrogate(space, tried, [c['x'] for c in tried], rng=None).effects()[0].estimate.trend > 0\n"
        "sys.exit('scipy.stats' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
