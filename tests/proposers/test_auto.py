"""`auto`: every rule of the policy, driven by hand and in real studies."""

from __future__ import annotations

import json
import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import optuna
import pytest

from support.bowl import (
    BARE,
    DEFAULT,
    OPTIMUM,
    OPTIONS,
    SPACE,
    START,
    TASK,
    WORST,
    asked,
    bowl,
    by,
    offer,
    past,
    proposals,
    sources,
)
from support.playing import play, told
from tunewise import (
    Ask,
    Categorical,
    ChatRequest,
    Float,
    FunctionModel,
    History,
    LLMSampler,
    Proposal,
    SearchSpace,
    Task,
    TrialRecord,
)
from tunewise.errors import BudgetReached, ContextLimitExceeded, ModelUnavailable
from tunewise.history import CALL_KEY
from tunewise.llm.base import ChatModel, ChatReply
from tunewise.llm.ledger import Caps
from tunewise.proposers import AutoOptions, auto, auto_with
from tunewise.proposers.batch import unused
from tunewise.proposers.credit import fair_value, read_evidence, stale_for
from tunewise.space import NO_DEFAULT
from tunewise.testing.simulated import adversary, default_lover, expert, rambler, read_prompt, repeater, stale
from tunewise.tokens import estimate_tokens

LENIENT, STRICT = auto_with(AutoOptions(margin=math.inf)), auto_with(AutoOptions(margin=-math.inf))


def run(model: ChatModel | None, *, trials: int = 12, seed: int = 0, direction: Any = "minimize") -> optuna.Study:
    """A study with the bowl."""
    sampler = LLMSampler(model, space=SPACE, task=Task(budget=trials), proposer="auto", seed=seed)
    study = optuna.create_study(sampler=sampler, direction=direction)
    sign = 1 if direction == "minimize" else -1
    study.optimize(lambda trial: sign * bowl(SPACE.suggest(trial)), n_trials=trials)
    return study


# The first batch


def test_one_call_brings_a_batch_and_the_surrogate_orders_it() -> None:
    proposal, (request,) = play(auto, asked(*START), offer((0.001, 0.999), (0.7, 0.4), (0.5, 0.5)))
    assert proposal.configuration == {"x": 0.7, "y": 0.4}
    assert (proposal.source, proposal.reason, proposal.model, proposal.method) == ("model", "because", "m", "auto")
    assert [c["configuration"]["x"] for c in proposal.policy["offered"]] == [0.001, 0.7], "the default is not offered"
    assert proposal.policy["bar"] < proposal.policy["expected"]["mean"] + 1
    assert "repeats trial 0" in proposal.refused[0]
    assert "Give 4 different configurations" in told(request)
    assert "1 cautious, 2 balanced and 1 bold" in told(request)
    assert request.schema is not None
    assert request.schema["properties"]["candidates"]["maxItems"] == 4


@pytest.mark.parametrize(
    ("budget", "count"), [(None, "4 diff"), (30, "4 diff"), (9, "3 diff"), (4, "one conf"), (1, "one conf")]
)
def test_the_first_batch_is_at_most_a_third_of_the_budget(budget: int | None, count: str) -> None:
    _, (request,) = play(auto, asked(*START, task=Task(budget=budget)), offer((0.7, 0.4)))
    assert f"Give {count}" in told(request)


def test_differences_from_the_default_are_enough() -> None:
    reply = '{"candidates": [{"reason": "less y", "configuration": {"y": 0.25}}]}'
    proposal, _ = play(auto, asked(*START), reply)
    assert (proposal.configuration, proposal.reason) == ({"x": 0.5, "y": 0.25}, "less y")


@pytest.mark.parametrize(
    "reply", ['{"x": 0.7, "y": 0.4}', 'I think:\n{"x": 0.7}, then {"y": 0.3}', '[{"x": 0.7, "y": 0.4}]']
)
def test_a_model_may_answer_with_less_than_it_was_asked_for(reply: str) -> None:
    proposal, _ = play(auto, asked(*START), reply)
    assert proposal.source == "model"


