"""Scores of models: kept, found again by `auto`, and never in the way of a study."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from tunewise.errors import UsageError
from tunewise.llm.scripted import ScriptedModel
from tunewise.proposers.base import PRIOR
from tunewise.sampler import LLMSampler
from tunewise.space import Float, SearchSpace
from tunewise.worth import SCORES, Worth, home, keep, known_worth, read_worths, shipped

WORTH = Worth(
    model="m",
    budget=10,
    tasks=12,
    capable=0.9,
    alone=-0.1,
    alone_low=-0.2,
    alone_high=-0.01,
    auto=-0.1,
    auto_low=-0.2,
    auto_high=0.0,
    calls=200,
    cost_usd=None,
    version="0",
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNEWISE_HOME", str(tmp_path))
    return tmp_path


def test_a_score_is_kept_and_found_and_a_newer_one_takes_its_place(folder: Path) -> None:
    assert home() == folder
    assert known_worth("m") is None
    keep(WORTH, folder / SCORES)
    keep(replace(WORTH, model="other"), folder / SCORES)
    assert known_worth("m") == WORTH
    keep(replace(WORTH, capable=0.1), folder / SCORES)
    again = known_worth("m")
    assert again is not None
    assert again.capable == 0.1
    assert known_worth("other") is not None


@pytest.mark.parametrize(("capable", "prior"), [(0.0, 0.1), (0.5, 0.5), (1.0, 0.95)])
def test_a_prior_lets_every_model_be_heard_in_the_end_and_none_be_certain(capable: float, prior: float) -> None:
    assert replace(WORTH, capable=capable).prior == prior


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", "{" * 100_000, '{"m": 1}', '{"m": {"model": "m"}}', '{"m": {"capable": "high"}}', "\ufeff{}"],
)
def test_what_is_no_score_is_as_if_it_were_not_there(text: str, folder: Path) -> None:
    (folder / SCORES).write_text(text)
    assert known_worth("m") is None
    assert read_worths('{"m": ' + text) == {}


def test_a_score_with_a_wrong_number_is_left_out(folder: Path) -> None:
    for capable in (-0.5, 1.5, float("nan")):
        keep(replace(WORTH, capable=capable), folder / SCORES)
        assert known_worth("m") is None


def test_a_file_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        keep(WORTH, tmp_path / "file" / SCORES)


def test_auto_begins_with_the_credit_that_was_measured_and_the_study_says_so(folder: Path) -> None:
    space = SearchSpace({"x": Float(0, 1, default=0.5)})

    def credit() -> object:
        model = ScriptedModel(['{"x": 0.25}'] * 4, name="m")
        study = optuna.create_study(sampler=LLMSampler(model, space=space, seed=0))
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
        return TrialRecord.from_optuna(study.trials[1]).proposal.decision.credit

    from tunewise.history import TrialRecord

    assert credit() == PRIOR
    keep(WORTH, folder / SCORES)
    assert credit() == 0.9
    settings = LLMSampler(ScriptedModel([], name="m"), space=space).settings
    assert settings["capable"] == 0.9
    assert "capable" not in LLMSampler(ScriptedModel([], name="unknown"), space=space).settings


def test_the_scores_that_ship_can_be_read() -> None:
    assert "recorded" in shipped()
    assert all(worth.model == name and worth.tasks >= 4 for name, worth in shipped().items())
