"""Prior studies behind a surrogate: they lead while little is known, and mislead little where they are wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tunewise.errors import StudyError
from tunewise.history import History, TrialRecord
from tunewise.prior_studies import PriorStudy
from tunewise.space import Categorical, Configuration, Float, SearchSpace
from tunewise.surrogate import Surrogate, fit_surrogate
from tunewise.surrogate.posterior import fit_best
from tunewise.surrogate.transfer import inform, learn, log_shares, trusted

SPACE = SearchSpace({"x": Float(0, 1, default=0.1), "rate": Float(1e-5, 1, log=True, default=1e-2)})


def loss(c: Configuration, best: tuple[float, float]) -> float:
    (x, rate) = SPACE.encode(c)
    return float((x - best[0]) ** 2 + (rate - best[1]) ** 2)


def study(
    best: tuple[float, float], seed: int = 0, space: SearchSpace = SPACE, *, unit: float = 1.0, maximize: bool = False
) -> PriorStudy:
    rng = np.random.default_rng(seed)
    trials = []
    for number in range(20):
        c = SPACE.sample(rng)
        value = 7 + unit * loss(c, best)
        trials.append(TrialRecord(number, "finished", c, -value if maximize else value))
    history = History(tuple(trials), "maximize" if maximize else "minimize")
    return PriorStudy.of(history, space, name=f"study {seed}")


def fitted(tried: list[Configuration], values: list[float], prior: list[PriorStudy]) -> Surrogate:
    return fit_surrogate(SPACE, tried, values, prior_studies=prior, rng=np.random.default_rng(0))


@pytest.mark.parametrize("unit", [0.01, 100.0])
@pytest.mark.parametrize("maximize", [False, True])
def test_the_first_proposal_is_where_earlier_studies_were_best(unit: float, maximize: bool) -> None:
    prior = [study((0.8, 0.3), seed, unit=unit, maximize=maximize) for seed in (0, 1)]
    default = SPACE.default
    assert default is not None
    (proposed,) = fitted([default], [0.5], prior).propose(1)
    assert loss(proposed, (0.8, 0.3)) < 0.03
    (first,) = fitted([], [], prior).propose(1)  # without a default, too
    assert loss(first, (0.8, 0.3)) < 0.03


def test_a_study_that_ranks_trials_wrongly_loses_to_one_that_ranks_them_right() -> None:
    rng = np.random.default_rng(5)
    tried = [SPACE.sample(rng) for _ in range(4)]
    values = [loss(c, (0.8, 0.3)) for c in tried]
    right, wrong = study((0.8, 0.3), 1), study((0.2, 0.9), 2)
    (proposed,) = fitted(tried, values, [right, wrong]).propose(1)
    assert loss(proposed, (0.8, 0.3)) < loss(proposed, (0.2, 0.9))
    assert loss(proposed, (0.8, 0.3)) < 0.05


def test_values_have_the_last_word() -> None:
    rng = np.random.default_rng(6)
    tried = [SPACE.sample(rng) for _ in range(25)]
    values = [loss(c, (0.8, 0.3)) for c in tried]
    (proposed,) = fitted(tried, values, [study((0.2, 0.9), 2)]).propose(1)
    assert loss(proposed, (0.8, 0.3)) < 0.03


def test_a_study_alone_must_rank_better_than_chance_and_others_vouch_for_each_other() -> None:
    lessons = [lesson for seed in (1, 2, 3) if (lesson := learn(study((0.8, 0.3), seed), SPACE))]
    near, far = SPACE.encode_all([{"x": 0.8, "rate": 1e-4}, {"x": 0.1, "rate": 0.5}])
    points = np.array([near, far])
    right, wrong, tied = np.array([0.0, 1.0]), np.array([1.0, 0.0]), np.array([1.0, 1.0])
    assert trusted(lessons[:1], points, tied) == lessons[:1], "nothing is said yet"
    for values in (right, wrong):
        assert trusted(lessons[:1], points, values) == [], "one pair is right by chance"
    assert trusted([replace(lessons[0], weight=10.0)], points, right), "one that is of this very study is believed"
    assert trusted(lessons, points, wrong) == lessons  # a pair against each, and two for it
    three, more = np.linspace(near, far, 3), np.linspace(near, far, 4)
    assert trusted(lessons[:1], three, np.arange(3.0)) == lessons[:1]
    assert trusted(lessons[:1], three, np.array([0.0, 2.0, 1.0])) == []
    assert trusted(lessons, more, -np.arange(4.0)) == []
    assert trusted(lessons[:1], points[:1], right[:1]) == lessons[:1]


def test_an_unrelated_study_costs_a_trial() -> None:
    tried: list[Configuration] = [{"x": 0.1, "rate": 1e-2}, {"x": 0.2, "rate": 0.3}]
    wrong = study((0.2, 0.9), 2)
    assert fitted(tried[:1], [1.0], [wrong]).propose(1) != fitted(tried[:1], [1.0], []).propose(1)
    for values in ([1.0, 2.0], [2.0, 1.0]):
        assert fitted(tried, values, [wrong]).propose(1) == fitted(tried, values, []).propose(1)


def test_gradients_are_those_of_the_prediction() -> None:
    rng = np.random.default_rng(0)
    lessons = [lesson for seed in (1, 2) if (lesson := learn(study((0.8, 0.3), seed), SPACE))]
    process = inform(fit_best(rng.random((6, 2)), rng.random(6), groups=np.arange(2))[1], lessons)
    points, step = rng.random((3, 2)), 1e-6
    _, _, mean_gradient, std_gradient = process.predict_with_gradient(points)
    for column in range(2):
        moved = np.eye(2)[column] * step
        ahead, behind = process.predict(points + moved), process.predict(points - moved)
        for gradient, k in ((mean_gradient, 0), (std_gradient, 1)):
            assert gradient[0, :, column] == pytest.approx((ahead[k] - behind[k])[0] / (2 * step), rel=1e-3, abs=1e-5)


def test_shares_follow_what_the_studies_said_of_the_values() -> None:
    right, wrong = (lesson for best in ((0.8, 0.3), (0.2, 0.9)) if (lesson := learn(study(best), SPACE)))
    rng = np.random.default_rng(3)
    tried = [SPACE.sample(rng) for _ in range(5)]
    points, values = SPACE.encode_all(tried), np.array([loss(c, (0.8, 0.3)) for c in tried])
    gp = fit_best(points, values, groups=np.arange(2))[1]
    (alone, to_right), (_, to_wrong) = (np.exp(log_shares(gp, [lesson])) for lesson in (right, wrong))
    assert to_right > 0.5 > to_wrong
    assert alone + to_right == pytest.approx(1)
    first = fit_best(points[:1], values[:1], groups=np.arange(2))[1]
    assert np.exp(log_shares(first, [right])) == pytest.approx([0.75, 0.25])
    assert np.exp(log_shares(first, [right] * 7)) == pytest.approx([0.3, 0.7])
    assert np.exp(log_shares(first, [replace(right, weight=9.0)])) == pytest.approx([0.25, 0.75])


def test_a_conditioned_process_expects_what_it_was_told() -> None:
    lesson = learn(study((0.8, 0.3)), SPACE)
    assert lesson is not None
    process = inform(fit_best(np.array([[0.1, 0.1]]), np.array([1.0]), groups=np.arange(2))[1], [lesson])
    there = np.array([[0.9, 0.9]])
    assert process.condition(there, np.array([[3.0]])).predict(there)[0][0, 0] == pytest.approx(3.0, abs=0.05)
    believed = process.condition(there)
    assert believed.predict(there)[0] == pytest.approx(process.predict(there)[0], abs=0.05)
    assert believed.predict(there)[1] < process.predict(there)[1] / 2


def test_an_overlapping_space_is_read_where_it_overlaps() -> None:
    space = SearchSpace({"rate": Float(1e-3, 1, log=True), "kind": Categorical(["a", "b"])})
    prior = study((0.8, 0.5), space=space)
    assert prior.shared == {"rate"}
    assert 0 < len(prior.trials) < 20
    assert prior.left_out == 20 - len(prior.trials)
    lesson = learn(prior, space)
    assert lesson is not None
    assert list(lesson.columns) == [0]
    proposed = fit_surrogate(space, [], [], prior_studies=[prior], rng=np.random.default_rng(0)).propose(2)
    assert all(space.accepts(c) for c in proposed)


def test_trials_without_a_value_count_as_the_worst() -> None:
    trials = (
        TrialRecord(0, "finished", {"x": 0.5, "rate": 0.1}, 2.0),
        TrialRecord(1, "failed", {"x": 0.9, "rate": 0.9}),
        TrialRecord(2, "finished", {"x": 0.4, "rate": 0.1}, 1.0),
        TrialRecord(3, "finished", {"x": 0.3, "rate": 0.1}, float("nan")),
        TrialRecord(4, "running", {"x": 0.2, "rate": 0.1}),
    )
    prior = PriorStudy.of(History(trials), SPACE, name="old")
    assert [t.number for t in prior.trials] == [2, 0, 1, 3]
    assert prior.costs == [1.0, 2.0, 2.0, 2.0]


@pytest.mark.parametrize(
    ("configuration", "said"),
    [({"depth": 3}, "no hyperparameter of this space: it has depth"), ({"x": 7.0}, "no finished trial that fits")],
)
def test_a_study_that_says_nothing_is_refused(configuration: Configuration, said: str) -> None:
    with pytest.raises(StudyError, match=said):
        PriorStudy.of(History((TrialRecord(0, "finished", configuration, 1.0),)), SPACE, name="old")
