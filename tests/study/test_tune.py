"""`tune`: executors, resuming, changed spaces, storages, caps, other samplers, and what a watch is told."""

from __future__ import annotations

import json
import threading
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from support.forms import in_short
from support.waiting import meet
from support.whole_paths import (
    OBJECTIVE,
    SPACE,
    Answers,
    InProcess,
    answering,
    assert_paragraph,
    nth,
    space,
    write_study,
)
from tunewise.errors import BudgetReached, ModelUnusable, StudyError
from tunewise.history import History, TrialRecord
from tunewise.llm.base import ChatReply, ChatRequest
from tunewise.llm.ledger import Caps
from tunewise.llm.openai import OpenAIModel
from tunewise.llm.prices import Price
from tunewise.llm.scripted import FunctionModel, ScriptedModel
from tunewise.sampler import LLMSampler
from tunewise.space import Configuration, SearchSpace
from tunewise.study.options import TuneOptions
from tunewise.study.storage import open_study
from tunewise.study.tune import tune
from tunewise.task import Task
from tunewise.testing.server import FaultServer, reply


def replies(first: int = 0, n: int = 30) -> list[str]:
    """Proposals that differ."""
    return [json.dumps(nth(k)) for k in range(first, first + n)]


def value_of(configuration: dict[str, Any]) -> float:
    return float(configuration["C"])


