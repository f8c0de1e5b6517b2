"""The view of a study's trials, by tunewise or by anybody else."""

from __future__ import annotations

import optuna
from optuna.trial import TrialState

from tunewise import History, LLMSampler, TrialRecord, attributes
from tunewise.models import ScriptedModel


def test_history_of_a_foreign_study() -> None:
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(lambda t: t.suggest_float("x", 0, 1) if t.number else 1 / 0, n_trials=4, catch=(ZeroDivisionError,))
    study.enqueue_trial({"x": 0.5})
    study.add_trial(optuna.trial.create_trial(value=float("inf")))
    study.add_trial(optuna.trial.create_trial(state=TrialState.PRUNED))
    history = History.from_study(study)
    assert [t.error for t in history.failed] == ["no reason was given", "its value is inf, which is no result"]
    assert [t.number for t in history.finished] == [1, 2, 3]
    assert history.best in history.finished
    assert [(t.source, t.configuration) for t in history.running] == [("enqueued", {"x": 0.5})]
    assert [t.state for t in history.told][-1] == "pruned"
    study.sampler = LLMSampler(
        ScriptedModel(['{"x": 0.25}']), proposer="compressed"
    )  # the first trial is the enqueued one
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=2)
    assert History.from_study(study)[-1].source == "model"


def test_history_is_ordered_and_digested() -> None:
    trials = (
        TrialRecord(0, "finished", {}, value=2.0),
        TrialRecord(1, "failed", {}, error="out of memory: 12 MiB\nat line 3"),
        TrialRecord(2, "finished", {}, value=1.0),
        TrialRecord(3, "failed", {}, error="out of memory: 345 MiB"),
        TrialRecord(4, "finished", {}, value=1.0),
        TrialRecord(5, "failed", {}, error=""),
        TrialRecord(6, "running", {}),
    )
    assert [t.number for t in History(trials).ranked] == [2, 4, 0]
    assert [t.number for t in History(trials, "maximize").ranked] == [0, 2, 4]
    assert [(f.reason, len(f.trials)) for f in History(trials).failures] == [("out of memory: 345 MiB", 2), ("", 1)]
    assert not History(trials).running
    assert History().best is None


def test_whatever_is_damaged_in_a_trial_is_left_out_and_named() -> None:
    system = {
        "constraints": [0.0, "much"],
        "constraints:size": float("nan"),
        "constraints:time": -1.0,
        "fixed_params": 3,
    }
    user = {attributes.PROPOSAL: {"version": 2, "source": "nobody", "reason": "kept"}, attributes.RESULT: {"extra": 3}}
    trial = optuna.trial.create_trial(value=1.0, user_attrs=user, system_attrs=system)
    read = TrialRecord.from_optuna(trial)
    assert read.damaged == ("proposal.source", "result.extra", "fixed_params", "constraints", "constraints:size")
    assert read.constraints == {"time": -1.0}
    assert (read.source, read.proposal.reason) == ("unknown", "kept")
