"""A study of programs from the first request to the exported winner, with models that play good and bad ones."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import optuna
import pytest

from support.programs import MLP, RIDGE, TREES_REGRESSOR, fenced
from tunewise import attributes
from tunewise.codegen.contract import read_space
from tunewise.codegen.data import Dataset
from tunewise.codegen.evaluate import Runner
from tunewise.codegen.export import export_program
from tunewise.codegen.generate import Generation, GenerationOptions
from tunewise.codegen.sampler import SearchOptions
from tunewise.codegen.tree import Tree
from tunewise.codegen.write import MAX_ATTEMPTS
from tunewise.errors import BudgetReached, ModelUnavailable, ModelUnusable, ObjectiveFailed, StudyError, UsageError
from tunewise.history import History
from tunewise.llm.base import ChatReply, ChatRequest, ToolCall
from tunewise.llm.ledger import Caps
from tunewise.llm.scripted import FunctionModel, ScriptedModel
from tunewise.sandbox.base import Limits, Sandbox
from tunewise.study.storage import open_study
from tunewise.study.stored import StoredStudy

QUICK = Limits(wall_s=30, cpu_s=30)
FAILING = RIDGE.replace("Ridge(alpha=alpha)", "Ridge(alpha=alpha if N_ROWS < 0 else 'x')")
NAME = "make_estimator"


def called(*configurations: dict[str, Any] | str, name: str = NAME, text: str = "") -> ChatReply:
    """A reply that calls a function once for each configuration."""
    calls = tuple(
        ToolCall(name=name, arguments=c if isinstance(c, str) else json.dumps(c), id=str(i))
        for i, c in enumerate(configurations)
    )
    return ChatReply(text=text, model="caller", tool_calls=calls)


def study_of(
    dataset: Dataset, sandbox: Sandbox, replies: list[Any], *, trials: int, tools: bool = True, **options: Any
) -> tuple[optuna.Study, ScriptedModel]:
    """Run a study with a scripted model, tuned by the model alone unless said otherwise."""
    model = ScriptedModel(replies)
    model.calls_tools = tools
    search = SearchOptions(**{"tuner": "compressed", **options.pop("options", {})})
    chosen = GenerationOptions(contract="sklearn", trials=trials, limits=QUICK, search=search)
    generation = Generation(dataset, sandbox=sandbox, model=model, options=chosen)
    return generation.run(**options), model


def records(study: optuna.Study) -> History:
    return History.from_study(study)


def prompt(request: ChatRequest) -> str:
    return request.messages[-1].content


def test_write_then_tune_by_calls(regression: Dataset, sandbox: Sandbox) -> None:
    replies = [fenced(RIDGE, "Ridge first."), called({"alpha": 1.0}, text="Less of it."), called({"alpha": 0.1})]
    study, model = study_of(regression, sandbox, replies, trials=3)
    first, second, third = records(study)
    assert (first.configuration, second.configuration) == ({"p1.alpha": 10.0}, {"p1.alpha": 1.0})
    assert (first.source, first.proposal.reason) == ("model", "draft: Ridge first.")
    assert (second.source, second.proposal.reason, third.source) == ("model", "Less of it.", "model")
    assert model.requests[0].tools == ()
    (tool,) = model.requests[1].tools
    assert (tool.name, list(tool.schema["properties"])) == (NAME, ["alpha"])
    assert model.requests[1].schema is None
    assert RIDGE.strip() in prompt(model.requests[1])
    assert "trial 1: " in prompt(model.requests[2]).partition("Average training loss")[2]


def test_a_program_of_torch_is_given_up_by_its_epochs(regression: Dataset, torch_sandbox: Sandbox) -> None:
    slow = {"width": 8, "learning_rate": 1e-4, "activation": "relu", "batch_size": 256}
    model = ScriptedModel([fenced(MLP), called(slow, name="make_model_and_optimizer")])
    model.calls_tools = True
    options = GenerationOptions(
        contract="torch",
        trials=2,
        epochs=3,
        limits=QUICK,
        search=SearchOptions(tuner="compressed"),
        pruner={"name": "median", "n_startup_trials": 1},
    )
    history = records(Generation(regression, sandbox=torch_sandbox, model=model, options=options).run())
    assert [(trial.state, len(trial.curve)) for trial in history] == [("finished", 3), ("pruned", 1)]
    assert history[0].curve[-1] == (3, history[0].value)


def test_a_model_without_tool_calls_answers_in_json(regression: Dataset, sandbox: Sandbox) -> None:
    study, model = study_of(regression, sandbox, [fenced(RIDGE), '{"alpha": 2}'], trials=2, tools=False)
    assert records(study)[1].configuration == {"p1.alpha": 2.0}
    assert not model.requests[1].tools
    assert model.requests[1].schema
    assert "call the function" not in prompt(model.requests[1])


def test_a_model_that_could_call_may_answer_in_json_all_the_same(regression: Dataset, sandbox: Sandbox) -> None:
    study, _ = study_of(regression, sandbox, [fenced(RIDGE), 'I take\n```json\n{"alpha": 2}\n```'], trials=2)
    assert records(study)[1].configuration == {"p1.alpha": 2.0}


def test_a_wrong_tool_is_told_and_asked_again(regression: Dataset, sandbox: Sandbox) -> None:
    replies = [fenced(RIDGE), called({"alpha": 1.0}, name="train_model"), called({"alpha": 3.0})]
    study, model = study_of(regression, sandbox, replies, trials=2)
    assert "You called train_model, which does not exist. The only function is make_estimator." in prompt(
        model.requests[2]
    )
    assert records(study)[1].configuration == {"p1.alpha": 3.0}


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"strength": 1.0}, 'Unknown keys: "strength". The keys are "alpha"'),
        ({"alpha": 1e9}, "above the upper bound 1000"),
        ({"alpha": "much"}, "must be a number"),
        ('{"alpha": ', "cut off"),
        ("alpha", "JSON"),
    ],
)
def test_wrong_arguments_are_told_and_asked_again(
    regression: Dataset, sandbox: Sandbox, wrong: dict[str, Any] | str, complaint: str
) -> None:
    study, model = study_of(regression, sandbox, [fenced(RIDGE), called(wrong), called({"alpha": 3.0})], trials=2)
    assert complaint in prompt(model.requests[2])
    assert (records(study)[1].configuration, records(study)[1].source) == ({"p1.alpha": 3.0}, "model")


def test_values_outside_its_own_ranges_for_ever_are_repaired_and_marked(regression: Dataset, sandbox: Sandbox) -> None:
    study, _ = study_of(regression, sandbox, [fenced(RIDGE), *[called({"alpha": 1e9})] * 4], trials=2)
    assert (records(study)[1].configuration, records(study)[1].source) == ({"p1.alpha": 1000.0}, "repair")


def test_auto_tunes_with_the_surrogate(regression: Dataset, sandbox: Sandbox) -> None:
    offers = called({"alpha": 0.01}, {"alpha": 3.0}, {"alpha": 100.0})
    study, model = study_of(regression, sandbox, [fenced(RIDGE), *[offers] * 9], trials=4, options={"tuner": "auto"})
    decisions = [record.proposal.decision for record in records(study)]
    assert decisions[1].call == "candidates"
    assert decisions[3].advice
    assert all(record.source in ("model", "surrogate") for record in records(study))
    assert "Give the next configuration" in prompt(model.requests[1])


def test_the_chat_proposer_keeps_the_dialogue(regression: Dataset, sandbox: Sandbox) -> None:
    replies = [fenced(RIDGE), called({"alpha": 1.0}), called({"alpha": 2.0})]
    study, model = study_of(regression, sandbox, replies, trials=3, options={"tuner": "chat"})
    assert records(study)[2].configuration == {"p1.alpha": 2.0}
    assert RIDGE.strip() in model.requests[2].messages[1].content
    assert len(model.requests[2].messages) > len(model.requests[1].messages)


def test_what_is_refused_is_told_and_written_again(regression: Dataset, sandbox: Sandbox) -> None:
    replies = [
        "I cannot see your data, but ridge regression is a good idea.",
        fenced(RIDGE.replace("import Ridge", "imort Ridge")),
        fenced(RIDGE.replace("sklearn.linear_model", "subprocess")),
        fenced(FAILING),
        fenced(RIDGE),
    ]
    study, model = study_of(regression, sandbox, replies, trials=1)
    assert len(replies) == MAX_ATTEMPTS
    for request, told in zip(
        model.requests[1:],
        ("held no program that could be read", "imort Ridge", "imports subprocess", "InvalidParameterError"),
        strict=True,
    ):
        assert told in prompt(request)
    tree = Tree.from_study(study)
    assert [(p.kind, p.parent, p.is_valid) for p in tree.programs] == [
        ("draft", None, False),
        ("draft", None, False),
        ("repair", 2, False),
        ("repair", 3, False),
        ("repair", 4, True),
    ]
    calls = [key for key in study.trials[0].system_attrs if key.startswith(attributes.CALL)]
    assert len(calls) == MAX_ATTEMPTS, "every attempt is billed to the trial"


def test_five_bad_programs_stop_the_study_and_another_run_goes_on(
    regression: Dataset, sandbox: Sandbox, tmp_path: Path
) -> None:
    file = str(tmp_path / "s.journal")
    with pytest.raises(ModelUnusable, match=r"in 5 attempts\. The last objection: .*imports os"):
        study_of(regression, sandbox, [fenced("import os")] * 5, trials=2, storage=file)
    study, model = study_of(regression, sandbox, [fenced(RIDGE), called({"alpha": 1.0})], trials=2, storage=file)
    assert "imports os" in prompt(model.requests[0])
    assert [record.state for record in records(study)] == ["finished", "finished"]
    assert len(Tree.from_study(study).programs) == 6


@pytest.fixture
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs that fail on all rows pass the check on a few, here on none."""
    monkeypatch.setattr(Runner, "check", lambda self, code: read_space(code, self.contract))