def test_out_of_range_candidates_are_repaired_and_marked() -> None:
    proposal, _ = play(LENIENT, asked(*START), offer((0.7, -3)))
    assert (proposal.source, proposal.configuration) == ("repair", {"x": 0.7, "y": 0.0})
    assert proposal.repairs == ("y = -3 is below the lower bound 0; 0.0 was used",)


def test_before_anything_is_known_the_models_order_counts() -> None:
    proposal, _ = play(auto, asked(space=BARE), offer((0.9, 0.9), (0.4, 0.6)))
    assert proposal.configuration == {"x": 0.9, "y": 0.9}
    assert "bar" not in proposal.policy
    running = past(0, 0.9, 0.9, state="running", value=None, proposal=proposal.to_dict())
    proposal, requests = play(auto, asked(running, space=BARE))
    assert (proposal.source, proposal.configuration, requests) == ("model", {"x": 0.4, "y": 0.6}, [])


def test_one_value_says_too_little_to_vet_by() -> None:
    proposal, requests = play(auto, asked(DEFAULT))
    assert not requests
    assert proposal.source == "acquisition"


# Calls


def after_batch(*trials: TrialRecord) -> tuple[TrialRecord, ...]:
    """The default, then a trial in which the model's first batch was asked for, and others."""
    first = past(
        1, 0.7, 0.4, proposal=by("model", call="candidates", bar=0.3, offered=[{"configuration": {"x": 0.8, "y": 0.3}}])
    )
    return (DEFAULT, first, *trials)


def test_unused_candidates_come_before_new_calls() -> None:
    proposal, requests = play(auto, asked(*after_batch()))
    assert (proposal.source, proposal.configuration, requests) == ("model", {"x": 0.8, "y": 0.3}, [])


def test_what_was_tried_is_not_unused() -> None:
    ask = asked(*after_batch(past(2, 0.8, 0.3)))
    assert not unused(ask, most=9)
    assert [c.configuration["x"] for c in unused(asked(*after_batch()), most=9)] == [0.8]


def test_a_stored_candidate_of_another_space_is_left_out() -> None:
    foreign = past(
        1, 0.7, 0.4, proposal=by("model", call="candidates", offered=[{"configuration": {"x": 0.8, "z": 1}}])
    )
    assert not unused(asked(DEFAULT, foreign), most=9)


def test_a_candidate_far_below_the_best_acquisition_waits() -> None:
    many = [past(i, 0.2 + 0.05 * i, 0.2 + 0.05 * (i % 3)) for i in range(1, 12)]
    proposal, (request,) = play(auto, asked(DEFAULT, *many), offer((0.0, 1.0), (0.01, 0.98)))
    assert proposal.source == "acquisition"
    assert len(proposal.policy["offered"]) == 2
    stored = past(len(many) + 1, 0.4, 0.2, proposal=proposal.to_dict())
    trials = (DEFAULT, *many, stored)
    assert read_evidence(History(trials), OPTIONS).model[1] == 0, "the next decision may still want one"
    unwanted = read_evidence(History((*trials, past(len(trials), 0.41, 0.2))), OPTIONS)
    assert unwanted.model[1] == OPTIONS.unwanted
    wanted = past(len(trials), 0.01, 0.98, proposal=by("model", bar=9.0))
    assert read_evidence(History((*trials, wanted)), OPTIONS).model[1] == 0
    assert "It would try next" in told(request)
    assert "What a statistical model has learned" in told(request)


# Credit


def credit(*stored: dict[str, Any], values: Sequence[float] | None = None) -> float:
    """Of the model, after trials with these policies, all with value 0."""
    trials = [past(i, 0.5, value=(values or [0.0] * len(stored))[i], proposal=p) for i, p in enumerate(stored)]
    return read_evidence(History(tuple(trials)), OPTIONS).credit


GOOD, BAD = by("model", bar=1.0), by("model", bar=-1.0)


