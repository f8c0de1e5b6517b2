"""A study says what tuning gained without a model, and what became of one that was of no use."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from support.whole_paths import InProcess, write_study
from tunewise import Float, SearchSpace
from tunewise.errors import ModelUnavailable
from tunewise.llm.base import ChatRequest
from tunewise.llm.scripted import FunctionModel
from tunewise.proposers.assessment import STALLED
from tunewise.study.options import TuneOptions
from tunewise.study.stored import StoredStudy
from tunewise.study.tune import tune
from tunewise.study.use_of_model import unasked
from tunewise.testing.server import FaultServer, reply

WITH_DEFAULT = {"type": "float", "low": 1, "high": 9, "default": 4}
SPACE = SearchSpace({"x": Float(0, 1, default=0.5)})


def test_without_a_model_the_gain_of_tuning_is_said() -> None:
    study = tune(lambda c: abs(c["x"] - 0.9) + 0.1, SPACE, n_trials=4)
    stored = StoredStudy.read(study)
    assert stored.best is not None
    gain = (0.5 - stored.best.values[0]) / 0.5
    assert gain > 0
    assert stored.verdict() == f"{gain:.1%} better than the default (0.5, trial 0). No language model was asked."
    study = tune(lambda c: abs(c["x"] - 0.5), SPACE, n_trials=3, options=TuneOptions(study_name="best"))
    assert StoredStudy.read(study).verdict().startswith("No trial was better than the default (0, trial 0).")


def test_a_model_whose_score_is_bad_is_not_said_to_be_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worth = dict.fromkeys(("alone", "alone_low", "alone_high", "auto", "auto_low", "auto_high"), 0.0)
    score = {
        "model": "function",
        "budget": 10,
        "tasks": 12,
        "capable": 0.0,
        "calls": 9,
        "cost_usd": 0.0,
        "version": "1",
    }
    (tmp_path / "scores.json").write_text(json.dumps({"function": score | worth}))
    monkeypatch.setenv("TUNEWISE_HOME", str(tmp_path))
    study = tune(lambda c: abs(c["x"] - 0.9) + 0.1, SPACE, model=FunctionModel(lambda _: '{"x": 0.9}'), n_trials=4)
    stored = StoredStudy.read(study)
    assert stored.verdict().endswith(
        "The language model was not asked yet: its credit is 10%, so the surrogate goes first."
    )
    assert unasked(stored.history).startswith("Not asked for trial 1, 2, 3: the model's credit was 10%")


def test_a_model_that_was_never_of_use_is_said_at_the_end(tmp_path: Path, cli: InProcess) -> None:
    file = write_study(
        tmp_path,
        objective="def objective(c): return c['C']",
        proposer="auto",
        space={"C": WITH_DEFAULT},
    )
    with FaultServer(then=reply("I would rather not.")) as server:
        ended = cli("tune", file, "--n-trials", "4", "--model", "of-no-use", "--base-url", server.base_url)
        count = len(server.received)
    assert ended.code == 0
    said = " ".join(ended.out.split())
    assert f"None of the model's {count} replies could be used (" in said
    assert "In its place ran the surrogate in 3 of 4 trials." in said
    assert "better than the default (4, trial 0)" in said


@pytest.mark.long
def test_why_later_trials_did_not_ask_the_model() -> None:
    def gone(request: ChatRequest) -> str:
        raise ModelUnavailable("HTTP 500: out of order")

    study = tune(lambda c: c["x"], SPACE, model=FunctionModel(gone), n_trials=12)
    stored = StoredStudy.read(study)
    told = unasked(stored.history)
    assert told.startswith("Not asked for trial ")
    assert "out of order" in told
    assert "The model gave no reply in" in stored.verdict()
    assert unasked(StoredStudy.read(tune(lambda c: c["x"], SPACE, n_trials=2)).history) == ""


def test_a_turn_on_a_plateau_is_no_doubt() -> None:
    asked = itertools.count()

    def near(_: ChatRequest) -> str:
        return json.dumps({"x": 0.62 + 0.001 * next(asked)})

    study = tune(lambda c: abs(c["x"] - 0.6), SPACE, model=FunctionModel(near), n_trials=STALLED + 7)
    history = StoredStudy.read(study).history
    turn = history.trials[STALLED + 2]
    assert [t.source for t in history][: STALLED + 3] == ["default", *["model"] * (STALLED + 1), "surrogate"]
    assert (
        turn.proposal.note
        == f"{STALLED} trials of the model in a row brought nothing better: one turn for the surrogate."
    )
    assert unasked(history) == ""
