"""Earlier studies, from wherever they are, lead the first trials of a new one; what cannot be read is said."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from support.forms import in_short
from support.whole_paths import InProcess, assert_paragraph, write_study
from tunewise.errors import StudyError
from tunewise.history import History, TrialRecord
from tunewise.llm.base import ChatRequest
from tunewise.models import FunctionModel
from tunewise.prior_studies import PriorStudy
from tunewise.prompts.prior import PriorView
from tunewise.prompts.render import MAX_PROMPT_TOKENS
from tunewise.proposers.base import ProposalContext
from tunewise.proposers.chat import PRIOR_TOKENS, chat_messages
from tunewise.space import Configuration, Float, SearchSpace
from tunewise.study.prior import read_prior_study, split_name
from tunewise.study.storage import open_storage, open_study
from tunewise.study.tune import tune
from tunewise.task import DataCard, Task
from tunewise.tokens import estimate_tokens

SPACE = SearchSpace({"C": Float(0.01, 100, log=True, default=0.1), "x": Float(0, 1, default=0.5)})
FILE_SPACE = {name: {**part} for name, part in SPACE.to_dict().items()}


def loss(configuration: Configuration) -> float:
    C, x = SPACE.encode(configuration)  # noqa: N806 - the hyperparameter's name
    return float((C - 0.8) ** 2 + (x - 0.2) ** 2)


def run_before(storage: str | Path | None = None, name: str = "old") -> optuna.Study:
    study = optuna.create_study(
        storage=open_storage(storage), study_name=name, sampler=optuna.samplers.RandomSampler(seed=1)
    )
    study.optimize(lambda trial: loss(SPACE.suggest(trial)), n_trials=20)
    return study


def second_of(study: optuna.Study) -> Configuration:
    return History.from_study(study).trials[1].configuration


def test_an_optuna_study_leads_the_second_trial() -> None:
    study = tune(loss, SPACE, n_trials=2, prior_studies=[run_before()])
    assert History.from_study(study)[0].source == "default"
    assert loss(second_of(study)) < 0.1
    assert loss(second_of(tune(loss, SPACE, n_trials=2))) > 0.2  # without it
    assert study.user_attrs["tunewise:study"]["sessions"][0]["prior_studies"] == ["old"]


ADDRESSES = ["old.journal", "sqlite:///old.db", "sqlite:///old.db#second", "old.journal#second"]


@pytest.mark.parametrize("address", in_short(["old.journal", "old.journal#second"], ADDRESSES))
def test_a_study_file_names_where_they_are(address: str, tmp_path: Path, cli: InProcess) -> None:
    where = address.partition("#")[0]
    stored = where.replace("sqlite:///", f"sqlite:///{tmp_path}/") if "://" in where else tmp_path / where
    run_before(stored, "first")
    if "#" in address:
        run_before(stored, "second")
    file = write_study(
        tmp_path,
        objective="def objective(c): return abs(c['x'] - 0.2)",
        space=FILE_SPACE,
        proposer="auto",
        n_trials=2,
        prior_studies=[address],
    )
    ran = cli("tune", file)
    assert ran.code == 0, ran
    assert loss(second_of(open_study(file.with_suffix(".journal")))) < 0.1


def test_the_command_line_takes_a_study_file(tmp_path: Path, cli: InProcess) -> None:
    (tmp_path / "before").mkdir()
    objective = "def objective(c): return abs(c['x'] - 0.2)"
    old = write_study(tmp_path / "before", objective=objective, space=FILE_SPACE, proposer="random", n_trials=12)
    assert cli("tune", old).code == 0
    file = write_study(tmp_path, objective=objective, space=FILE_SPACE, proposer="auto", n_trials=2)
    ran = cli("tune", file, "--prior-study", old)
    assert ran.code == 0, ran
    assert abs(float(str(second_of(open_study(file.with_suffix(".journal")))["x"])) - 0.2) < 0.2


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("missing.journal", "does not exist"),
        ("several.journal", "holds several studies"),
        ("several.journal#nobody", "has no study 'nobody'"),
        ("notes.txt", "cannot be opened as a study"),
        ("study.journal", "which is this study"),
    ],
)
def test_what_cannot_be_read_is_said(address: str, said: str, tmp_path: Path, cli: InProcess) -> None:
    run_before(tmp_path / "several.journal", "a")
    run_before(tmp_path / "several.journal", "b")
    run_before(tmp_path / "study.journal", "study")
    (tmp_path / "notes.txt").write_text("no journal at all\n")
    file = write_study(
        tmp_path, objective="def objective(c): return 1", space=FILE_SPACE, proposer="auto", prior_studies=[address]
    )
    ran = cli("tune", file)
    assert_paragraph(ran, code=2)
    assert said in " ".join(ran.err.split()), ran


def test_several_objectives_are_refused() -> None:
    study = optuna.create_study(directions=["minimize", "maximize"])
    with pytest.raises(StudyError, match="2 objectives"):
        read_prior_study(study, SPACE)


def test_a_sampler_that_was_given_would_ignore_them() -> None:
    with pytest.raises(StudyError, match="prior_studies would be ignored"):
        tune(loss, SPACE, sampler=optuna.samplers.RandomSampler(), prior_studies=[run_before()])


def test_the_name_behind_an_address(tmp_path: Path) -> None:
    (tmp_path / "with#sharp").write_text("")
    assert split_name(str(tmp_path / "with#sharp")) == (str(tmp_path / "with#sharp"), None)
    assert split_name("postgresql://host/db#a#b") == ("postgresql://host/db#a", "b")
    assert split_name("a.journal") == ("a.journal", None)


@pytest.mark.parametrize("proposer", ["auto", "compressed", "chat"])
def test_the_model_is_told_what_was_best_and_how_it_ranked(proposer: str) -> None:
    asked: list[str] = []

    def answer(request: object) -> str:
        asked.append(str(request))
        return '{"C": 50, "x": 0.25}'

    before = tune(loss, SPACE, task=Task(model="SVC", data=DataCard(name="credit")), proposer="random", n_trials=9)
    tune(loss, SPACE, model=FunctionModel(answer), proposer=proposer, n_trials=2, prior_studies=[before])
    best = History.from_study(before).best
    assert best is not None
    assert "tunewise (credit): 9 trials, half of them at" in asked[0]
    C, x = (best.configuration[name] for name in SPACE)  # noqa: N806 - the hyperparameter's name
    assert f"{C:.3g} {x:.3g}: {best.value:.4g}" in asked[0]


def test_the_model_is_told_what_the_default_gave_and_where_the_surrogate_would_go_from_the_start() -> None:
    asked: list[str] = []

    def answer(request: ChatRequest) -> str:
        asked.append(request.messages[-1].content)
        return '{"C": 50, "x": 0.25}'

    data = DataCard(name="credit", rows=700, classes=2)
    before = tune(loss, SPACE, task=Task(model="SVC", data=data), model=None, n_trials=9)
    tune(loss, SPACE, model=FunctionModel(answer), n_trials=2, prior_studies=[before])
    default = loss(SPACE.default or {})
    assert "(credit, 700 rows, 2 classes): 9 trials, half" in asked[0]
    assert f", the default {default:.4g}" in asked[0]
    assert "fitted to these trials and the earlier studies" in asked[0]
    assert "Do not stay near the default" not in asked[0]


def test_many_studies_with_long_names_cost_no_line_of_this_study() -> None:
    asked: list[str] = []

    def answer(request: ChatRequest) -> str:
        asked.append(request.messages[-1].content)
        return f'{{"C": {len(asked)}, "x": 0.25}}'

    trials = tuple(TrialRecord(k, "finished", {"C": 0.123456 + k, "x": 0.123456}, float(k)) for k in range(50))
    studies = [PriorStudy.of(History(trials), SPACE, name=f"{k} " + "name " * 80, data="d" * 80) for k in range(8)]
    tune(loss, SPACE, model=FunctionModel(answer), n_trials=12, prior_studies=studies)
    assert all(estimate_tokens(prompt) < MAX_PROMPT_TOKENS for prompt in asked)
    for number, prompt in enumerate(asked, 1):
        assert len(re.findall(r"^\d+ (default|you|process) ", prompt, re.MULTILINE)) == number


def test_many_studies_with_long_names_take_a_bounded_part_of_a_dialogue() -> None:
    trials = tuple(TrialRecord(k, "finished", {"C": 0.123456 + k, "x": 0.123456}, float(k)) for k in range(50))
    studies = tuple(PriorStudy.of(History(trials), SPACE, name=f"{k} " + "name " * 80) for k in range(8))
    context = ProposalContext(task=Task(), space=SPACE, prior_studies=studies)
    alone, told = (
        sum(estimate_tokens(message.content) for message in chat_messages(given))
        for given in (replace(context, prior_studies=()), context)
    )
    assert 0 < told - alone <= PRIOR_TOKENS + 10


def test_of_trials_that_tie_one_is_told_and_the_worst() -> None:
    costs = [0.1, 0.1, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.6]
    trials = tuple(TrialRecord(k, "finished", {"C": 1.0 + k, "x": 0.1}, cost) for k, cost in enumerate(costs))
    lines = PriorView([PriorStudy.of(History(trials), SPACE, name="old")], SPACE).prior
    assert [line.split(": ")[1] for line in lines[2:]] == ["0.1", "0.2", "0.3", "0.4", "0.5", "0.6 (the worst)"]


def test_many_studies_are_told_up_to_eight() -> None:
    trials = tuple(TrialRecord(k, "finished", {"C": 0.1 + k, "x": 0.1}, float(k)) for k in range(50))
    studies = [PriorStudy.of(History(trials), SPACE, name="n" * 500) for _ in range(30)]
    lines = PriorView(studies, SPACE).prior
    assert lines[-1] == "(22 more are left out)"