@pytest.mark.usefixtures("lenient")
def test_a_program_whose_trials_fail_is_repaired(regression: Dataset, sandbox: Sandbox) -> None:
    study, model = study_of(regression, sandbox, [fenced(FAILING), fenced(RIDGE)], trials=2)
    assert [record.state for record in records(study)] == ["failed", "finished"]
    assert "All of its trials failed" in prompt(model.requests[1])
    assert "InvalidParameterError" in prompt(model.requests[1])
    assert [(p.kind, p.parent) for p in Tree.from_study(study).programs] == [("draft", None), ("repair", 1)]


@pytest.mark.usefixtures("lenient")
def test_a_study_where_nothing_finishes(regression: Dataset, sandbox: Sandbox) -> None:
    with pytest.raises(ObjectiveFailed, match="None of the 2 trials of study 'tunewise' finished"):
        study_of(regression, sandbox, [fenced(FAILING), fenced(FAILING.replace("10.0", "1.0"))], trials=2)


def test_a_plateau_brings_a_better_program(regression: Dataset, sandbox: Sandbox) -> None:
    replies = [
        fenced(RIDGE),
        called({"alpha": 500.0}),
        called({"alpha": 900.0}),
        fenced(TREES_REGRESSOR, "Trees."),
        called({"depth": 4, "learning_rate": 0.2}),
    ]
    study, model = study_of(regression, sandbox, replies, trials=5, options={"patience": 2})
    asked = prompt(model.requests[3])
    assert "Tuning it has stopped to help" in asked
    assert "p1 draft: best" in asked
    tree = Tree.from_study(study)
    assert [(p.kind, p.parent) for p in tree.programs] == [("draft", None), ("improve", 1)]
    assert list(records(study)[4].configuration) == ["p2.depth", "p2.learning_rate"]
    assert [line[:13] for line in tree.lines()] == ["p1 draft: bes", "   └ p2 impro"]


