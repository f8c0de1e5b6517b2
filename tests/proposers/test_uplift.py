"""What a model added over the surrogate: the estimate against cases whose answer is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import ndtri

from tunewise import Float, History, LLMSampler, SearchSpace, Task, TrialRecord
from tunewise.proposers.uplift import Uplift, measure_uplift
from tunewise.record import Advice, Decision, Proposal
from tunewise.testing.simulated import expert

SPACE = SearchSpace({"x": Float(0, 1, default=0.5)})


def value_at(x: float) -> float:
    """Least at 0.2."""
    return (x - 0.2) ** 2


def trial(number: int, x: float, *, instead_of: Any = None, sign: float = 1.0, **fields: Any) -> TrialRecord:
    """A finished trial; the model's when it says in place of what it ran."""
    proposal = Proposal(source="surrogate")
    if instead_of is not None:
        decision = Decision(advice=(Advice(configuration=instead_of),))
        proposal = Proposal(source="model", decision=decision)
    known: dict[str, Any] = {"state": "finished", "value": sign * value_at(x), "proposal": proposal}
    return TrialRecord(number=number, configuration={"x": x}, **(known | fields))


OTHERS = tuple(trial(i + 1, x) for i, x in enumerate((0.35, 0.6, 0.75, 0.9)))


def measured(*trials: TrialRecord, direction: Any = "minimize") -> Uplift:
    """The uplift of a history that has one."""
    uplift = measure_uplift(History(trials, direction), SPACE)
    assert uplift is not None
    return uplift


def test_a_good_pick_in_place_of_a_bad_point_is_an_uplift() -> None:
    uplift = measured(trial(0, 0.5), *OTHERS, trial(5, 0.2, instead_of={"x": 0.8}))
    assert uplift.trials == (5,)
    assert uplift.model == pytest.approx(value_at(0.35))
    assert uplift.surrogate[0] == pytest.approx(0, abs=1e-3)
    assert uplift.added[0] == pytest.approx(uplift.model, abs=1e-3)
    assert uplift.probability > 0.99
    assert "At its one trial the language model improved the best error by 0.0225" in uplift.in_words("error")


def test_a_bad_pick_in_place_of_a_good_point_costs() -> None:
    uplift = measured(trial(0, 0.5), *OTHERS, trial(5, 0.95, instead_of={"x": 0.2}))
    assert uplift.model == 0
    assert uplift.added[1] <= uplift.added[0] <= uplift.added[2] <= 0
    assert uplift.added[0] < -0.005
    assert uplift.probability < 0.05


def test_what_was_evaluated_later_is_known_and_what_was_not_is_uncertain() -> None:
    before = (trial(0, 0.5), trial(1, 0.9), trial(2, 0.7), trial(3, 0.6, instead_of={"x": 0.25}))
    unknown, known = measured(*before), measured(*before, trial(4, 0.25))
    widths = [u.added[2] - u.added[1] for u in (unknown, known)]
    assert widths[1] < 0.1 * widths[0]
    assert known.surrogate[0] == pytest.approx(value_at(0.5) - value_at(0.25), rel=0.05)


def test_a_metric_to_be_maximized_is_read_the_other_way_round() -> None:
    trials = [trial(0, 0.5), *OTHERS, trial(5, 0.2, instead_of={"x": 0.8})]
    mirrored = [trial(t.number, t.configuration["x"], sign=-1.0, proposal=t.proposal) for t in trials]  # type: ignore[arg-type]
    assert measured(*mirrored, direction="maximize").added == pytest.approx(measured(*trials).added)


def test_a_failed_pick_improved_nothing_but_counts() -> None:
    failed = trial(5, 0.1, instead_of={"x": 0.8}, state="failed", value=None)
    assert measured(trial(0, 0.5), *OTHERS, failed).model == 0


@pytest.mark.parametrize(
    "trials",
    [
        (),
        (trial(0, 0.5), *OTHERS),
        (trial(0, 0.5), trial(1, 0.2, instead_of={"x": 0.8})),
        (trial(0, 0.2, instead_of={"x": 0.8}), *OTHERS[:0]),
        (trial(0, 0.5), *OTHERS, trial(5, 0.2, instead_of={"x": 7})),
        (trial(0, 0.5), *OTHERS, trial(5, 0.2, instead_of="tampered")),
        (trial(0, 0.5), *OTHERS, trial(5, 0.2, instead_of={"x": 0.8}, value=float("inf")))[:3],
    ],
)
def test_nothing_to_compare(trials: tuple[TrialRecord, ...]) -> None:
    assert measure_uplift(History(trials), SPACE) is None


@pytest.mark.long
def test_a_study_with_an_expert_can_be_measured() -> None:
    import optuna

    space = SearchSpace({n: Float(0, 1, default=0.5) for n in "abcdef"})
    optimum = dict(zip("abcdef", (0.1, 0.8, 0.25, 0.7, 0.15, 0.9), strict=True))
    sampler = LLMSampler(expert(optimum, seed=1), space=space, task=Task(budget=12), proposer="auto", seed=1)
    study = optuna.create_study(sampler=sampler)
    study.optimize(lambda t: sum((float(v or 0) - optimum[n]) ** 2 for n, v in space.suggest(t).items()), n_trials=12)
    uplift = measure_uplift(History.from_study(study), space)
    assert uplift is not None
    assert uplift.added[0] > 0
    assert uplift.to_dict()["trials"]


def test_draws_are_of_the_function_and_the_prediction_is_of_values() -> None:
    from tunewise.surrogate import fit_surrogate

    points = [{"x": x} for x in (0.1, 0.4, 0.9)]
    surrogate = fit_surrogate(SPACE, points, [1.0, 0.2, 0.6], rng=np.random.default_rng(0))
    places = [{"x": 0.25}, {"x": 0.7}, {"x": 0.1}]
    draws = surrogate.draw(places, 20_000, rng=np.random.default_rng(1))
    low, middle, high = np.quantile(draws, (0.16, 0.5, 0.84), axis=0)
    assert draws.shape == (20_000, 3)
    warp, process = surrogate.posterior
    mean, std = process.predict(SPACE.encode_all(places))
    grid = warp.inverse((mean[..., None] + std[..., None] * ndtri((np.arange(200) + 0.5) / 200)).reshape(len(mean), -1))
    mixture = np.quantile(grid.reshape(len(mean), 3, -1), (0.16, 0.5, 0.84), axis=(0, 2))
    np.testing.assert_allclose([low, middle, high], mixture, rtol=0.05, atol=0.01)
    median, deviation = surrogate.predict(places)
    np.testing.assert_allclose(middle, median, atol=0.03 * np.ptp([1.0, 0.2]))
    assert ((high - low) / 2 < deviation).all(), "a value has noise, and what no value has shown yet"
    assert middle[2] == pytest.approx(1.0, abs=0.03), "what was evaluated is known"
