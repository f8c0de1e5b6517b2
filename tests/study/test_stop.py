"""What ends a study before its trials are used up, and what is said of it."""

from __future__ import annotations

from typing import Any

import optuna
import pytest

from support.forms import in_short
from tunewise import Categorical, Float, Int, SearchSpace, attributes
from tunewise.errors import ObjectiveFailed, StudyError
from tunewise.history import History
from tunewise.llm.base import ChatReply
from tunewise.llm.ledger import Caps
from tunewise.llm.prices import Price
from tunewise.llm.scripted import FunctionModel
from tunewise.sampler import LLMSampler
from tunewise.study.options import TuneOptions
from tunewise.study.stop import Stopper, StopRules, capped
from tunewise.study.tune import tune

SPACE = SearchSpace({"x": Float(0, 1)})


class Values:
    """Gives these values one after the other; None fails."""

    def __init__(self, *values: float | None) -> None:
        self.values = list(values)

    def __call__(self, configuration: dict[str, Any]) -> float:
        value = self.values.pop(0)
        if value is None:
            raise RuntimeError(f"broken at {configuration['x']}")
        return value


def run(
    objective: Any, rules: StopRules, storage: Any = None, n_trials: int = 9, *, space: SearchSpace = SPACE
) -> optuna.Study:
    return tune(
        objective, space, proposer="random", n_trials=n_trials, storage=storage, options=TuneOptions(stop=rules)
    )


def test_patience_counts_trials_since_the_best() -> None:
    study = run(Values(3, 2, 5, None, 4, 1), StopRules(patience=3))
    assert len(study.trials) == 5
    assert study.user_attrs[attributes.STOPPED] == "3 trials in a row were not better than trial 1."


def test_a_target_is_reached_and_a_higher_one_goes_on() -> None:
    storage = optuna.storages.InMemoryStorage()
    objective = Values(3, 2, 1, 0)
    study = run(objective, StopRules(target=2), storage)
    assert len(study.trials) == 2
    assert study.user_attrs[attributes.STOPPED].startswith("The target 2 was reached: trial 1")
    study = run(objective, StopRules(), storage, n_trials=3)
    assert len(study.trials) == 3
    assert study.user_attrs[attributes.STOPPED] == ""


def test_hours_are_counted_from_the_start_of_the_call() -> None:
    now = 0.0
    stopper = Stopper(StopRules(hours=2), lambda: None, clock=lambda: now)
    assert not stopper.reason(History())
    now = 7200.0
    assert stopper.reason(History()) == "2 hours are over."


def test_money_stops_before_the_call_that_could_exceed_it() -> None:
    assert capped(Caps(max_calls=3, max_usd=2), StopRules(usd=0.5)) == Caps(max_calls=3, max_usd=0.5)
    assert capped(None, StopRules()) == Caps()
    spent: list[float | None] = [None, 0.4, 0.5]
    stopper = Stopper(StopRules(usd=0.5), lambda: spent.pop(0))
    assert [bool(stopper.reason(History())) for _ in range(3)] == [False, False, True]
    model = FunctionModel(lambda request: ChatReply(text='{"x": 0.5}', model="m", input_tokens=10**6, output_tokens=0))
    sampler = LLMSampler(model, space=SPACE, proposer="compressed", price=Price(1.0, 1.0), caps=Caps(max_usd=0.5))
    study = tune(lambda c: 1.0, SPACE, sampler=sampler, n_trials=5, options=TuneOptions(stop=StopRules(usd=0.5)))
    assert len(study.trials) < 5
    assert study.user_attrs[attributes.STOPPED]


@pytest.mark.parametrize("failures", [2, 3])
def test_the_same_failure_from_the_start_ends_the_study(failures: int) -> None:
    storage = optuna.storages.InMemoryStorage()
    with pytest.raises(ObjectiveFailed, match=r"trials failed\. .*broken.*\. Run the objective by itself"):
        run(Values(*[None] * 9), StopRules(failures=failures), storage)
    study = optuna.load_study(study_name=None, storage=storage)
    assert len(History.from_study(study).open) == failures  # to be run again
    again = run(Values(None, 1, 2), StopRules(failures=failures), storage, n_trials=3)
    assert len(again.trials) == failures + 3


def test_other_failures_and_late_ones_do_not_end_it() -> None:
    def differs(configuration: dict[str, Any]) -> float:
        kinds: Any = [ValueError, TypeError, KeyError, OSError, IndexError]
        raise kinds[len(seen.append(0) or seen) - 1]("x")  # type: ignore[func-returns-value]

    seen: list[int] = []
    with pytest.raises(ObjectiveFailed, match=r"All 5 trials failed\. The last one: "):
        run(differs, StopRules(), n_trials=5)
    assert len(run(Values(1, None, None, None), StopRules(), n_trials=4).trials) == 4
    with pytest.raises(ObjectiveFailed, match="All 4 trials failed"):
        run(Values(*[None] * 4), StopRules(failures=None), n_trials=4)


