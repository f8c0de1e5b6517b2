"""The view of a study's trials, by tunewise or by anybody else."""

from __future__ import annotations

import optuna
from optuna.trial import TrialState

from tunewise import History, LLMSampler, TrialRecord
from tunewise.models import ScriptedModel


def test_history_of_a_foreign_study() -> None:
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(lambda t: t.suggest_float("x", 0, 1) if t.number else 1 / 0, n_trials=4, catch=(ZeroDivisionError,))
    study.enqueue_trial({"x": 0.5})
    study.add_trial(optuna.trial.create_trial(value=float("inf")))
    study.add_trial(optuna.trial.create_trial(state=TrialState.PRUNED))
    history = History.from_study(study)
    assert len(history.failed) == 1
    assert history.failed[0].error == "no reason was given"
    assert [t.number for t in history.finished] == [1, 2, 3, 5]
    assert history.best == history[5]
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