class Meeting:
    """An objective whose first two evaluations end only when both have begun."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __call__(self, configuration: dict[str, Any]) -> float:
        if configuration["n"] <= 2:
            meet(self.place, str(configuration["n"]), 2)
        return value_of(configuration)


@pytest.mark.long
def test_two_workers_run_at_the_same_time_and_the_model_knows(tmp_path: Path) -> None:
    model = ScriptedModel(replies())
    study = tune(Meeting(tmp_path), space(), model=model, n_trials=4, n_jobs=2, proposer="compressed")
    assert [t.state for t in History.from_study(study)] == ["finished"] * 4
    assert "Being evaluated now" not in model.requests[0].messages[-1].content
    assert 'Being evaluated now, with results not known yet:\n{"C": 0.02, "n": 1}' in (
        model.requests[1].messages[-1].content
    )


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_any_executor(kind: type[Executor], tmp_path: Path) -> None:
    made = (
        ThreadPoolExecutor(2)
        if kind is ThreadPoolExecutor
        else ProcessPoolExecutor(2, mp_context=__import__("multiprocessing").get_context("forkserver"))
    )
    with made as executor:
        study = tune(
            Meeting(tmp_path),
            space(),
            model=ScriptedModel(replies()),
            n_trials=4,
            n_jobs=2,
            proposer="compressed",
            options=TuneOptions(executor=executor),
        )
        assert executor.submit(int, 3).result() == 3  # it is the caller's, and still open
    trials = History.from_study(study)
    assert [(t.configuration, t.state) for t in trials] == [(nth(k), "finished") for k in range(4)]


def test_a_broken_executor_fails_trials_with_its_reason() -> None:
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    storage = optuna.storages.InMemoryStorage()
    with pytest.raises(RuntimeError, match="shutdown"):
        tune(
            value_of,
            space(),
            proposer="random",
            n_trials=2,
            n_jobs=2,
            storage=storage,
            options=TuneOptions(executor=executor),
        )
    study = tune(value_of, space(), proposer="random", n_trials=2, storage=storage)
    assert [t.state for t in History.from_study(study)] == ["finished"] * 2


@pytest.mark.parametrize("address", in_short(["{}/x.journal", None], ["{}/x.journal", "sqlite:///{}/x.db", None]))
def test_a_study_goes_on_with_more_trials(address: str | None, tmp_path: Path) -> None:
    storage: Any = address.format(tmp_path) if address else optuna.storages.InMemoryStorage()
    model = ScriptedModel(replies())
    first = tune(value_of, space(), model=model, n_trials=3, storage=storage, proposer="compressed")
    before = History.from_study(first).trials
    assert len(before) == 3
    study = tune(value_of, space(), model=model, n_trials=5, storage=storage, proposer="compressed")
    assert History.from_study(study).trials[:3] == before
    assert [t.configuration for t in History.from_study(study)] == [nth(k) for k in range(5)]
    assert '"C": 2.02' in model.requests[3].messages[-1].content
    same = tune(value_of, space(), model=model, n_trials=4, storage=storage, proposer="compressed")
    assert len(same.trials) == 5
    assert len(model.requests) == 5  # as many as were asked for are there: nothing is run


def test_a_space_may_change_its_ranges_but_not_its_choices() -> None:
    storage = optuna.storages.InMemoryStorage()
    plain: dict[str, Any] = {**SPACE, "kernel": {"type": "categorical", "choices": ["rbf", "linear"]}}
    tune(value_of, plain, proposer="random", n_trials=3, storage=storage)
    wider = {**plain, "C": {**SPACE["C"], "high": 1e6}}
    study = tune(value_of, wider, proposer="random", n_trials=6, storage=storage)
    assert len(study.trials) == 6
    for changed in ({**plain["kernel"], "choices": ["rbf", "poly"]}, {"type": "int", "low": 0, "high": 1}):
        with pytest.raises(StudyError, match="begun with another kernel"):
            tune(value_of, {**plain, "kernel": changed}, proposer="random", n_trials=7, storage=storage)
    with pytest.raises(StudyError, match="begun with direction minimize"):
        tune(value_of, wider, task=Task(direction="maximize"), proposer="random", n_trials=7, storage=storage)
    more = {**wider, "degree": {"type": "int", "low": 2, "high": 5, "default": 3}}
    assert "degree" in tune(value_of, more, proposer="random", n_trials=7, storage=storage).trials[6].params


@pytest.mark.parametrize(
    "wrong", [{"n_trials": 0}, {"n_trials": True}, {"n_trials": 2.5}, {"n_jobs": 0}, {"n_jobs": "2"}]
)
def test_wrong_numbers(wrong: dict[str, Any]) -> None:
    with pytest.raises(StudyError, match="is not a whole number of at least 1"):
        tune(value_of, space(), proposer="random", **wrong)


def test_no_model_and_unknown_proposer() -> None:
    with pytest.raises(StudyError, match="No model was given"):
        tune(value_of, space(), n_trials=1, proposer="compressed")
    with pytest.raises(StudyError, match="'guess' is unknown"):
        tune(value_of, space(), proposer="guess", n_trials=1)


def test_storages_that_cannot_be_opened(tmp_path: Path) -> None:
    texts = {"line.txt": "precious: text\n", "torn.txt": "precious", "json.txt": '{"precious": 1}\n'}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    storages: list[str | Path] = [
        "nosuchdb://x/y",
        "sqlite:////nowhere/at/all/x.db",
        *(tmp_path / name for name in texts),
    ]
    for storage in storages:
        with pytest.raises(StudyError, match="cannot be opened"):
            tune(value_of, space(), proposer="random", n_trials=1, storage=storage)
    assert {name: (tmp_path / name).read_text() for name in texts} == texts


def test_a_sampler_of_optuna() -> None:
    sampler = optuna.samplers.TPESampler(seed=0, n_startup_trials=2)
    study = tune(value_of, space(), sampler=sampler, n_trials=5)
    assert [(t.state, t.source) for t in History.from_study(study)] == [("finished", "unknown")] * 5


def counted(_: ChatRequest) -> ChatReply:
    counted.made += 1  # type: ignore[attr-defined]
    return ChatReply(
        text=replies()[counted.made - 1],  # type: ignore[attr-defined]
        model="counted",
        input_tokens=100,
        output_tokens=20,
    )


@pytest.mark.parametrize(
    ("caps", "higher", "calls"),
    [
        (Caps(max_calls=2), Caps(max_calls=4), 2),
        (Caps(max_calls=0), Caps(max_calls=4), 0),
        (Caps(max_tokens=2_900), Caps(max_tokens=9_000), None),
        (Caps(max_usd=0.0029), Caps(max_usd=0.009), None),
    ],
)
def test_a_cap_stops_before_the_call_that_could_exceed_it(caps: Caps, higher: Caps, calls: int | None) -> None:
    counted.made = 0  # type: ignore[attr-defined]
    model = FunctionModel(counted)
    storage = optuna.storages.InMemoryStorage()

    def limited(caps: Caps) -> LLMSampler:
        return LLMSampler(model, space=space(), caps=caps, price=Price(1, 1), seed=0, proposer="compressed")

    sampler = limited(caps)
    with pytest.raises(BudgetReached, match="It was not made"):
        tune(value_of, space(), sampler=sampler, n_trials=4, storage=storage)
    made = len(model.requests)
    assert sampler.totals.calls == made < 4
    assert calls is None or made == calls
    assert sampler.totals.input_tokens + sampler.totals.output_tokens == 120 * made
    if caps.max_tokens:
        assert 120 * made <= caps.max_tokens < 120 * made + 2048 + 1500
        assert made > 0
    if caps.max_usd:
        assert sampler.totals.cost_usd == pytest.approx(120e-6 * made)
        assert made > 0
    with pytest.raises(BudgetReached):  # a new process knows what was spent
        tune(value_of, space(), sampler=limited(caps), n_trials=4, storage=storage)
    assert len(model.requests) == made
    again = limited(higher)
    study = tune(value_of, space(), sampler=again, n_trials=4, storage=storage)
    assert again.totals.calls == len(model.requests) == 4
    assert [(t.number, t.state, t.source) for t in History.from_study(study)] == [
        (k, "finished", "model") for k in range(4)
    ]


def test_running_trials_are_finished_before_a_cap_ends_the_study(tmp_path: Path) -> None:
    storage = optuna.storages.InMemoryStorage()
    with pytest.raises(BudgetReached):
        tune(
            Meeting(tmp_path),
            space(),
            model=ScriptedModel(replies()),
            n_trials=4,
            n_jobs=2,
            storage=storage,
            proposer="compressed",
            options=TuneOptions(caps=Caps(max_calls=2)),
        )
    kept = History.from_study(optuna.load_study(study_name="tunewise", storage=storage))
    assert [t.state for t in kept] == ["finished", "finished", "waiting"]


def test_the_command_ends_with_3_at_a_cap(tmp_path: Path, cli: InProcess) -> None:
    with FaultServer(then=answering()) as server:
        model = {
            "name": "capped",
            "base_url": server.base_url,
            "price": {"input_usd_per_million": 2.5, "output_usd_per_million": 10},
        }
        file = write_study(tmp_path, objective=OBJECTIVE, n_trials=4, model=model, caps={"max_calls": 2})
        ended = cli("tune", file, "-q")
        assert_paragraph(ended, 3, "max_calls = 2", "It was not made", "Raise the cap")
        assert len(server.received) == 2
        assert "Best: loss" in ended.out
        assert f"cost: ${2 * (40 * 2.5 + len(json.dumps(nth(0))) // 4 * 10) / 1e6:.4f}" in ended.out
        assert_paragraph(cli("tune", file, "-q", "--max-calls", 9, "--max-usd", 1e-7), 3, "max_usd")
        assert cli("tune", file, "-q", "--max-calls", "4").code == 0
        assert len(server.received) == 4
        unpriced = ("--model", "unpriced", "--base-url", server.base_url, "--n-trials", 5, "--max-usd", 1)
        assert_paragraph(cli("tune", file, "-q", *unpriced), 2, "price", "unknown")


def test_enqueued_trials_are_honoured_whole_and_in_part() -> None:
    storage = optuna.storages.InMemoryStorage()
    study = optuna.create_study(study_name="tunewise", storage=storage)
    study.enqueue_trial({"C": 7.0, "n": 7})
    study.enqueue_trial({"C": 50.0})
    model = ScriptedModel(['{"n": 9}', *replies()])
    told = tune(value_of, space(), model=model, n_trials=3, storage=storage, proposer="compressed")
    trials = History.from_study(told).trials
    assert [t.configuration for t in trials] == [{"C": 7.0, "n": 7}, {"C": 50.0, "n": 9}, nth(0)]
    assert [t.source for t in trials] == ["enqueued", "model", "model"]
    assert 'Already fixed in this trial: {"C": 50}' in model.requests[0].messages[-1].content


class Watching:
    """Notes what it is told, and in which thread."""

    def __init__(self) -> None:
        self.events: list[tuple[str, int, str]] = []
        self.threads: set[int] = set()
        self.best: list[float | None] = []

    def proposed(self, trial: TrialRecord) -> None:
        self.events.append(("proposed", trial.number, trial.source))
        self.threads.add(threading.get_ident())
        assert trial.configuration
        assert trial.state == "running"

    def reported(self, number: int, step: int, value: float) -> None:
        self.events.append(("reported", number, f"{step}: {value:g}"))

    def told(self, trial: TrialRecord, history: History) -> None:
        self.events.append(("told", trial.number, trial.state))
        self.threads.add(threading.get_ident())
        assert history[trial.number] == trial
        self.best.append(history.best.value if history.best else None)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_watch_is_told_of_everything(workers: int) -> None:
    def objective(configuration: dict[str, Any]) -> float:
        if configuration["n"] == 1:
            raise ValueError("first")
        return -float(configuration["C"])

    watch = Watching()
    tune(
        objective,
        space(),
        model=ScriptedModel(replies()),
        n_trials=3,
        n_jobs=workers,
        proposer="compressed",
        options=TuneOptions(callbacks=[watch]),
    )
    assert len(watch.events) == 6
    for k, state in enumerate(["failed", "finished", "finished"]):
        assert watch.events.index(("proposed", k, "model")) < watch.events.index(("told", k, state))
    assert watch.threads == {threading.get_ident()}
    assert watch.best[-1] == -2.02
    if workers == 1:
        assert watch.best == [None, -1.02, -2.02]


def test_a_watch_that_fails_leaves_the_trial_in_the_queue() -> None:
    class Broken(Watching):
        def proposed(self, trial: TrialRecord) -> None:
            raise OSError("no terminal")

    storage = optuna.storages.InMemoryStorage()
    model = ScriptedModel(replies())
    with pytest.raises(OSError, match="no terminal"):
        tune(
            value_of,
            space(),
            model=model,
            n_trials=2,
            storage=storage,
            proposer="compressed",
            options=TuneOptions(callbacks=[Broken()]),
        )
    study = tune(value_of, space(), model=model, n_trials=2, storage=storage, proposer="compressed")
    assert [t.configuration for t in History.from_study(study)] == [nth(0), nth(1)]
    assert len(model.requests) == 2


def test_the_default_comes_first_and_the_budget_is_told() -> None:
    plain: dict[str, Any] = {name: {**part, "default": 1} for name, part in SPACE.items()}
    model = ScriptedModel(replies(1))
    study = tune(value_of, plain, model=model, n_trials=2, proposer="compressed")
    assert [t.source for t in History.from_study(study)] == ["default", "model"]
    assert "There are 2 evaluations." in model.requests[0].messages[-1].content
    assert "This is the last try." in model.requests[0].messages[-1].content
    assert "(default)" in model.requests[0].messages[-1].content


def test_the_same_seed_gives_the_same_study_and_interruptions_do_not_matter() -> None:
    def run(*steps: int) -> list[Any]:
        storage = optuna.storages.InMemoryStorage()
        for trials in steps:
            study = tune(
                value_of, space(), proposer="random", n_trials=trials, storage=storage, options=TuneOptions(seed=5)
            )
        return [t.configuration for t in History.from_study(study)]

    assert run(6) == run(2, 3, 6)


def test_an_objective_may_be_an_evaluator_or_a_space_a_mapping(tmp_path: Path) -> None:
    from tunewise.evaluate import FunctionEvaluator

    study = tune(FunctionEvaluator(value_of), SPACE, proposer="random", n_trials=1, storage=tmp_path / "x.journal")
    assert SearchSpace.from_dict(study.user_attrs["tunewise:study"]["space"]) == space()
    assert open_study(tmp_path / "x.journal").best_value == study.best_value


def test_a_limit_beside_an_evaluator_is_refused() -> None:
    from tunewise.evaluate import FunctionEvaluator

    with pytest.raises(StudyError, match="FunctionEvaluator is an Evaluator, which has limits of its own"):
        tune(FunctionEvaluator(value_of), SPACE, proposer="random", n_trials=1, options=TuneOptions(timeout_s=5))


def test_what_an_objective_changes_in_its_argument_changes_nothing() -> None:
    def greedy(configuration: dict[str, Any]) -> float:
        value = float(configuration.pop("C"))
        configuration.clear()
        return value

    study = tune(greedy, space(), model=ScriptedModel(replies()), n_trials=2, proposer="compressed")
    assert [t.configuration for t in History.from_study(study)] == [nth(0), nth(1)]


def test_tokens_of_a_server_are_the_study_s() -> None:
    say = Answers()
    with FaultServer([say(json.dumps(nth(0))), reply(json.dumps(nth(1)), usage=False)]) as server:
        model = OpenAIModel("silent-on-usage", base_url=server.base_url, max_retries=0)
        sampler = LLMSampler(model, space=space(), price=Price(1, 1), proposer="compressed")
        tune(value_of, space(), sampler=sampler, n_trials=2)
        model.close()
    assert sampler.totals.uncounted_calls == 1
    assert sampler.totals.cost_usd is None
    assert sampler.totals.at_least_usd > 0


def test_a_missing_key_is_found_before_anything_is_trained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    trained: list[object] = []

    def objective(configuration: Configuration) -> float:
        trained.append(configuration)
        return 1.0

    with pytest.raises(ModelUnusable, match="OPENAI_API_KEY is not set"):
        tune(objective, space(), model="gpt-5", storage=tmp_path / "study.journal", proposer="compressed")
    assert not trained


def test_counts_may_be_integers_of_numpy() -> None:
    study = tune(value_of, space(), proposer="random", n_trials=np.int64(2), n_jobs=np.int8(1))  # type: ignore[arg-type]
    assert len(study.trials) == 2
    with pytest.raises(StudyError, match="n_trials = '3' is not a whole number"):
        tune(value_of, space(), n_trials="3")  # type: ignore[arg-type]