@pytest.mark.parametrize("wrong", [{"patience": 0}, {"hours": 0}, {"target": "low"}, {"usd": True}, {"failures": 1.5}])
def test_rules_that_are_none(wrong: dict[str, Any]) -> None:
    with pytest.raises(StudyError, match=f"stop.{next(iter(wrong))}"):
        StopRules(**wrong)


def test_a_sampler_beside_what_it_would_ignore_is_refused() -> None:
    sampler = LLMSampler(proposer="random", space=SPACE)
    for more in ({"model": "embedded"}, {"proposer": "auto"}, {"options": TuneOptions(seed=3)}):
        with pytest.raises(StudyError, match=f"{'seed' if 'options' in more else next(iter(more))} would be ignored"):
            tune(lambda c: 1.0, SPACE, sampler=sampler, **more)
    with pytest.raises(StudyError, match="another space"):
        tune(lambda c: 1.0, {"y": Float(0, 1)}, sampler=sampler)


def test_callbacks_are_optuna_s() -> None:
    seen: list[tuple[str, int]] = []
    options = TuneOptions(
        study_name="mine", callbacks=[lambda study, trial: seen.append((study.study_name, trial.number))]
    )
    tune(Values(1, 2), SPACE, proposer="random", n_trials=2, options=options)
    assert seen == [("mine", 0), ("mine", 1)]


def test_where_there_is_nothing_to_choose_one_trial_is_enough_and_says_so() -> None:
    space = SearchSpace({"x": Float(1, 1), "kernel": Categorical(["rbf"])})
    study = tune(lambda c: c["x"], space, proposer="random", n_trials=9)
    (trial,) = History.from_study(study)
    assert (trial.source, trial.proposal.reason) == ("default", "nothing to choose")
    assert trial.configuration == trial.proposal.configuration == {"x": 1.0, "kernel": "rbf"}
    assert study.user_attrs[attributes.STOPPED] == "The space has one configuration, and it has been tried."


GRID = SearchSpace({"x": Int(1, 3), "kernel": Categorical(["rbf", "linear"])})


@pytest.mark.parametrize("n_jobs", in_short([1], [1, 4]))
@pytest.mark.parametrize("proposer", ["random", "auto"])
def test_a_grid_that_was_tried_whole_ends_the_study_and_says_so(proposer: str, n_jobs: int) -> None:
    study = tune(lambda c: float(c["x"]), GRID, proposer=proposer, n_trials=20, n_jobs=n_jobs)
    assert len({tuple(t.params.items()) for t in study.trials}) == len(study.trials) == 6
    assert study.user_attrs[attributes.STOPPED] == "All 6 configurations of the space have been tried."


def test_more_workers_than_configurations_repeat_none() -> None:
    study = tune(lambda c: float(c["x"]), GRID, proposer="random", n_trials=20, n_jobs=7)
    assert len({tuple(t.params.items()) for t in study.trials}) == len(study.trials) == 6


def test_a_grid_that_was_tried_whole_ends_optimize_too(caplog: pytest.LogCaptureFixture) -> None:
    study = optuna.create_study(sampler=LLMSampler(None, space=GRID))
    with caplog.at_level("WARNING", "tunewise"):
        study.optimize(lambda trial: float(GRID.suggest(trial)["x"]), n_trials=20)
    assert len(study.trials) == 6
    assert "All 6 configurations of the space have been tried." in caplog.text


def test_repeats_run_where_they_tell_something_or_somebody_wants_them() -> None:
    storage = optuna.storages.InMemoryStorage()
    study = run(Values(*range(9)), StopRules(), storage, n_trials=1, space=GRID)
    study.enqueue_trial(study.trials[0].params)
    noisy = run(Values(*range(1, 30)), StopRules(), storage, n_trials=12, space=GRID)
    assert len(noisy.trials) == 12  # trials 0 and 1 differ, so the others may too
    storage = optuna.storages.InMemoryStorage()
    study = run(Values(*[1] * 9), StopRules(), storage, n_trials=6, space=GRID)
    study.enqueue_trial(study.trials[0].params)
    assert len(run(Values(*[1] * 9), StopRules(), storage, n_trials=12, space=GRID).trials) == 7
    with pytest.raises(ObjectiveFailed):  # nothing finished: the objective is wrong, and nothing was tried
        run(Values(*[None] * 9), StopRules(failures=None), n_trials=8, space=GRID)


def test_an_objective_of_constants_alone_is_told_as_such() -> None:
    study = optuna.create_study(sampler=LLMSampler(None))
    study.optimize(lambda trial: trial.suggest_float("x", 1, 1) + trial.suggest_int("n", 2, 2), n_trials=1)
    study.enqueue_trial({"x": 1.0})
    study.optimize(lambda trial: trial.suggest_float("x", 1, 1), n_trials=1)
    first, second = History.from_study(study)
    assert (first.source, first.proposal.reason) == ("default", "nothing to choose")
    assert first.configuration == first.proposal.configuration == {"x": 1.0, "n": 2}
    assert second.source == "enqueued"
