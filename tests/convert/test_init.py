"""A script's options are read without running it, and become a study file that runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.whole_paths import InProcess
from tunewise.convert.options import read_script
from tunewise.convert.ranges import improve
from tunewise.convert.rules import draft_of
from tunewise.errors import StudyError
from tunewise.study.file import read_study_file
from tunewise.testing.server import FaultServer, reply, status

ARGPARSE = """
import argparse, json
parser = argparse.ArgumentParser()
parser.add_argument("data_dir")
parser.add_argument("--lr", "--learning-rate", type=float, default=1e-2, help="step size of SGD")
parser.add_argument("--weight-decay", type=float, default=0.0)
parser.add_argument("--batch_size", type=int, default=32)
parser.add_argument("--optimizer", choices=["sgd", "adam"], default="sgd")
parser.add_argument("--amsgrad", action="store_true", help="use AMSGrad")
parser.add_argument("--no-bn", dest="bn", action="store_false")
parser.add_argument("--shuffle", action=argparse.BooleanOptionalAction, default=True)
parser.add_argument("--epochs", type=int, default=5)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--betas", type=float, nargs=2, default=[0.9, 0.999])
parser.add_argument("--sharpness", type=float, default=2.0)
parser.add_argument("--note", default="x")
args = parser.parse_args()
open("was_run", "a").write("x")
print(json.dumps({"val_acc": 0.5 + args.lr, "epoch": 1}))
"""
CLICK = """
import click
@click.command()
@click.option("--dropout", type=click.FloatRange(0, 0.5), default=0.1, help="share of units")
@click.option("--depth", default=3)
@click.option("--act", type=click.Choice(["relu", "gelu"]), default="relu")
@click.option("--fast/--slow", default=False)
@click.option("--layer", multiple=True)
def main(dropout, depth, act, fast, layer): ...
"""
TYPER = """
from typing import Annotated
import typer
def main(
    momentum: float = typer.Option(0.9, min=0.0, max=1.0, help="of SGD"),
    num_layers: Annotated[int, typer.Option("--layers", help="how deep")] = 2,
    bias: bool = typer.Option(True),
): ...
typer.run(main)
"""
HYDRA = """
import hydra
@hydra.main(config_path="conf", config_name="config", version_base=None)
def main(cfg): ...
"""


def drafted(tmp_path: Path, text: str) -> Any:
    (tmp_path / "train.py").write_text(text, "utf-8")
    return draft_of(read_script(tmp_path / "train.py"), "python train.py")


def test_argparse(tmp_path: Path) -> None:
    draft = drafted(tmp_path, ARGPARSE)
    assert draft.space["lr"] == {
        "type": "float",
        "low": 1e-5,
        "high": 0.1,
        "log": True,
        "default": 0.01,
        "description": "step size of SGD",
    }
    assert draft.space["weight-decay"]["low"] == 0
    assert draft.space["weight-decay"]["default"] == 0
    assert draft.space["batch_size"] == {
        "type": "int",
        "low": 3,
        "high": 320,
        "log": True,
        "default": 32,
        "description": "batch size",
    }
    assert draft.space["optimizer"] == {"type": "categorical", "choices": ["sgd", "adam"], "default": "sgd"}
    assert draft.space["amsgrad"] == {"flag": True, "default": False, "description": "use AMSGrad"}
    assert draft.space["no-bn"] == {"flag": True, "default": False}
    assert draft.space["no-shuffle"] == {"flag": True, "default": False}
    assert draft.study["task"] == {"metric": "val_acc", "direction": "maximize"}
    for name in ("data_dir", "epochs", "seed", "betas", "note"):
        assert name not in draft.space
        assert any(note.startswith(f"{name} is left as it is") for note in draft.notes)
    assert any("sharpness: its range is a guess" in note for note in draft.notes)


def test_click(tmp_path: Path) -> None:
    space = drafted(tmp_path, CLICK).space
    assert space["dropout"] == {
        "type": "float",
        "low": 0.0,
        "high": 0.5,
        "default": 0.1,
        "description": "share of units",
    }
    assert space["depth"]["default"] == 3
    assert space["act"] == {"type": "categorical", "choices": ["relu", "gelu"], "default": "relu"}
    assert space["fast"] == {"flag": True, "default": False}
    assert "layer" not in space


def test_typer(tmp_path: Path) -> None:
    space = drafted(tmp_path, TYPER).space
    assert space["momentum"]["description"] == "of SGD"
    assert space["layers"] == {"type": "int", "low": 1, "high": 8, "default": 2, "description": "how deep"}
    assert space["no-bias"] == {"flag": True, "default": False}


def test_hydra(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "config.yaml").write_text(
        "optim: {lr: 1e-3, name: adam}\nseed: 1\nhydra: {run: {dir: x}}", "utf-8"
    )
    draft = drafted(tmp_path, HYDRA)
    assert draft.space["optim.lr"]["default"] == 1e-3
    assert list(draft.space) == ["optim.lr"]
    assert draft.study["evaluate"]["command"] == ["python", "train.py", "optim.lr={optim.lr?}"]


def test_a_script_is_run_after_a_yes_only(tmp_path: Path, cli: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(ARGPARSE.replace('parser.add_argument("data_dir")\n', ""), "utf-8")
    done = cli("init", "train.py")
    assert done.code == 0
    assert not (tmp_path / "was_run").exists()
    assert read_study_file(tmp_path / "study.yaml").n_trials == 20
    done = cli("init", "train.py", "-o", "again.yaml", "--yes")
    assert "val_acc = 0.51" in done.err
    assert (tmp_path / "was_run").read_text() == "x"
    assert cli("init", "train.py").code == 2  # the file is there


def test_what_has_no_options_is_said(tmp_path: Path, cli: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text("print(1)", "utf-8")
    assert "has no options that are known" in cli("init", "train.py").err
    (tmp_path / "train.py").write_text("print(", "utf-8")
    with pytest.raises(StudyError, match="is not Python"):
        read_script(tmp_path / "train.py")
    with pytest.raises(StudyError, match="cannot be read"):
        read_script(tmp_path / "none.py")


REPLY = """I would say:
```json
{"lr": {"low": 1e-4, "high": 0.05, "log": true, "description": "Peak learning rate."},
 "sharpness": {"low": 1, "high": 4}, "weight-decay": {"low": 1e-3, "high": 1e-1},
 "batch_size": {"low": -3, "high": "many"}, "shuffle_buffer": {"low": 1},
 "optimizer": {"low": 1, "description": "Which optimizer."}, "no-bn": null}
```"""


def test_a_model_looks_over_the_ranges(tmp_path: Path, cli: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(ARGPARSE, "utf-8")
    with FaultServer(then=reply(REPLY)) as server:
        done = cli("init", "train.py", "--model", "m", "--base-url", server.base_url)
    assert done.code == 0, done
    (request,) = server.received
    said = str(request.json["messages"][-1]["content"])
    assert "step size of SGD" in said
    assert "was_run" not in said  # the script itself is not shown
    study = read_study_file(tmp_path / "study.yaml")
    assert study.model is not None
    assert study.model.name == "m"
    space: Any = study.space
    assert space["lr"] == {
        "type": "float",
        "low": 1e-4,
        "high": 0.05,
        "log": True,
        "default": 0.01,
        "description": "Peak learning rate.",
    }
    assert (space["sharpness"]["low"], space["sharpness"]["high"]) == (1, 4)
    assert space["weight-decay"]["low"] == 0  # its default would lie outside
    assert space["batch_size"]["low"] == 3
    assert space["optimizer"]["description"] == "Which optimizer."
    assert "no-bn" not in space
    notes = (tmp_path / "study.yaml").read_text()
    assert "weight-decay has the range of the rules" in notes
    assert "no-bn is left as it is: the model says" in notes
    assert "sharpness: its range is a guess" not in notes
    assert "looked over" in done.err


@pytest.mark.parametrize(
    "text", ["no idea", "{}", '{"lr": 3}', '{"lr": {"low": 1e999}}', '{"lr": {"low": [1], "log": "x"}}']
)
def test_a_useless_reply_leaves_the_rules_ranges(text: str, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(ARGPARSE, "utf-8")
    script = read_script(tmp_path / "train.py")
    draft = draft_of(script, "python train.py")
    before = dict(draft.space)
    assert improve(draft, script, text) == 0
    assert draft.space == before


def test_a_model_that_fails_leaves_the_rules_draft(
    tmp_path: Path, cli: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(ARGPARSE, "utf-8")
    with FaultServer(then=status(401, "no")) as server:
        done = cli("init", "train.py", "--model", "m", "--base-url", server.base_url)
    assert done.code == 0, done
    assert "The model could not be asked" in (tmp_path / "study.yaml").read_text()


PRINTS = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--learning-rate", type=float, default=0.1)
parser.add_argument("--fast", action="store_true")
args = parser.parse_args()
values = {{"seconds": 1.0, "accuracy": 0.5}}
print("epoch 1")
print({printed})
"""


