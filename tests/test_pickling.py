"""A study with our sampler goes where studies with Optuna's samplers go: into pickles, copies and other processes."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable

import cloudpickle
import joblib
import optuna
import pytest

from tunewise import Float, LLMSampler, SearchSpace
from tunewise.llm.openai import OpenAIModel
from tunewise.llm.scripted import ScriptedModel


def by_joblib(study: optuna.Study) -> optuna.Study:
    file = io.BytesIO()
    joblib.dump(study, file)
    file.seek(0)
    loaded: optuna.Study = joblib.load(file)
    return loaded


WAYS: dict[str, Callable[[optuna.Study], optuna.Study]] = {
    "pickle": lambda study: pickle.loads(pickle.dumps(study)),
    "cloudpickle": lambda study: cloudpickle.loads(cloudpickle.dumps(study)),
    "joblib": by_joblib,
    "deepcopy": copy.deepcopy,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("begun", [False, True])
def test_a_copied_study_goes_on(way: str, begun: bool) -> None:
    space = SearchSpace({"x": Float(0, 1, default=0.5)})
    study = optuna.create_study(sampler=LLMSampler(ScriptedModel(['{"x": 0.25}'] * 9), space=space, seed=1))
    if begun:
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    copied = WAYS[way](study)
    copied.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    assert len(copied.trials) == 2 + 2 * begun
    assert copied.trials[0].params == {"x": 0.5}
    assert copied.trials[1].params == {"x": 0.25}


def test_a_key_does_not_travel() -> None:
    model = OpenAIModel("gpt-5", api_key=lambda: "sk-secret-of-mine")
    assert b"sk-secret-of-mine" not in cloudpickle.dumps(model)
