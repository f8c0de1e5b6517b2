"""`LLMSampler` in real Optuna studies, with models that are functions."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from tunewise import Caps, Categorical, Float, History, Int, LLMSampler, SamplerOptions, SearchSpace, Task, attributes
from tunewise.errors import BudgetReached, ModelUnavailable, ModelUnusable, StudyError, UsageError
from tunewise.models import ChatRequest, FunctionModel, ScriptedModel
from tunewise.proposers import ProposalContext
from tunewise.record import Proposal
from tunewise.task import Direction

AT_ONCE = SamplerOptions(default=False)
"""The model from the first trial on."""

FOREVER = SamplerOptions(max_fallbacks=None)
"""However often it does without the model."""

SPACE = SearchSpace({"x": Float(0, 1), "y": Float(0, 1)})
TREE = SearchSpace({"kernel": Categorical(["rbf", "linear"]), "gamma": Float(0, 1, when={"kernel": "rbf"})})


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(optuna.logging.INFO)


@pytest.fixture(params=["memory", "journal"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], BaseStorage]:
    """Opens one storage; the journal anew each time, as another process would."""
    memory = InMemoryStorage()
    return lambda: memory if request.param == "memory" else journal(tmp_path)


def journal(folder: Path) -> BaseStorage:
    return JournalStorage(JournalFileBackend(str(folder / "study.journal")))


def open_study(storage: BaseStorage | None, sampler: LLMSampler, direction: Direction = "minimize") -> optuna.Study:
    return optuna.create_study(
        storage=storage, sampler=sampler, study_name="s", load_if_exists=True, direction=direction
    )


def answers(turn: int, schema: dict[str, Any]) -> Any:
    """An allowed value, another one each turn."""
    if "enum" in schema:
        return schema["enum"][turn % len(schema["enum"])]
    share = (0.1 + turn * 0.6180339887498949) % 1
    value = schema["minimum"] + share * (schema["maximum"] - schema["minimum"])
    return value if "number" in schema["type"] else round(value)


def good(start: int = 0) -> FunctionModel:
    """Answers every request with allowed values, other ones from another start."""

    def reply(request: ChatRequest) -> str:
        assert request.schema is not None
        return json.dumps(
            {name: answers(start + len(model.requests), s) for name, s in request.schema["properties"].items()}
        )

    model = FunctionModel(reply)
    return model


def useless() -> FunctionModel:
    return FunctionModel(lambda request: "I would rather talk about the weather.")


def bowl(trial: optuna.Trial) -> float:
    return trial.suggest_float("x", 0, 1) ** 2 + trial.suggest_float("y", 0, 1) ** 2


def branching(trial: optuna.Trial) -> float:
    """Never heard of tunewise."""
    if trial.suggest_categorical("kernel", ["rbf", "linear"]) == "rbf":
        return trial.suggest_float("gamma", 0, 1)
    return float(trial.suggest_int("depth", 1, 9))


def proposal(trial: optuna.trial.FrozenTrial) -> dict[str, Any]:
    return dict(trial.user_attrs[attributes.PROPOSAL])


def test_a_study_of_somebody_who_never_heard_of_tunewise(storage: Callable[[], BaseStorage]) -> None:
    sampler = LLMSampler(good(), proposer="compressed")
    study = open_study(storage(), sampler)
    study.optimize(bowl, n_trials=3)
    asked = [list(r.schema["properties"]) for r in sampler.model.requests if r.schema]  # type: ignore[attr-defined]
    assert asked == [["x"], ["y"], ["x", "y"], ["x", "y"]]
    for trial in study.trials:
        assert proposal(trial)["source"] == "model"
        assert proposal(trial)["configuration"] == trial.params
    assert 'Already fixed in this trial: {"x"' in sampler.model.requests[1].messages[-1].content  # type: ignore[attr-defined]
    assert json.loads(proposal(study.trials[0])["reply"]) == pytest.approx(study.trials[0].params, rel=1e-4)


def test_parameters_that_exist_sometimes(storage: Callable[[], BaseStorage]) -> None:
    sampler = LLMSampler(good(), proposer="compressed")
    study = open_study(storage(), sampler)
    study.optimize(branching, n_trials=6)
    assert all(t.state == TrialState.COMPLETE for t in study.trials)
    assert all(proposal(t)["source"] == "model" for t in study.trials)
    assert {len(t.params) for t in study.trials} == {2}
    assert {t.params["kernel"] for t in study.trials} == {"rbf", "linear"}


def test_a_space_with_conditions() -> None:
    sampler = LLMSampler(good(), space=TREE, proposer="compressed")
    study = open_study(None, sampler)
    study.optimize(lambda trial: float(len(TREE.suggest(trial))), n_trials=4)
    for trial in study.trials:
        assert TREE.accepts(trial.params)
        assert proposal(trial)["configuration"] == trial.params


def test_a_pruner() -> None:
    def learning(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        for step in range(3):
            trial.report(x, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return x

    model = good()
    pruner = optuna.pruners.MedianPruner(n_startup_trials=2)
    study = optuna.create_study(sampler=LLMSampler(model, proposer="compressed"), pruner=pruner)
    study.optimize(learning, n_trials=8)
    assert {t.state for t in study.trials} == {TrialState.COMPLETE, TrialState.PRUNED}
    assert "stopped early after step" in model.requests[-1].messages[-1].content


def test_two_at_a_time() -> None:
    model = good()
    study = open_study(None, LLMSampler(model, space=SPACE, proposer="compressed"))
    study.optimize(bowl, n_trials=8, n_jobs=2)
    assert [t.state for t in study.trials] == [TrialState.COMPLETE] * 8
    assert len(model.requests) == 8
    assert len({tuple(t.params.items()) for t in study.trials}) == 8


def test_pending_trials_are_told_when_asked_for_several() -> None:
    model = good()
    study = open_study(None, LLMSampler(model, space=SPACE, proposer="compressed"))
    trials = [study.ask(SPACE.distributions) for _ in range(3)]
    assert "Being evaluated now" not in model.requests[0].messages[-1].content
    assert model.requests[2].messages[-1].content.count('"x": 0.') == 2
    assert "Give the next configuration" in model.requests[1].messages[-1].content
    for trial in trials:
        study.tell(trial, 1.0)


def test_enqueued_trials() -> None:
    model = good()
    study = open_study(None, LLMSampler(model, space=SPACE, proposer="compressed"))
    study.enqueue_trial({"x": 0.25, "y": 0.75})
    study.enqueue_trial({"x": 0.25})
    study.optimize(bowl, n_trials=3)
    full, part, free = History.from_study(study)
    assert (full.source, full.configuration) == ("enqueued", {"x": 0.25, "y": 0.75})
    assert (part.source, part.configuration["x"]) == ("model", 0.25)
    assert [list(r.schema["properties"]) for r in model.requests if r.schema] == [["y"], ["x", "y"]]
    assert '"x": 0.25' in model.requests[0].messages[-1].content
    assert free.source == "model"


def test_what_is_enqueued_is_told_when_asked_one_by_one() -> None:
    model = good()
    study = open_study(None, LLMSampler(model, proposer="compressed"))
    study.enqueue_trial({"y": 0.25})
    study.optimize(bowl, n_trials=1)
    (request,) = model.requests
    assert 'Already fixed in this trial: {"y": 0.25}' in request.messages[-1].content


def test_what_is_enqueued_decides_what_is_asked() -> None:
    model = good()
    study = open_study(None, LLMSampler(model, space=TREE, proposer="compressed"))
    study.enqueue_trial({"kernel": "linear"})
    assert TREE.suggest(study.ask()) == {"kernel": "linear"}
    assert not model.requests


def test_nonsense_in_the_queue_disturbs_nobody_else() -> None:
    study = open_study(None, LLMSampler(good(), space=SPACE, proposer="compressed"))
    study.enqueue_trial({"x": "abc", "y": [1]})
    waiting, free = study.ask(), study.ask(SPACE.distributions)
    assert (waiting.number, free.number) == (0, 1)
    assert proposal(study.trials[1])["source"] == "model"


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_the_direction_is_the_studys(direction: Direction) -> None:
    model = good()
    study = open_study(None, LLMSampler(model, proposer="compressed"), direction)
    study.optimize(bowl, n_trials=1)
    assert (
        f"The goal is the {'low' if direction == 'minimize' else 'high'}est" in model.requests[0].messages[-1].content
    )


def test_two_directions_are_an_error() -> None:
    study = open_study(None, LLMSampler(good(), space=SPACE, task=Task(direction="maximize"), proposer="compressed"))
    with pytest.raises(StudyError, match="The task says maximize, but the study has direction minimize"):
        study.ask(SPACE.distributions)


@pytest.mark.parametrize("seed", [0, 12345, np.int64(7)])
def test_the_same_seed_gives_the_same_study(seed: int) -> None:
    def run(seed: int | None, trials: int) -> list[dict[str, Any]]:
        study = open_study(None, LLMSampler(proposer="random", seed=seed))
        study.optimize(bowl, n_trials=trials)
        return [t.params for t in study.trials]

    assert run(seed, 4) == run(seed, 4)
    assert run(seed, 4)[:2] == run(seed, 2)
    assert run(seed, 2) != run(1, 2)
    assert run(None, 2) != run(None, 2)


def test_a_default_goes_first_and_costs_nothing() -> None:
    space = SearchSpace({"x": Float(0, 1, default=0.5), "y": Float(0, 1, default=0.25)})
    model = good()
    study = open_study(None, LLMSampler(model, space=space, proposer="compressed"))
    study.optimize(bowl, n_trials=2)
    assert [proposal(t)["source"] for t in study.trials] == ["default", "model"]
    assert len(model.requests) == 1
    study = open_study(None, LLMSampler(good(), space=space, options=AT_ONCE, proposer="compressed"))
    study.optimize(bowl, n_trials=1)
    assert proposal(study.trials[0])["source"] == "model"


class Crash(BaseException):
    """The power goes off."""


def test_what_was_paid_is_not_paid_again(storage: Callable[[], BaseStorage]) -> None:
    """Killed after a reply was recorded, and before it was read."""
    model = ScriptedModel(["Hello!", '{"x": 0.5, "y": 0.5}'])
    sampler = LLMSampler(model, space=SPACE, proposer="compressed")
    study = open_study(storage(), sampler)

    def crash(*args: object) -> None:
        raise Crash

    sampler._store = crash  # type: ignore[method-assign, assignment]
    with pytest.raises(Crash):
        study.ask(SPACE.distributions)
    assert len(model.requests) == 2

    again = open_study(storage(), LLMSampler(ScriptedModel([], name="scripted"), space=SPACE, proposer="compressed"))
    again._storage.set_trial_state_values(again.trials[0]._trial_id, state=TrialState.WAITING)
    trial = again.ask(SPACE.distributions)
    assert (trial.number, trial.params) == (0, {"x": 0.5, "y": 0.5})
    assert proposal(again.trials[0])["refused"] == ["The reply holds no JSON object."]
    assert sum(key.startswith(attributes.CALL) for key in again.trials[0].system_attrs) == 2


def test_what_was_proposed_is_not_proposed_again(storage: Callable[[], BaseStorage]) -> None:
    """Killed after the proposal was stored, and before or halfway through the parameters."""
    study = open_study(
        storage(), LLMSampler(ScriptedModel(['{"x": 0.5, "y": 0.25}']), space=SPACE, proposer="compressed")
    )
    study.ask().suggest_float("x", 0, 1)
    again = open_study(storage(), LLMSampler(ScriptedModel([]), space=SPACE, proposer="compressed"))
    again._storage.set_trial_state_values(again.trials[0]._trial_id, state=TrialState.WAITING)
    trial = again.ask()
    assert (trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)) == (0.5, 0.25)
    again.tell(trial, 1.0)
    assert History.from_study(again)[0].source == "model"


def test_one_by_one_and_interrupted(storage: Callable[[], BaseStorage]) -> None:
    study = open_study(storage(), LLMSampler(ScriptedModel(['{"x": 0.5}']), proposer="compressed"))
    study.ask().suggest_float("x", 0, 1)
    again = open_study(storage(), LLMSampler(ScriptedModel(['{"y": 0.25}']), proposer="compressed"))
    again._storage.set_trial_state_values(again.trials[0]._trial_id, state=TrialState.WAITING)
    trial = again.ask()
    assert (trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)) == (0.5, 0.25)
    assert proposal(again.trials[0])["configuration"] == {"x": 0.5, "y": 0.25}


def test_caps_are_the_studys(storage: Callable[[], BaseStorage]) -> None:
    for start in (0, 10):  # two processes
        study = open_study(
            storage(), LLMSampler(good(start), space=SPACE, caps=Caps(max_calls=4), proposer="compressed")
        )
        study.optimize(bowl, n_trials=2)
    model = good()
    sampler = LLMSampler(model, space=SPACE, caps=Caps(max_calls=4), proposer="compressed")
    study = open_study(storage(), sampler)
    with pytest.raises(BudgetReached, match="4 is spent"):
        study.optimize(bowl, n_trials=1)
    assert not model.requests
    assert sampler.totals.calls == 4
    study = open_study(storage(), LLMSampler(good(20), space=SPACE, caps=Caps(max_calls=5), proposer="compressed"))
    study.optimize(bowl, n_trials=1)
    assert sum(t.state == TrialState.COMPLETE for t in study.trials) == 5


def test_a_failed_call_is_recorded_and_made_again() -> None:
    model = ScriptedModel([ModelUnavailable("503"), '{"x": 0.5, "y": 0.5}'])
    study = open_study(None, LLMSampler(model, space=SPACE, proposer="compressed"))
    study.optimize(bowl, n_trials=2)
    assert [proposal(t)["source"] for t in study.trials] == ["random", "model"]
    (call,) = (v for k, v in study.trials[0].system_attrs.items() if k.startswith(attributes.CALL))
    assert call["error"] == "ModelUnavailable: 503"
    assert "Reply with one JSON object" in call["prompt"]


def test_fallbacks_are_told_marked_and_end_optimize(caplog: pytest.LogCaptureFixture) -> None:
    study = open_study(None, LLMSampler(useless(), space=SPACE, seed=0, proposer="compressed"))
    with caplog.at_level(logging.WARNING, "tunewise"):
        study.optimize(bowl, n_trials=10)
    assert len(study.trials) == 3
    assert all(t.state == TrialState.COMPLETE for t in study.trials)
    assert all(proposal(t)["source"] == "random" and proposal(t)["fallback"] for t in study.trials)
    messages = [r.getMessage() for r in caplog.records]
    assert messages[0].startswith("Trial 0 is random, not the model's: 4 replies could not be used")
    assert "The study stops. The last 3 trials had to do without the model function" in messages[-1]
    study.sampler = LLMSampler(good(), space=SPACE, proposer="compressed")
    study.optimize(bowl, n_trials=2)
    assert [t.state for t in study.trials] == [TrialState.COMPLETE] * 5


def test_fallbacks_end_ask_and_tell_once() -> None:
    sampler = LLMSampler(useless(), space=SPACE, proposer="compressed")
    study = open_study(None, sampler)
    for _ in range(3):
        study.tell(study.ask(SPACE.distributions), 1.0)
    with pytest.raises(ModelUnusable, match="had to do without the model function"):
        study.ask(SPACE.distributions)
    study.tell(study.ask(SPACE.distributions), 1.0)
    assert sum(t.state == TrialState.COMPLETE for t in study.trials) == 4


def test_fallbacks_are_counted_by_trial() -> None:
    """Three parameters asked for one by one are one trial, which is not broken off halfway."""
    study = open_study(None, LLMSampler(useless(), options=SamplerOptions(max_fallbacks=2), proposer="compressed"))
    study.optimize(lambda t: sum(t.suggest_float(n, 0, 1) for n in "abcd"), n_trials=5)
    assert [t.state for t in study.trials] == [TrialState.COMPLETE] * 2
    assert proposal(study.trials[0])["configuration"] == study.trials[0].params


def test_one_good_reply_ends_a_row_of_fallbacks() -> None:
    bad = ["no"] * 4
    replies = [*bad, *bad, '{"x": 0.1, "y": 0.1}', *bad, *bad, '{"x": 0.2, "y": 0.2}']
    study = open_study(None, LLMSampler(ScriptedModel(replies), space=SPACE, proposer="compressed"))
    study.optimize(bowl, n_trials=6)
    assert [proposal(t)["source"] for t in study.trials] == ["random", "random", "model"] * 2


def test_fallbacks_may_be_allowed() -> None:
    study = open_study(None, LLMSampler(useless(), space=SPACE, options=FOREVER, proposer="compressed"))
    study.optimize(bowl, n_trials=5)
    assert len(study.trials) == 5


def test_a_sampler_may_serve_two_studies_of_one_name() -> None:
    model = good()
    sampler = LLMSampler(model, space=SPACE, proposer="compressed")
    open_study(None, sampler).optimize(bowl, n_trials=2)
    open_study(None, sampler).optimize(bowl, n_trials=1)
    assert "Give the first configuration" in model.requests[-1].messages[-1].content


def test_a_failed_objective_is_told() -> None:
    def broken(trial: optuna.Trial) -> float:
        bowl(trial)
        raise ValueError

    model = good()
    study = open_study(None, LLMSampler(model, space=SPACE, proposer="compressed"))
    study.optimize(broken, n_trials=2, catch=(ValueError,))
    assert "The latest trial failed" in model.requests[1].messages[-1].content


def test_an_own_proposer() -> None:
    from tunewise.proposers import Compressed, Proposing

    seen: list[ProposalContext] = []

    class Careful:
        name = "careful"
        needs_model = True

        def propose(self, context: ProposalContext) -> Proposing:
            seen.append(context)
            return (yield from Compressed().propose(context))

    study = open_study(None, LLMSampler(good(), space=SPACE, proposer=Careful(), task=Task(budget=2)))
    study.optimize(bowl, n_trials=2)
    assert [ask.last for ask in seen] == [False, True]
    assert [len(ask.history) for ask in seen] == [0, 1]


def test_wrong_arguments() -> None:
    with pytest.raises(
        StudyError, match=r"proposer = 'magic' is unknown\. The proposers are auto, compressed, chat, random"
    ):
        LLMSampler(good(), proposer="magic")
    with pytest.raises(StudyError, match=r"space = .* is no SearchSpace"):
        LLMSampler(good(), space={"x": Float(0, 1)}, proposer="compressed")  # type: ignore[arg-type]
    with pytest.raises(StudyError, match="seed = -1 is not a whole number of at least 0"):
        LLMSampler(good(), seed=-1, proposer="compressed")
    with pytest.raises(StudyError, match="max_fallbacks = 0 is not a whole number of at least 1"):
        LLMSampler(good(), options=SamplerOptions(max_fallbacks=0), proposer="compressed")
    with pytest.raises(StudyError, match="No model was given"):
        LLMSampler(proposer="compressed")


def test_joining_what_was_asked_one_by_one() -> None:
    x = Proposal(configuration={"x": 1}, source="model", reply='{"x": 1}', refused=("a",))
    y = Proposal(configuration={"y": 9}, source="repair", reply='{"y": 99}', repairs=("y",), refused=("b",))
    lost = Proposal(configuration={"z": 3}, source="random", fallback="no reply")
    assert Proposal().joined(x) == x
    assert Proposal(source="enqueued").joined(x) == x
    for first, second in ((x, y), (y, x)):
        both = first.joined(second)
        assert (both.source, both.repairs, sorted(both.refused)) == ("repair", ("y",), ["a", "b"])
        assert json.loads(both.reply) == both.configuration == {"x": 1, "y": 9}
    for first, second in ((x, lost), (lost, x)):
        both = first.joined(second)
        assert (both.source, both.fallback) == ("random", "no reply")
        assert both.configuration == {"x": 1, "z": 3}


def test_a_preview_is_of_the_trial_that_waits() -> None:
    """After a cap was reached, the next trial is the one that is queued without a configuration."""
    sampler = LLMSampler(good(), space=SPACE, task=Task(budget=2), seed=0, proposer="compressed")
    study = open_study(None, sampler)
    study.tell(study.ask(SPACE.distributions), 1.0)
    waiting = study.ask()
    study._storage.set_trial_state_values(waiting._trial_id, state=TrialState.WAITING)
    request = sampler.preview(study)
    assert request is not None
    assert "This is the last try." in request.messages[-1].content
    study._storage.set_trial_state_values(study.ask()._trial_id, state=TrialState.FAIL)
    first = LLMSampler(good(), space=SPACE, task=Task(budget=3), seed=0, proposer="compressed")
    again = first.preview(study)
    assert again is not None
    assert "This is the last try." in again.messages[-1].content


def test_what_is_no_model_is_refused_at_once() -> None:
    with pytest.raises(UsageError, match="model = 3 is neither a name nor a ChatModel"):
        LLMSampler(3, proposer="compressed")  # type: ignore[arg-type]


def test_workers_that_are_asked_at_the_same_moment_do_not_collide() -> None:
    """While this worker's model answers, another process proposes the same, and begins."""
    said = iter(['{"x": 0.25, "y": 0.5}', '{"x": 0.75, "y": 0.5}'])
    distributions = SPACE.distributions

    def reply(request: ChatRequest) -> str:
        answer = next(said)
        if "0.25" in answer:
            other = study._storage.create_new_trial(study._study_id)
            study._storage.set_trial_user_attr(
                other, attributes.PROPOSAL, {"configuration": {"x": 0.25, "y": 0.5}, "source": "model"}
            )
            for name, value in (("x", 0.25), ("y", 0.5)):
                study._storage.set_trial_param(other, name, value, distributions[name])
        else:
            assert '{"x": 0.25, "y": 0.5}' in request.messages[-1].content
        return answer

    study = open_study(None, LLMSampler(FunctionModel(reply), space=SPACE, seed=0, proposer="compressed"))
    trial = study.ask(distributions)
    assert trial.params == {"x": 0.75, "y": 0.5}
    assert study.trials[0].user_attrs[attributes.PROPOSAL]["source"] == "model"


@pytest.mark.parametrize("proposer", ["random", "auto"])
def test_forty_asks_at_once_are_distinct_and_say_nothing(proposer: str, capfd: pytest.CaptureFixture[str]) -> None:
    space = SearchSpace({"a": Int(1, 8), "b": Categorical(list("abcdef"))})
    study = optuna.create_study(sampler=LLMSampler(space=space, proposer=proposer, seed=1))
    capfd.readouterr()
    with ThreadPoolExecutor(40) as executor:
        asked = executor.map(lambda _: tuple(sorted(space.suggest(study.ask()).items())), range(40))
        assert len(set(asked)) == 40  # of 48
    assert capfd.readouterr() == ("", "")  # a linear algebra without a value complains there