def test_credit_starts_high_and_follows_what_pays() -> None:
    assert credit() == 1.0
    assert credit(GOOD) == 1.0
    assert credit(BAD) < 0.5
    assert credit(BAD, BAD, BAD, BAD) < OPTIONS.least
    assert credit(BAD, GOOD) > credit(BAD)
    assert credit(GOOD, BAD) < credit(BAD, GOOD), "what is recent counts more"
    assert credit(by("repair", bar=-1.0)) == credit(BAD)


def test_credit_is_against_the_classical_picks() -> None:
    own_good, own_bad = by("acquisition", bar=1.0), by("acquisition", bar=-1.0)
    assert credit(BAD, own_good, own_good) < credit(BAD) < credit(BAD, own_bad, own_bad)


def test_wasted_calls_and_failures_are_evidence() -> None:
    assert credit(by("acquisition", wasted=1.0)) == credit(BAD)
    assert credit(by("acquisition", wasted=0.5)) > credit(BAD)
    failed = past(0, 0.5, state="failed", value=None, proposal=GOOD)
    assert read_evidence(History((failed,)), OPTIONS).credit == credit(BAD)
    infinite = past(0, 0.5, value=math.inf, proposal=by("model"))
    assert read_evidence(History((infinite,)), OPTIONS).credit == credit(BAD)
    unexpected = past(0, 0.5, state="failed", value=None, proposal=by("model"))
    assert read_evidence(History((unexpected,)), OPTIONS).credit == credit(BAD)
    running = past(0, 0.5, state="running", value=None, proposal=BAD)
    assert read_evidence(History((running,)), OPTIONS).credit == 1.0


def test_credit_knows_the_direction() -> None:
    trial = past(0, 0.5, value=2.0, proposal=GOOD)
    assert read_evidence(History((trial,), "maximize"), OPTIONS).credit == 1.0
    assert read_evidence(History((trial,), "minimize"), OPTIONS).credit < 1.0


def test_without_credit_no_call_is_made_and_it_is_said_once() -> None:
    bad = [past(i, 0.1 * i, 0.9, proposal=by("model", bar=-1.0, credit=1.0)) for i in range(1, 6)]
    proposal, requests = play(auto, asked(*after_batch()[:1], *bad))
    assert not requests
    assert proposal.source == "acquisition"
    assert "have not paid" in proposal.note
    assert proposal.policy["credit"] < OPTIONS.least
    later = past(6, 0.95, 0.95, proposal=proposal.to_dict())
    again, _ = play(auto, asked(DEFAULT, *bad, later))
    assert not again.note


# What goes wrong


def test_a_useless_reply_is_sent_back_once_and_never_blocks() -> None:
    proposal, requests = play(auto, asked(*START), "no idea", "still none")
    assert len(requests) == 2
    assert "could not be used" in told(requests[1])
    assert proposal.source == "acquisition"
    assert "nothing in the reply could be used: The reply holds no JSON object" in proposal.fallback
    assert len(proposal.refused) == 2
    assert proposal.policy["wasted"] == OPTIONS.wasted
    proposal, _ = play(auto, asked(*START), "no idea", offer((0.7, 0.4)))
    assert proposal.source == "model"
    assert "wasted" not in proposal.policy


def test_a_batch_of_repeats_is_useless() -> None:
    proposal, _ = play(auto, asked(*START), offer((0.5, 0.5), (0.5, 0.5)), offer((0.5001, 0.5)))
    assert proposal.source == "acquisition"
    assert "repeats trial 0" in proposal.fallback


@pytest.mark.parametrize("error", [ModelUnavailable("503"), ContextLimitExceeded("too long")])
def test_a_failed_call_never_blocks_and_the_model_is_left_alone(error: Any) -> None:
    proposal, _ = play(auto, asked(*START), error)
    assert proposal.source == "acquisition"
    assert proposal.fallback.startswith("the model gave no reply")
    stored = past(2, 0.4, 0.4, proposal=proposal.to_dict())
    _, requests = play(auto, asked(*START, stored))
    assert not requests
    rest = [past(i, 0.3 + 0.01 * i, 0.4) for i in range(3, 3 + OPTIONS.rest)]
    _, requests = play(auto, asked(*START, stored, *rest), offer((0.7, 0.4)))
    assert len(requests) == 1