def test_a_program_that_is_there_already_is_refused(regression: Dataset, sandbox: Sandbox) -> None:
    same = RIDGE.replace("    return", "    # differently\n\n    return")
    replies = [fenced(RIDGE), called({"alpha": 900.0}), fenced(same), fenced(TREES_REGRESSOR)]
    study, model = study_of(regression, sandbox, replies, trials=3, options={"patience": 1})
    assert "It repeats program p1." in prompt(model.requests[3])
    assert [p.is_valid for p in Tree.from_study(study).programs] == [True, False, True]


def test_where_no_better_program_comes_the_best_is_tuned_on(regression: Dataset, sandbox: Sandbox) -> None:
    replies = [fenced(RIDGE), called({"alpha": 900.0}), *["no idea"] * 5, called({"alpha": 1.0})]
    study, _ = study_of(regression, sandbox, replies, trials=3, options={"patience": 1})
    last = records(study)[2]
    assert last.configuration == {"p1.alpha": 1.0}
    assert last.proposal.note.startswith("No new program: The model wrote no program")


def test_after_five_refusals_the_model_is_left_alone_for_a_while(regression: Dataset, sandbox: Sandbox) -> None:
    calls = [called({"alpha": alpha}) for alpha in (900.0, 800.0, 700.0, 600.0)]
    replies = [fenced(RIDGE), *calls[:2], *["no idea"] * 5, *calls[2:]]
    study, model = study_of(regression, sandbox, replies, trials=5, options={"patience": 2})
    assert len(model.requests) == len(replies)
    assert [bool(record.proposal.note) for record in records(study)] == [False, False, False, True, False]


