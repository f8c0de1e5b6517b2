"""A study is read piece by piece; what comes of it is what one reading of everything gives."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import TrialState

from tunewise.history import History, TrialRecord, lasting
from tunewise.inferred_space import InferredSpace
from tunewise.proposers.tried import ABSENT, Tried, TriedBefore
from tunewise.space import Float, SearchSpace
from tunewise.study.storage import open_storage
from tunewise.task import Direction

SPACE = SearchSpace({"x": Float(0, 1), "y": Float(0, 1, when={})})
steps = st.lists(
    st.tuples(st.sampled_from(["ask", "tell", "fail", "queue", "again", "look"]), st.integers(0, 9)), max_size=40
)


def whole(study: optuna.Study, skip: int | None = None) -> History:
    """The history of a study, read at once."""
    records = map(TrialRecord.from_optuna, study.get_trials(deepcopy=False))
    return History(tuple(t for t in lasting([*records]) if t.number != skip), History.from_study(study).direction)


def play(study: optuna.Study, kind: str, number: int) -> None:
    """A step in the life of a study whose trials end in any order."""
    running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    if kind == "queue":
        study.enqueue_trial({"x": number / 10})
    elif kind == "again":
        for trial in study.get_trials(deepcopy=False, states=(TrialState.FAIL,))[number : number + 1]:
            optuna.storages.RetryHeartbeatStaleTrialCallback()(study, trial)
    elif kind == "ask":
        study.ask({"x": optuna.distributions.FloatDistribution(0, 1)})
    elif kind in ("tell", "fail") and running:
        trial = running[number % len(running)]
        study.tell(trial.number, None if kind == "fail" else number, TrialState.FAIL if kind == "fail" else None)


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@given(steps=steps, skip=st.none() | st.integers(0, 20))
def test_the_history_is_that_of_one_reading(
    steps: list[tuple[str, int]], skip: int | None, direction: Direction
) -> None:
    study = optuna.create_study(direction=direction, sampler=optuna.samplers.RandomSampler(seed=0))
    before = TriedBefore()
    for kind, number in [*steps, ("look", 0)]:
        play(study, kind, number)
        if kind == "look":
            read, fresh = History.from_study(study, skip=skip), whole(study, skip)
            assert read == fresh
            for part in ("told", "finished", "failed", "running", "open", "ranked", "best", "failures"):
                assert getattr(read, part) == getattr(fresh, part), part
            tried, all_of_it = before.of(SPACE, read.told), Tried.nothing(SPACE).joined(fresh.told)
            assert tried.trials == all_of_it.trials
            assert (tried.points == all_of_it.points).all()


def test_what_another_process_has_planned_meanwhile_is_told_apart() -> None:
    study = optuna.create_study()
    blank, planned = study.ask(), study.ask({"x": optuna.distributions.FloatDistribution(0, 1)})
    earlier = History.from_study(study)
    assert History.from_study(study).planned_since(earlier) == []
    blank.suggest_float("x", 0, 1)
    study.tell(planned, 1.0)
    study.ask()
    later = study.ask({"x": optuna.distributions.FloatDistribution(0, 1)})
    since = History.from_study(study).planned_since(earlier)
    assert [trial.number for trial in since] == [blank.number, later.number]
    assert History.from_study(study).trial(later.number) == since[1]
    assert History.from_study(study, skip=later.number).trial(later.number) is None


def test_another_study_in_the_place_of_a_deleted_one_is_read_anew(tmp_path: Path) -> None:
    storage = open_storage(f"sqlite:///{tmp_path}/study.db")
    for value in (1.0, 2.0):
        study = optuna.create_study(storage=storage, study_name="again")
        for _ in range(3):
            study.tell(study.ask(), value)
        assert [trial.value for trial in History.from_study(study).finished] == [value] * 3
        optuna.delete_study(study_name="again", storage=storage)


def test_an_inferred_space_has_each_parameter_as_the_latest_trial_had_it() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    inferred = InferredSpace()
    old, new = study.ask(), study.ask()
    new.suggest_float("x", 0, 2)
    assert inferred.read(study, skip=new.number) == {}
    assert list(inferred.read(study, skip=old.number)) == ["x"]
    old.suggest_float("x", 0, 1)
    old.suggest_int("n", 1, 3)
    read = inferred.read(study, skip=9)
    assert read == {"x": new.distributions["x"], "n": old.distributions["n"]}


def test_what_does_not_exist_in_a_trial_lies_outside_of_the_cube() -> None:
    tried = Tried.nothing(SPACE).joined([TrialRecord(0, "finished", {"x": 0.5}), TrialRecord(1, "finished", {"z": 1})])
    assert [trial.number for trial in tried.trials] == [0]
    assert tried.points.tolist() == [[0.5, ABSENT]]