def test_without_any_trial_a_failed_call_leaves_a_random_one() -> None:
    proposal, _ = play(auto, asked(space=BARE), ModelUnavailable("503"))
    assert proposal.source == "random"
    assert proposal.fallback


# The plateau


def stuck() -> list[TrialRecord]:
    """The best is old."""
    return [past(i, 0.1, 0.1 * i) for i in range(2, 3 + OPTIONS.plateau)]


def test_a_plateau_gets_another_question_and_then_silence() -> None:
    trials = (
        past(0, 0.8, 0.3, proposal={"source": "default"}),
        past(1, 0.2, proposal=by("acquisition", call="candidates")),
    )
    ask = asked(*trials, *stuck())
    assert stale_for(ask.history) >= OPTIONS.plateau
    proposal, (request,) = play(STRICT, ask, offer((0.3, 0.9)))
    assert "has not improved for" in told(request)
    assert "Which hyperparameter is stuck" in told(request)
    assert proposal.policy["call"] == "plateau"
    after = past(ask.trial, 0.15, 0.15, proposal=proposal.to_dict())
    _, requests = play(STRICT, asked(*trials, *stuck(), after))
    assert not requests


# Failures, pruned and running trials


def test_failed_pruned_and_strange_values_are_data() -> None:
    trials = (
        DEFAULT,
        past(1, 0.9, 0.9, state="failed", value=None, error="diverged"),
        past(2, 0.7, 0.2, value=math.inf),
        past(3, 0.6, 0.3, state="pruned", value=0.9, curve=((1, 0.9),)),
        past(4, 0.2, 0.9, state="running", value=None),
    )
    proposal, (request,) = play(auto, asked(*trials), offer((0.7, 0.4)))
    assert SPACE.accepts(proposal.configuration)
    for part in ("diverged", "stopped early", "Being evaluated now"):
        assert part in told(request)


def test_a_pruned_trial_has_a_fair_value() -> None:
    def curve(number: int, final: float, early: float) -> TrialRecord:
        return past(number, 0.1 * number, value=final, curve=((1, early), (9, final)))

    finished = [curve(i, 0.1 * (i + 1), 2.0 + i) for i in range(4)]  # finals 0.1 to 0.4, at step 1 from 2 to 5
    history = History((*finished,))
    pruned = past(9, 0.9, state="pruned", value=3.5, curve=((1, 3.5),))
    assert fair_value(pruned, history) == pytest.approx(0.25), "between the second and the third"
    assert fair_value(past(9, 0.9, state="pruned", value=9.0, curve=((1, 9.0),)), history) == pytest.approx(0.4)
    assert fair_value(past(9, 0.9, state="pruned", value=0.0, curve=((1, 0.0),)), history) == pytest.approx(0.25)
    assert fair_value(past(9, 0.9, state="pruned", value=None), history) == pytest.approx(0.325)
    upward = History(
        tuple(past(i, 0.1, value=0.1 * (i + 1), curve=((1, 0.1 * (i + 1)),)) for i in range(4)), "maximize"
    )
    assert fair_value(past(9, 0.9, state="pruned", value=0.0, curve=((1, 0.0),)), upward) == pytest.approx(0.1)
    assert fair_value(pruned, History(())) is None


def test_two_workers_do_not_collide() -> None:
    model = expert(OPTIMUM)
    sampler = LLMSampler(model, space=SPACE, task=Task(budget=12), proposer="auto", seed=0)
    study = optuna.create_study(sampler=sampler)
    seen: list[dict[str, Any]] = []
    for _ in range(4):
        batch = [study.ask() for _ in range(3)]
        seen += [SPACE.suggest(trial) for trial in batch]
        for trial in batch:
            study.tell(trial, bowl(trial.params))
    distances = [max(abs(a[n] - b[n]) for n in "xy") for i, a in enumerate(seen) for b in seen[:i]]
    assert min(distances) > 1e-3


