"""Files of other programs become study files; what cannot be said is named. Each file is written anew in its form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.whole_paths import InProcess
from tunewise.convert import convert_file
from tunewise.errors import StudyError
from tunewise.space import SearchSpace
from tunewise.study.file import read_study_file
from tunewise.yaml12 import read_yaml, write_yaml

WANDB = """
program: train.py
method: bayes
metric: {name: val_loss, goal: minimize}
run_cap: 30
early_terminate: {type: hyperband, min_iter: 3}
command: ["${env}", "${interpreter}", "${program}", "${args_no_boolean_flags}"]
parameters:
  learning_rate: {distribution: log_uniform_values, min: 1e-5, max: 0.1}
  old_rate: {distribution: log_uniform, min: -9.21034, max: -2.302585}
  batch_size: {values: [16, 32, 64]}
  epochs: {value: 20}
  dropout: {min: 0.0, max: 0.6}
  layers: {min: 1, max: 4}
  nesterov: {values: [true, false]}
  width: {distribution: q_uniform, min: 32, max: 256, q: 32}
  noise: {distribution: normal, mu: 0, sigma: 0.1}
  optimizer: {parameters: {name: {values: [adam, sgd], probabilities: [0.7, 0.3]}}}
"""
HYDRA = """
defaults:
  - override hydra/sweeper: optuna
optimizer: {lr: 0.01}
hydra:
  sweeper:
    sampler: {_target_: optuna.samplers.TPESampler, seed: 123}
    direction: maximize
    study_name: mnist
    n_trials: 25
    n_jobs: 2
    params:
      optimizer.lr: tag(log, interval(1e-5, 1e-1))
      model.depth: range(1, 8, step=1)
      model.width: int(interval(16, 256))
      model.act: choice(relu, tanh, null)
      batch: 16,32,64
      seed: glob(*)
"""
HYDRA_OLD = """
sampler: tpe
n_trials: 5
search_space:
  x: {type: float, low: -5.5, high: 5.5, step: 0.5}
  y: {type: categorical, choices: [-5, 0, 5]}
