"""Values at the steps where trials were ended are read as prior studies of the study itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support.bowl import DEFAULT, SPACE, asked, past
from tunewise.history import History, TrialRecord
from tunewise.proposers.assessment import Assessment
from tunewise.proposers.stopped import highest_step, studies_at_steps
from tunewise.space import Configuration
from tunewise.task import Direction

EARLY = 5.0
"""How much larger an error is after one epoch."""


def at_one_epoch() -> tuple[TrialRecord, ...]:
    """The default, which finished, and five trials that were ended after one epoch, the third the best."""
    ended = ((0.1, 0.9), (0.9, 0.9), (0.72, 0.38), (0.4, 0.6), (0.9, 0.1))
    trials = (past(k, x, y, state="pruned") for k, (x, y) in enumerate(ended, 1))
    return (
        replace(DEFAULT, curve=((1, EARLY + 0.5), (9, 0.5))),
        *(replace(t, value=EARLY + worth(t), curve=((1, EARLY + worth(t)),)) for t in trials),
    )


def worth(trial: TrialRecord) -> float:
    x, y = place(trial.configuration)
    return (x - 0.7) ** 2 + (y - 0.4) ** 2


def place(configuration: Configuration) -> tuple[float, float]:
    x, y = SPACE.encode(configuration)
    return float(x), float(y)


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_each_step_where_trials_ended_is_a_study_of_all_that_came_so_far(direction: str) -> None:
    history = History(at_one_epoch(), "minimize" if direction == "minimize" else "maximize")
    (study,) = studies_at_steps(history, SPACE)
    values = [t.value for t in study.trials if t.value is not None]
    assert len(values) == 6
    assert study.direction == direction
    assert values == sorted(values, reverse=direction == "maximize")
    assert all(value >= EARLY for value in values), "the default counts with its value at that step"


def test_few_values_and_curves_that_ran_to_their_end_tell_nothing() -> None:
    assert not list(studies_at_steps(History(at_one_epoch()[:3]), SPACE))
    finished = tuple(replace(t, state="finished") for t in at_one_epoch())
    assert not list(studies_at_steps(History(finished), SPACE))


def test_what_does_not_fit_and_is_not_finite_is_passed_over() -> None:
    trials = tuple(replace(t, configuration={"z": 1.0}) for t in at_one_epoch())
    assert not list(studies_at_steps(History(trials), SPACE))
    diverged = tuple(replace(t, curve=((1, float("nan")),)) for t in at_one_epoch())
    assert not list(studies_at_steps(History(diverged), SPACE))


def test_what_no_step_knows_of_a_trial_is_its_rank() -> None:
    """One that diverged would else be as unknown as one that runs, and its neighbourhood worth another visit."""
    diverged = past(6, 0.2, 0.2, state="pruned")
    trials = (*at_one_epoch(), replace(diverged, value=float("nan"), curve=((1, float("nan")),)))
    fitted = Assessment(asked(*trials)).surrogate
    assert len(fitted.finished) == 2
    assert list(fitted.values) == [DEFAULT.value, DEFAULT.value]


def test_the_surrogate_goes_where_trials_were_good_before_they_ended() -> None:
    (proposed,) = Assessment(asked(*at_one_epoch())).surrogate.propose()
    assert place(proposed) == pytest.approx((0.7, 0.4), abs=0.25)


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_while_few_have_finished_it_looks_by_the_highest_step_with_values_enough(direction: Direction) -> None:
    trials = at_one_epoch()
    history = History(trials, direction)
    assert highest_step(history) == (1, [(t, t.curve[0][1]) for t in trials])
    assert highest_step(History(trials[:5])) is None, "too few values"
    assert highest_step(History(tuple(replace(t, state="finished") for t in trials))) is None
    diverged = replace(past(6, 0.2, 0.2, state="pruned"), curve=((1, float("nan")),))
    found = highest_step(History((*trials, diverged), direction))
    worst = (max if direction == "minimize" else min)(t.curve[0][1] for t in trials)
    assert found is not None
    assert found[1][-1] == (diverged, worst)


def test_it_looks_where_trials_were_good_before_they_ended() -> None:
    advice = Assessment(asked(*at_one_epoch())).advice[0]
    assert place(advice.configuration) == pytest.approx((0.7, 0.4), abs=0.25)