# Studies


MODELS: dict[str, Callable[[], Any]] = {
    "expert": lambda: expert(OPTIMUM),
    "stale": lambda: stale(OPTIMUM),
    "adversary": lambda: adversary(WORST),
    "default_lover": lambda: default_lover(),
    "repeater": lambda: repeater(seed=3),
    "rambler": lambda: rambler(),
}


@pytest.mark.parametrize("name", MODELS)
def test_sources_are_true(name: str) -> None:
    """What runs under the model's name was in one of its replies, and each call is booked where it was made."""
    model = MODELS[name]()
    study = run(model)
    said = [c for reply in map(model.complete, list(model.requests)) for c in offered_in(reply.text)]
    for trial, proposal in zip(study.trials, proposals(study), strict=True):
        known = any(all(math.isclose(c[n], trial.params[n]) for n in "xy") for c in said)
        assert known or proposal["source"] not in ("model", "repair")
        booked = sum(key.startswith(CALL_KEY) for key in trial.system_attrs)
        assert bool(booked) == ("call" in proposal.get("policy", {}))
    assert sources(study)[0] == "default"
    assert set(sources(study)[1:]) <= {"model", "acquisition"}


def offered_in(text: str) -> list[dict[str, Any]]:
    """The configurations of a simulated reply; torn ones hold none."""
    try:
        return [c["configuration"] for c in json.loads(text)["candidates"]]
    except ValueError:
        return []


def test_an_expert_is_heard_and_helps() -> None:
    study = run(expert(OPTIMUM))
    assert sources(study)[:3] == ["default", "acquisition", "model"]
    first, alone = (s.trials[2].value for s in (study, run(None)))
    assert first is not None
    assert alone is not None
    assert first < alone


@pytest.mark.parametrize("name", ["adversary", "repeater", "default_lover"])
def test_a_bad_model_is_soon_left_alone(name: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "tunewise"):
        study = run(MODELS[name](), trials=20)
    assert sources(study).count("model") <= 3
    assert not any("call" in p.get("policy", {}) for p in proposals(study)[15:])
    assert any("have not paid" in r.getMessage() for r in caplog.records)
    assert study.best_value < 0.02


def test_without_a_model_it_is_the_default_and_a_gaussian_process() -> None:
    study = run(None)
    assert sources(study) == ["default"] + ["acquisition"] * 11
    assert not any("fallback" in p for p in proposals(study))


def test_a_model_that_is_never_heard_changes_nothing() -> None:
    nonsense = FunctionModel(lambda request: "Good morning.")
    assert [t.params for t in run(nonsense).trials] == [t.params for t in run(None).trials]


def test_a_useless_model_does_not_stop_the_study() -> None:
    study = run(FunctionModel(lambda request: "Good morning."), trials=12)
    assert len(study.trials) == 12
    assert [bool(p.get("fallback")) for p in proposals(study)].count(True) >= 1


def test_maximizing_is_minimizing_the_negative() -> None:
    up, down = run(expert(OPTIMUM), direction="maximize"), run(None)
    assert sources(up)[0] == "default"
    assert -up.best_value < 0.05
    assert [t.params for t in run(None, direction="maximize").trials] == [t.params for t in down.trials]


@pytest.mark.parametrize("name", ["expert", "rambler"])
def test_a_study_goes_on_where_it_was(name: str) -> None:
    """In another process, with another sampler: the state is the history's."""
    whole = run(MODELS[name](), trials=12)
    storage = optuna.storages.InMemoryStorage()
    for part in (3, 2, 7):
        sampler = LLMSampler(MODELS[name](), space=SPACE, task=Task(budget=12), proposer="auto", seed=0)
        study = optuna.create_study(study_name="s", storage=storage, sampler=sampler, load_if_exists=True)
        study.optimize(lambda trial: bowl(SPACE.suggest(trial)), n_trials=part)
    assert [t.params for t in study.trials] == [t.params for t in whole.trials]
    assert proposals(study) == proposals(whole)