"""
NNI = {
    "dropout_rate": {"_type": "uniform", "_value": [0.5, 0.9]},
    "hidden": {"_type": "quniform", "_value": [64, 512, 64]},
    "lr": {"_type": "loguniform", "_value": [0.0001, 0.1]},
    "seed": {"_type": "randint", "_value": [0, 10]},
    "layer0": {
        "_type": "choice",
        "_value": [{"_name": "Empty"}, {"_name": "Conv", "kernel": {"_type": "choice", "_value": [1, 3, 5]}}],
    },
    "mixed": {"_type": "mixture", "_value": [1, 2]},
}
RAY = {
    "config": {
        "lr": "tune.loguniform(1e-4, 1e-1)",
        "batch": {"grid_search": [32, 64]},
        "momentum": "tune.uniform(0.1, 0.9)",
        "layers": "tune.randint(1, 5)",
        "act": "tune.choice(['relu', 'tanh'])",
        "steps": 100,
        "odd": "tune.sample_from(f)",
    },
    "num_samples": 12,
    "metric": "mean_accuracy",
    "mode": "max",
    "resources_per_trial": {"cpu": 1},
}
CONFIGSPACE = {
    "name": "svm",
    "hyperparameters": [
        {"type": "categorical", "name": "kernel", "choices": ["rbf", "poly"], "weights": None, "default_value": "rbf"},
        {"type": "uniform_float", "name": "C", "lower": 0.001, "upper": 1000.0, "log": True, "default_value": 1.0},
        {"type": "uniform_int", "name": "degree", "lower": 2, "upper": 5, "log": False, "default_value": 3},
        {"type": "normal_float", "name": "eps", "mu": 0.5, "sigma": 0.1, "lower": 0.0, "upper": 1.0},
        {"type": "ordinal", "name": "size", "sequence": ["s", "m", "l"], "default_value": "m"},
        {"type": "constant", "name": "cache", "value": 200},
    ],
    "conditions": [
        {"type": "EQ", "child": "degree", "parent": "kernel", "value": "poly"},
        {"type": "GT", "child": "eps"},
    ],
    "forbiddens": [{"name": "C", "type": "EQUALS", "value": 1.0}],
}
KERAS = {
    "ongoing_trials": {},
    "hyperparameters": {
        "space": [
            {
                "class_name": "Choice",
                "config": {"name": "model", "default": "cnn", "conditions": [], "values": ["cnn", "mlp"]},
            },
            {
                "class_name": "Int",
                "config": {
                    "name": "filters",
                    "default": None,
                    "conditions": [{"class_name": "Parent", "config": {"name": "model", "values": ["cnn"]}}],
                    "min_value": 32,
                    "max_value": 256,
                    "step": 32,
                    "sampling": "linear",
                },
            },
            {
                "class_name": "Float",
                "config": {
                    "name": "lr",
                    "default": 0.001,
                    "conditions": [],
                    "min_value": 1e-4,
                    "max_value": 0.01,
                    "step": None,
                    "sampling": "log",
                },
            },
            {"class_name": "Boolean", "config": {"name": "shuffle", "default": False, "conditions": []}},
            {"class_name": "Fixed", "config": {"name": "seed", "conditions": [], "value": 7}},
        ],
        "values": {"model": "cnn"},
    },
}
GRID = [{"kernel": ["rbf"], "gamma": [0.001, 0.01, 0.1], "C": [1, 10]}, {"kernel": ["linear"], "C": [1, 10, 100]}]
PYTHON = """
from scipy.stats import loguniform
import numpy as np
raise SystemExit("this file is not run")
param_distributions = {
    "svc__C": loguniform(1e-2, 1e2),
    "svc__gamma": np.logspace(-3, 0, 4),
    "pca__n_components": range(2, 6),
    "svc__class_weight": [None, "balanced"],
    "svc__shrinking": SOMETHING,
}
"""
KERAS_BARE = KERAS["hyperparameters"]

FILES: dict[str, tuple[str, str, dict[str, Any], list[str]]] = {
    "W&B": (
        "sweep.yaml",
        WANDB,
        {
            "learning_rate": {"type": "float", "low": 1e-5, "high": 0.1, "log": True},
            "batch_size": {"type": "categorical", "choices": [16, 32, 64]},
            "epochs": {"type": "categorical", "choices": [20], "default": 20},
            "dropout": {"type": "float", "low": 0.0, "high": 0.6},
            "layers": {"type": "int", "low": 1, "high": 4},
            "nesterov": {"flag": True},
            "width": {"type": "int", "low": 32, "high": 256, "step": 32},
            "optimizer.name": {"type": "categorical", "choices": ["adam", "sgd"]},
        },
        ["early_terminate", "probabilities", "noise", "wandb.log"],
    ),
    "Hydra": (
        "config.yaml",
        HYDRA,
        {
            "optimizer.lr": {"type": "float", "low": 1e-5, "high": 0.1, "log": True, "default": 0.01},
            "model.depth": {"type": "int", "low": 1, "high": 8},
            "model.width": {"type": "int", "low": 16, "high": 256},
            "model.act": {"type": "categorical", "choices": ["relu", "tanh", None]},
            "batch": {"type": "categorical", "choices": [16, 32, 64]},
        },
        ["sampler", "seed is left out"],
    ),
    "Hydra, older": (
        "sweeper.yaml",
        HYDRA_OLD,
        {
            "x": {"type": "float", "low": -5.5, "high": 5.5, "step": 0.5},
            "y": {"type": "categorical", "choices": [-5, 0, 5]},
        },
        ["sampler"],
    ),
    "NNI": (
        "search_space.json",
        json.dumps(NNI),
        {
            "hidden": {"type": "int", "low": 64, "high": 512, "step": 64},
            "lr": {"type": "float", "low": 1e-4, "high": 0.1, "log": True},
            "seed": {"type": "int", "low": 0, "high": 9},
            "layer0": {"type": "categorical", "choices": ["Empty", "Conv"]},
            "layer0.kernel": {"type": "categorical", "choices": [1, 3, 5], "when": {"layer0": ["Conv"]}},
        },
        ["mixed is left out"],
    ),
    "Ray": (
        "ray.json",
        json.dumps(RAY),
        {
            "lr": {"type": "float", "low": 1e-4, "high": 0.1, "log": True},
            "batch": {"type": "categorical", "choices": [32, 64]},
            "layers": {"type": "int", "low": 1, "high": 4},
            "act": {"type": "categorical", "choices": ["relu", "tanh"]},
            "steps": {"type": "categorical", "choices": [100], "default": 100},
        },
        ["resources_per_trial", "odd"],
    ),
    "ConfigSpace": (
        "space.json",
        json.dumps(CONFIGSPACE),
        {
            "C": {"type": "float", "low": 0.001, "high": 1000.0, "log": True, "default": 1.0},
            "degree": {"type": "int", "low": 2, "high": 5, "default": 3, "when": {"kernel": ["poly"]}},
            "cache": {"type": "categorical", "choices": [200], "default": 200},
        },
        ["eps: its prior", "order", "forbidden", "condition"],
    ),
    "Keras Tuner": (
        "oracle.json",
        json.dumps(KERAS),
        {
            "filters": {"type": "int", "low": 32, "high": 256, "step": 32, "when": {"model": ["cnn"]}},
            "lr": {"type": "float", "low": 1e-4, "high": 0.01, "log": True, "default": 0.001},
            "shuffle": {"type": "categorical", "choices": [False, True], "default": False},
            "seed": {"type": "categorical", "choices": [7], "default": 7},
        },
        [],
    ),
    "Keras Tuner, bare": (
        "hyperparameters.json",
        json.dumps(KERAS_BARE),
        {"model": {"type": "categorical", "choices": ["cnn", "mlp"], "default": "cnn"}},
        [],
    ),
    "grids": (
        "grid.json",
        json.dumps(GRID),
        {
            "kernel": {"type": "categorical", "choices": ["rbf", "linear"]},
            "C": {"type": "categorical", "choices": [1, 10, 100]},
            "gamma": {"type": "categorical", "choices": [0.001, 0.01, 0.1], "when": {"kernel": ["rbf"]}},
        },
        ["gamma keeps the listed values"],
    ),
    "Python": (
        "search.py",
        PYTHON,
        {
            "svc__C": {"type": "float", "low": 0.01, "high": 100.0, "log": True},
            "svc__gamma": {"type": "categorical", "choices": [0.001, 0.01, 0.1, 1.0]},
            "pca__n_components": {"type": "categorical", "choices": [2, 3, 4, 5]},
            "svc__class_weight": {"type": "categorical", "choices": [None, "balanced"]},
        },
        ["svc__shrinking is left out: SOMETHING"],
    ),
}


@pytest.mark.parametrize(("name", "text", "entries", "named"), FILES.values(), ids=FILES)
def test_a_file_of_another_program_becomes_a_study_file(
    name: str, text: str, entries: dict[str, Any], named: list[str], tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    draft = convert_file(tmp_path / name)
    for key, entry in entries.items():
        assert draft.space[key] == entry
    for word in named:
        assert any(word in note for note in draft.notes), (word, draft.notes)
    (tmp_path / "study.yaml").write_text(draft.text(), "utf-8")
    spec = read_study_file(tmp_path / "study.yaml")
    assert SearchSpace.from_dict(spec.space).to_dict() == SearchSpace.from_dict(draft.space).to_dict()
    assert all(f"# - {note[:40]}" in draft.text() for note in draft.notes)


def test_quoted_commas_and_numbers_too_few_or_too_many(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        """hydra: {sweeper: {params: {a: 'choice(x, "y,z", null)', b: '"1,2",3', c: 'range(1, 9, step="x")'}}}"""
    )
    draft = convert_file(tmp_path / "config.yaml")
    assert [draft.space[name].get("choices") for name in "ab"] == [["x", "y,z", None], ["1,2", 3]]
    assert "c" not in draft.space
    (tmp_path / "space.json").write_text(
        json.dumps(
            {
                "few": {"_type": "uniform", "_value": [0.1]},
                "many": {"_type": "uniform", "_value": [0, 1, 5]},
                "fits": {"_type": "quniform", "_value": [0, 1, 0.5]},
            }
        )
    )
    draft = convert_file(tmp_path / "space.json")
    assert list(draft.space) == ["fits"]
    assert [note.partition(" ")[0] for note in draft.notes if "cannot be read" in note] == ["few", "many"]


def test_what_a_sweep_says_of_the_study_is_kept(tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text(WANDB, "utf-8")
    draft = convert_file(tmp_path / "sweep.yaml")
    assert draft.study["n_trials"] == 30
    assert draft.study["task"] == {"metric": "val_loss", "direction": "minimize"}
    assert draft.study["evaluate"] == {"command": ["python", "train.py"], "metric": "val_loss"}
    low = draft.space["old_rate"]["low"]
    assert low == pytest.approx(1e-4, rel=1e-3)
    assert draft.space["noise"]["low"] == pytest.approx(-0.3)
    (tmp_path / "config.yaml").write_text(HYDRA, "utf-8")
    draft = convert_file(tmp_path / "config.yaml")
    assert draft.study["n_jobs"] == 2
    assert draft.study["study_name"] == "mnist"
    assert draft.study["evaluate"]["command"][:3] == ["python", "my_app.py", "optimizer.lr={optimizer.lr?}"]  # type: ignore[index, call-overload]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1", "no file that is known here"),
        ("[1, 2]", "no file that is known here"),
        ("parameters: {x: {min: a, max: b}}", "holds no hyperparameter that can be tuned here. x is left out"),
        ("a: [", "not YAML"),
    ],
)
def test_what_is_no_such_file_is_said(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(text, "utf-8")
    with pytest.raises(StudyError, match=message):
        convert_file(tmp_path / "x.yaml").text()


def test_the_command_writes_a_new_file_and_names_what_is_left_out(tmp_path: Path, cli: InProcess) -> None:
    (tmp_path / "sweep.yaml").write_text(WANDB, "utf-8")
    target = tmp_path / "study.yaml"
    done = cli("convert", str(tmp_path / "sweep.yaml"), "-o", str(target))
    assert done.code == 0
    assert "early_terminate" in done.err
    assert read_study_file(target).n_trials == 30
    again = cli("convert", str(tmp_path / "sweep.yaml"), "-o", str(target))
    assert again.code == 2
    assert "is there already" in again.err


WORDS = """parameters distribution min max values value q mu hydra sweeper params search_space _type _value choice
uniform loguniform hyperparameters type name lower upper conditions child parent EQ space class_name config Int
tune.uniform(0,1) interval(0,1) range(1) grid_search metric command"""
tokens = st.sampled_from(WORDS.split())
leaves = st.none() | st.booleans() | st.integers(-3, 9) | st.floats() | tokens | st.text(max_size=6)
data = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(tokens, inner, max_size=4), max_leaves=20
)


@pytest.mark.fuzz
@given(st.dictionaries(tokens, data, min_size=1, max_size=4))
def test_any_data_is_converted_or_refused_in_a_sentence(tmp_path_factory: Any, data: dict[str, Any]) -> None:
    path = Path(tmp_path_factory.getbasetemp(), "foreign.yaml")
    path.write_text(write_yaml(data).encode("utf-8", "replace").decode(), "utf-8")
    try:
        text = convert_file(path).text()
    except StudyError as error:
        assert len(str(error)) > 10  # noqa: PT017 - either outcome is right
    else:
        assert isinstance(read_yaml(text, source="draft"), dict)


CALLS = """np.linspace( np.logspace( np.geomspace( np.arange( np.array( range( uniform( loguniform( randint( num= 'C':
'x' 0 -1 1e308 -1e308 1e-300 0.5 True None nan 10**30 10**99 [ ] ( ) { } , , , :"""
calls = st.sampled_from([*CALLS.split(), "9" * 400])
characters = st.text("abc=[](){}:,'\"0123456789.eE+-* \n", max_size=60)
python = characters | st.builds("{{'C': {}{}, 'D': [1, 2]}}".format, calls, st.lists(calls, max_size=12).map("".join))


@pytest.mark.fuzz
@given(python)
def test_any_python_is_converted_or_refused_in_a_sentence(tmp_path_factory: Any, text: str) -> None:
    path = Path(tmp_path_factory.getbasetemp(), "foreign.py")
    path.write_text(f"param_grid = {text}", "utf-8")
    try:
        convert_file(path).text()
    except StudyError as error:
        assert len(str(error)) > 10  # noqa: PT017 - either outcome is right


@pytest.mark.parametrize(
    "wrong",
    [
        *("np.geomspace(0, 1, 5)", "np.linspace(1, 2, num='x')", "range(1, 2, 0)", "np.logspace(1, 999, 4)"),
        *("np.linspace(1, 10**99, 3)", "np.linspace(1, 2, num=-4)", "range(10**30)", "np.linspace(-1e308, 1e308, 9)"),
        f"[0x{'f' * 5000}, 1]",
    ],
)
def test_a_range_that_cannot_be_computed_is_named_or_left_out(wrong: str, tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text(f"param_grid = {{'C': {wrong}, 'D': [1, 2]}}", "utf-8")
    draft = convert_file(tmp_path / "x.py")
    assert "D:" in draft.text()