def test_a_model_that_is_away_stops_the_study_only_where_nothing_can_be_tuned(
    regression: Dataset, sandbox: Sandbox
) -> None:
    with pytest.raises(ModelUnavailable):
        study_of(regression, sandbox, [ModelUnavailable("away")], trials=1)
    replies = [fenced(RIDGE), ModelUnavailable("away"), ModelUnavailable("away"), ModelUnavailable("away")]
    study, _ = study_of(regression, sandbox, replies, trials=3, options={"tuner": "auto"})
    assert [record.source for record in records(study)] == ["model", "surrogate", "surrogate"]


def test_caps_hold_and_the_study_goes_on_without_paying_twice(
    regression: Dataset, sandbox: Sandbox, tmp_path: Path
) -> None:
    file = str(tmp_path / "s.journal")
    model = ScriptedModel([fenced("import os"), fenced(RIDGE)])
    capped = GenerationOptions(contract="sklearn", trials=2, limits=QUICK, caps=Caps(max_calls=1))
    with pytest.raises(BudgetReached):
        Generation(regression, sandbox=sandbox, model=model, options=capped).run(storage=file)
    study, again = study_of(regression, sandbox, [fenced(RIDGE), called({"alpha": 1.0})], trials=2, storage=file)
    assert len(again.requests) == 2
    assert StoredStudy.read(study).totals.calls == 3


def test_other_data_or_another_kind_of_study_is_refused(
    regression: Dataset, classification: Dataset, sandbox: Sandbox, tmp_path: Path
) -> None:
    file = str(tmp_path / "s.journal")
    study_of(regression, sandbox, [fenced(RIDGE)], trials=1, storage=file)
    with pytest.raises(StudyError, match="begun with other data"):
        study_of(classification, sandbox, [], trials=2, storage=file)
    optuna.create_study(study_name="plain", storage=open_study(file)._storage).add_trial(
        optuna.trial.create_trial(value=1.0)
    )
    with pytest.raises(StudyError, match="is not one of programs"):
        study_of(regression, sandbox, [], trials=2, storage=file, name="plain")
    with pytest.raises(StudyError, match="holds no programs"):
        export_program(open_study(file, "plain"))


@pytest.mark.parametrize(
    "wrong", [{"trials": 0}, {"trials": True}, {"options": {"patience": 0}}, {"options": {"tuner": "x"}}]
)
def test_wrong_arguments(regression: Dataset, sandbox: Sandbox, wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        study_of(regression, sandbox, [], **({"trials": 1} | wrong))


def test_unknown_contracts(regression: Dataset, sandbox: Sandbox) -> None:
    for wrong, words in (
        ("jax", "The contracts are table, torch, sklearn"),
        ("table", "scored on a Table, with folds"),
    ):
        options = GenerationOptions(contract=wrong)
        with pytest.raises(StudyError, match=words):
            Generation(regression, sandbox=sandbox, model=ScriptedModel([]), options=options)


def test_the_same_seed_gives_the_same_study(regression: Dataset, sandbox: Sandbox) -> None:
    def play(request: ChatRequest) -> ChatReply | str:
        return called({"alpha": 3.0}) if request.tools else fenced(RIDGE)

    values = []
    for _ in range(2):
        options = GenerationOptions(contract="sklearn", trials=3, limits=QUICK)
        generation = Generation(regression, sandbox=sandbox, model=FunctionModel(play), options=options)
        values.append([(t.params, t.value) for t in generation.run().trials])
    assert values[0] == values[1]


def test_the_exported_winner_reproduces_its_score(
    regression: Dataset,
    sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = "from __future__ import annotations\n" + TREES_REGRESSOR
    study, _ = study_of(
        regression, sandbox, [fenced(code, 'Trees "of" \\ mine.'), called({"depth": 5, "learning_rate": 0.2})], trials=2
    )
    file = tmp_path / "best.py"
    file.write_text(export_program(study, file="best.py"))
    monkeypatch.setattr(sys, "argv", [str(file)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(file), run_name="__main__")
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"validation: {study.best_value:.9g} (was {study.best_value:.9g})")
    monkeypatch.setattr(sys, "argv", [str(file), str(tmp_path / "gone.csv")])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(file), run_name="__main__")
    assert ended.value.code == 2
    assert "is no file" in capsys.readouterr().err
    with pytest.raises(StudyError, match="Trial 9 of the study has not finished"):
        export_program(study, trial=9)