@pytest.mark.parametrize(
    "policy",
    [
        "text",
        {"credit": "high", "bar": [1], "wasted": "all", "call": 7, "offered": {"configuration": {}}, "alternative": 1},
        {"bar": math.nan, "wasted": math.inf, "offered": [None, 3, {}, {"configuration": 3}, {"configuration": {}}]},
        {"call": "candidates", "offered": [{"configuration": {"x": [1], "y": {}}, "repairs": 3}], "failure": 3},
    ],
)
def test_a_tampered_policy_does_no_harm(policy: Any) -> None:
    trial = past(1, 0.55, 0.42, proposal={"source": "model", "policy": policy})
    proposal, _ = play(auto, asked(DEFAULT, trial, past(2, 0.3)), offer((0.7, 0.4)))
    assert proposal.configuration


# Calls beside training


def study_of(sampler: LLMSampler, objective: Callable[[dict[str, Any]], float], trials: int) -> optuna.Study:
    """A study of the bowl's space."""
    study = optuna.create_study(sampler=sampler)
    study.optimize(lambda trial: objective(SPACE.suggest(trial)), n_trials=trials)
    return study


def test_the_model_is_asked_while_a_trial_trains() -> None:
    """Each side waits for the other: only if both run at once does either go on."""
    training, asking = threading.Event(), threading.Event()
    simulated = expert(OPTIMUM)
    together: list[bool] = []

    def complete(request: ChatRequest) -> ChatReply:
        asking.set()
        together.append(training.wait(30))
        return simulated.complete(request)

    def objective(configuration: dict[str, Any]) -> float:
        if configuration != {"x": 0.5, "y": 0.5}:
            training.set()
            together.append(asking.wait(30))
        return bowl(configuration)

    sampler = LLMSampler(FunctionModel(complete), space=SPACE, task=Task(budget=3), proposer="auto", seed=0)
    study = study_of(sampler, objective, 3)
    assert together == [True] * 3
    assert sources(study) == ["default", "acquisition", "model"]
    assert proposals(study)[1]["policy"]["offered"]


def test_how_long_a_call_takes_changes_nothing() -> None:
    def slow(seconds: float) -> FunctionModel:
        simulated = expert(OPTIMUM)

        def complete(request: ChatRequest) -> ChatReply:
            time.sleep(seconds)
            return simulated.complete(request)

        return FunctionModel(complete)

    fast, late = (
        study_of(LLMSampler(slow(s), space=SPACE, task=Task(budget=6), proposer="auto", seed=0), bowl, 6)
        for s in (0.0, 0.1)
    )
    assert proposals(fast) == proposals(late)


def test_without_it_calls_come_before_a_proposal() -> None:
    model = expert(OPTIMUM)
    sampler = LLMSampler(model, space=SPACE, task=Task(budget=6), proposer="auto", seed=0, ahead=False)
    study = study_of(sampler, bowl, 3)
    assert sources(study) == ["default", "acquisition", "model"]
    booked = [any(k.startswith(CALL_KEY) for k in t.system_attrs) for t in study.trials]
    assert booked == [False, False, True]


def test_a_cap_that_is_reached_beside_training_ends_the_next_trial() -> None:
    sampler = LLMSampler(
        expert(OPTIMUM), space=SPACE, task=Task(budget=6), proposer="auto", seed=0, caps=Caps(max_calls=0)
    )
    with pytest.raises(BudgetReached):
        study_of(sampler, bowl, 4)


def test_a_useless_reply_beside_training_is_told_at_the_next_trial() -> None:
    sampler = LLMSampler(
        FunctionModel(lambda request: "Good morning."), space=SPACE, task=Task(budget=9), proposer="auto", seed=0
    )
    study = study_of(sampler, bowl, 3)
    assert "nothing in the reply could be used" in proposals(study)[2]["fallback"]
    assert proposals(study)[1]["policy"]["wasted"] == OPTIONS.wasted
    assert "fallback" not in proposals(study)[1]


