"""A study says how it came to be, whoever resumes it."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import optuna

from tunewise import attributes
from tunewise.llm.cassette import RecordingModel, ReplayingModel
from tunewise.llm.scripted import ScriptedModel
from tunewise.sampler import LLMSampler
from tunewise.space import Float, SearchSpace
from tunewise.study.storage import open_storage
from tunewise.study.tune import tune

SPACE = SearchSpace({"x": Float(0, 1)})


def run(journal: Path, trials: int, sampler: optuna.samplers.BaseSampler) -> list[dict[str, Any]]:
    """Tune, and what the study says of its sessions."""
    study = tune(lambda c: float(c["x"]), SPACE, n_trials=trials, storage=journal, sampler=sampler)
    return list(study.user_attrs[attributes.STUDY]["sessions"])


def test_a_session_names_proposer_seed_model_cassette_and_versions(tmp_path: Path) -> None:
    model = ScriptedModel([json.dumps({"x": 0.1 * k}) for k in range(3)], name="m")
    recorded = RecordingModel(model, tmp_path / "a.cassette")
    (session,) = run(tmp_path / "a.journal", 3, LLMSampler(recorded, space=SPACE, seed=7, proposer="compressed"))
    assert session["first"] == 0
    assert (session["proposer"]["name"], session["seed"], session["model"]) == ("compressed", 7, "m")
    assert session["cassette"] == str(tmp_path / "a.cassette")
    assert session["versions"]["optuna"] == version("optuna")
    assert session["versions"]["python"] == platform.python_version()
    replayed = ReplayingModel(tmp_path / "a.cassette")
    assert run(tmp_path / "b.journal", 3, LLMSampler(replayed, space=SPACE, seed=7, proposer="compressed")) == [session]


def test_a_resumed_study_gets_a_session_only_where_something_changed(tmp_path: Path) -> None:
    journal = tmp_path / "a.journal"
    assert len(run(journal, 2, LLMSampler(proposer="random", space=SPACE, seed=1))) == 1
    assert len(run(journal, 2, LLMSampler(proposer="random", space=SPACE, seed=1))) == 1
    assert journal.read_text().count(attributes.STUDY) == 1
    assert len(run(journal, 3, LLMSampler(proposer="random", space=SPACE, seed=1))) == 1
    _, second = run(journal, 4, LLMSampler(proposer="random", space=SPACE, seed=2))
    assert (second["first"], second["seed"], second["model"]) == (3, 2, None)
    assert run(journal, 5, optuna.samplers.RandomSampler())[-1]["sampler"] == "RandomSampler"
    reopened = optuna.load_study(study_name="tunewise", storage=open_storage(journal))
    assert [session["first"] for session in reopened.user_attrs[attributes.STUDY]["sessions"]] == [0, 3, 4]


def test_a_session_without_a_trial_is_replaced(tmp_path: Path) -> None:
    journal = tmp_path / "a.journal"
    run(journal, 1, LLMSampler(proposer="random", space=SPACE, seed=1))
    run(journal, 1, LLMSampler(proposer="random", space=SPACE, seed=2))
    sessions = run(journal, 1, LLMSampler(proposer="auto", space=SPACE, seed=3))
    assert [(session["first"], session["proposer"]["name"]) for session in sessions] == [(0, "random"), (1, "auto")]
