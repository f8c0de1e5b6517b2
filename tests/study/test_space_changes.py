"""A space that changes between the runs of a study: what cannot be is said, and never locks the study."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
import pytest

from support.forms import in_short
from tunewise import tune
from tunewise.errors import StudyError
from tunewise.space import Categorical, Float, Hyperparameter, Int
from tunewise.study.storage import open_storage


@pytest.fixture(params=in_short(["a.journal"], ["a.journal", "sqlite"]))
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "a.journal") if request.param == "a.journal" else f"sqlite:///{tmp_path}/a.db"


def run(storage: str, space: Mapping[str, Hyperparameter], trials: int) -> optuna.Study:
    def objective(configuration: Mapping[str, Any]) -> float:
        return float(len(configuration))

    return tune(objective, dict(space), proposer="random", n_trials=trials, storage=storage)


CHANGES = {
    "a logarithmic scale": (Float(0.1, 1), Float(0.1, 1, log=True), "uniform float from 0.1 to 1 then"),
    "whole numbers": (Float(1, 9), Int(1, 9), "uniform integer from 1 to 9 now"),
    "other choices": (Categorical(["a", "b"]), Categorical(["a", "c"]), 'one of "a", "c" now'),
    "choices in another order": (Categorical(["a", "b"]), Categorical(["b", "a"]), 'one of "b", "a" now'),
}


@pytest.mark.parametrize(("before", "after", "message"), CHANGES.values(), ids=CHANGES)
def test_what_optuna_cannot_keep_in_one_study_is_said_before_anything_is_stored(
    before: Hyperparameter, after: Hyperparameter, message: str, storage: str
) -> None:
    run(storage, {"x": before}, 1)
    with pytest.raises(StudyError, match=message):
        run(storage, {"x": after}, 2)
    run(storage, {"z": Float(0, 1)}, 2)  # x is away for a while
    with pytest.raises(StudyError, match=message):
        run(storage, {"x": after, "z": Float(0, 1)}, 3)
    study = run(storage, {"x": before, "z": Float(0, 1)}, 3)  # and the study is not locked
    assert len(study.trials) == 3
    assert all(trial.state == optuna.trial.TrialState.COMPLETE for trial in study.trials)


def test_bounds_and_hyperparameters_may_change(storage: str) -> None:
    run(storage, {"x": Float(0, 1)}, 1)
    run(storage, {"x": Float(0, 5), "y": Int(1, 3)}, 2)
    assert set(run(storage, {"y": Int(1, 9)}, 3).trials[2].params) == {"y"}


@pytest.mark.filterwarnings("ignore:Fixed parameter x")
def test_queued_trials_outside_of_a_changed_space_are_named(storage: str, caplog: pytest.LogCaptureFixture) -> None:
    run(storage, {"x": Float(0, 5)}, 1)
    study = optuna.load_study(study_name="tunewise", storage=open_storage(storage))
    study.enqueue_trial({"x": 4.0})
    study.enqueue_trial({"x": 0.5})
    with caplog.at_level(logging.WARNING, "tunewise"):
        run(storage, {"x": Float(0, 1)}, 3)
    assert "queued trials (1) are not in it" in caplog.text


def test_queued_trials_that_cannot_run_are_named_and_count_as_failed(
    storage: str, caplog: pytest.LogCaptureFixture
) -> None:
    run(storage, {"z": Float(0, 1)}, 1)
    study = optuna.load_study(study_name="tunewise", storage=open_storage(storage))
    study.enqueue_trial({"x": "gone", "z": 0.5})
    study.enqueue_trial({"x": "a", "z": 0.5})
    with caplog.at_level(logging.WARNING, "tunewise"):
        done = run(storage, {"x": Categorical(["a", "b"]), "z": Float(0, 1)}, 3)
    assert "Queued trials (1) hold values that no trial can have" in caplog.text
    assert [trial.state.name for trial in done.trials] == ["COMPLETE", "FAIL", "COMPLETE"]
    assert done.trials[2].params == {"x": "a", "z": 0.5}