@pytest.mark.parametrize(
    ("printed", "metric", "pattern", "direction"),
    [
        ("f'validation error: {args.learning_rate}'", "validation error", "validation error: {value}", "minimize"),
        ("f'val_error={args.learning_rate}'", "val_error", "val_error={value}", "minimize"),
        ("f'Test accuracy: {args.learning_rate:.1%}'", "Test accuracy", "Test accuracy: {value}", "maximize"),
        (
            "f'epoch 9, loss 0.3, val acc: {args.learning_rate}'",
            "val acc",
            "epoch * loss * val acc: {value}",
            "maximize",
        ),
        ("args.learning_rate", "value", None, "minimize"),
        ("__import__('json').dumps(values)", "accuracy", None, "maximize"),
        ("__import__('json').dumps({'value': 0.1})", "value", None, "minimize"),
    ],
)
def test_what_a_script_prints_in_its_one_run_becomes_metric_and_pattern(
    printed: str,
    metric: str,
    pattern: str | None,
    direction: str,
    tmp_path: Path,
    cli: InProcess,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(PRINTS.format(printed=printed), "utf-8")
    done = cli("init", "train.py", "--yes")
    assert done.code == 0, done
    assert f"With its defaults: {metric} = " in done.err
    file = read_study_file(tmp_path / "study.yaml")
    assert (file.task.metric, file.task.direction) == (metric, direction)
    evaluate: Any = file.evaluate
    assert (evaluate.metric, evaluate.pattern) == (metric, pattern)
    text = (tmp_path / "study.yaml").read_text("utf-8")
    assert "Which metric counts was not found" not in text + done.err
    assert "\n# runs: python train.py --learning-rate=... --fast\nevaluate:" in text
    assert cli("tune", "study.yaml", "-q", "--n-trials", "1").code == 0


def test_a_key_that_is_the_only_one_is_the_metric(tmp_path: Path) -> None:
    draft = drafted(tmp_path, PRINTS.format(printed="__import__('json').dumps({'value': 1})"))
    assert not any("was not found" in note for note in draft.notes)
    draft = drafted(tmp_path, PRINTS.format(printed="1"))
    assert any("Which metric counts was not found" in note and "pattern:" in note for note in draft.notes)