def test_a_space_that_is_exhausted_asks_nobody() -> None:
    tiny = SearchSpace({"k": Categorical(["a", "b"], default="a")})
    model = expert({"k": "b"})
    study = optuna.create_study(sampler=LLMSampler(model, space=tiny, proposer="auto", seed=0))
    study.optimize(lambda trial: float(tiny.suggest(trial)["k"] == "a"), n_trials=4)
    assert len(model.requests) <= 2
    assert len(study.trials) == 4


def test_what_is_fixed_is_completed_by_the_surrogate() -> None:
    model = expert(OPTIMUM)
    study = optuna.create_study(sampler=LLMSampler(model, space=SPACE, proposer="auto", seed=0, ahead=False))
    study.optimize(lambda trial: bowl(SPACE.suggest(trial)), n_trials=3)
    calls = len(model.requests)
    study.enqueue_trial({"x": 0.25})
    study.optimize(lambda trial: bowl(SPACE.suggest(trial)), n_trials=1)
    assert study.trials[-1].params["x"] == 0.25
    assert len(model.requests) == calls
    assert sources(study)[-1] == "acquisition"


# Prompts


@pytest.mark.parametrize("default", [True, False])
def test_the_prompt_is_bounded(*, default: bool) -> None:
    wide = SearchSpace(
        {
            f"hyperparameter_{i}": Float(
                1e-5, 1e5, log=True, default=1.0 if default else NO_DEFAULT, description="long " * 30
            )
            for i in range(10)
        }
    )
    rng = np.random.default_rng(0)
    trials = [TrialRecord(i, "finished", wide.sample(rng), value=float(i)) for i in range(60)]
    failed = [
        TrialRecord(60 + i, "failed", wide.sample(rng), error=f"{'abcdefgh'[i % 8]} error " * 99) for i in range(40)
    ]
    ask = Ask(task=TASK, space=wide, history=History((*trials, *failed)), trial=100)
    _, (request,) = one_request(ask)
    assert estimate_tokens(told(request)) <= 2_000
    assert "0. " in told(request)


def one_request(ask: Ask) -> tuple[Proposal, list[ChatRequest]]:
    """The first request, answered with silence."""
    return play(auto, ask, ModelUnavailable("gone"))


SVC = SearchSpace(
    {
        "kernel": Categorical(["rbf", "linear", None, 3, True], default="rbf", description="kind: one of three"),
        "C": Float(1e-3, 1e3, log=True, default=1.0, description="strength, default 3, in steps of love"),
        "gamma": Float(1e-4, 10, log=True, default=0.1, when={"kernel": ["rbf", 3]}),
        "share": Float(0, 0.6, step=0.05, default=0.05),
        "plain": Float(-1, 1, default=0.0),
    }
)


def distance(one: dict[str, Any], other: dict[str, Any]) -> float:
    """In the unit cube."""
    return float(np.abs(SVC.encode_all([one]) - SVC.encode_all([other])).sum())


@pytest.mark.parametrize("proposer", ["auto", "compressed", "chat"])
def test_simulated_models_understand_every_prompt(proposer: str) -> None:
    optimum: dict[str, Any] = {"kernel": "rbf", "C": 20.0, "gamma": 0.01, "share": 0.2, "plain": 0.5}
    model = expert(optimum)
    study = optuna.create_study(
        sampler=LLMSampler(model, space=SVC, proposer=proposer, seed=0, task=Task(metric="error"))
    )
    study.optimize(lambda trial: distance(SVC.suggest(trial), optimum), n_trials=6)
    for request in model.requests:
        seen = read_prompt(request)
        assert dict(seen.space.items()) == dict(without_description(SVC).items())
        assert (seen.count > 0) == (proposer == "auto")
    values = [value for _, value in seen.trials]
    known = [float(t.value or 0) for t in study.trials]
    assert values
    assert all(any(value == pytest.approx(k, rel=1e-3) for k in known) for value in values)


def without_description(space: SearchSpace) -> SearchSpace:
    """The same space in the words of nobody."""
    plain = {name: {k: v for k, v in h.items() if k != "description"} for name, h in space.to_dict().items()}
    return SearchSpace.from_dict(plain)
