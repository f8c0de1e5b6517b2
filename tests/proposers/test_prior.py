"""A prior that the model writes: asked once, read with care, kept, trusted as far as the values bear it out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.bowl import BARE, DEFAULT, OPTIMUM, SPACE, START, WORST, asked, bowl, by, offer, past, proposals, sources
from support.playing import play, told
from tunewise import (
    Categorical,
    ChatReply,
    ChatRequest,
    Float,
    FunctionModel,
    History,
    Int,
    LLMSampler,
    SearchSpace,
    tune,
)
from tunewise.errors import ContextLimitExceeded, InvalidReply, ModelUnavailable
from tunewise.llm.base import ChatModel
from tunewise.prompts.prior import Guess, parse_prior, prior_schema, read_guesses
from tunewise.proposers import AutoOptions, auto_with
from tunewise.proposers.named import PROPOSERS
from tunewise.proposers.prior import agreement, guesses_in
from tunewise.task import Task
from tunewise.testing.simulated import adversary, default_lover, expert, rambler, repeater, stale

OPTIONS = AutoOptions(prior=True)
PRIOR = PROPOSERS["auto+prior"]
SVC = SearchSpace(
    {
        "kernel": Categorical(["rbf", "linear", None]),
        "learning_rate": Float(1e-4, 1, log=True),
        "layers": Int(1, 9, when={"kernel": "rbf"}),
    }
)
RATE = {"best": 0.01, "low": 0.001, "high": 0.1, "confidence": 0.7}
READ = Guess(0.01, 0.001, 0.1, 0.7)


def written(x: float, y: float, *, confidence: float = 0.8, spread: float = 0.1) -> str:
    """A prior for the two numbers."""
    guess = {n: {"best": v, "low": v - spread, "high": v + spread} for n, v in (("x", x), ("y", y))}
    return json.dumps({"prior": {n: {**g, "confidence": confidence} for n, g in guess.items()}})


# Reading


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"prior": {"learning_rate": RATE}}),
        json.dumps({"learning_rate": RATE}),
        "Sure!\n```json\n" + json.dumps({"prior": {"Learning rate": RATE}}) + "\n``` Good luck.",
        "{'prior': {'learning_rate': {'Best': '0.01', 'low': 1e-3, 'high': .1, 'confidence': '0.7',},}}",
        json.dumps({"prior": {"learning_rate": {**RATE, "low": 0.1, "high": 0.001, "reason": "usual"}}}),
        json.dumps({"prior": {"learning_rate": {**RATE, "best": 9}}}) + json.dumps({"learning_rate": RATE}),
        json.dumps({"analysis": {"of": [1, {"prior": {"learning_rate": RATE}}]}}),
    ],
)
def test_what_can_be_read(text: str) -> None:
    assert parse_prior(text, SVC) == ({"learning_rate": READ}, ())


def test_what_is_moved() -> None:
    given = {
        "kernel": {"best": "RBF", "confidence": 1},
        "learning_rate": {**RATE, "best": 0.5, "high": 1e9},
        "layers": {"best": 20, "low": 2.4, "high": 3, "confidence": 0},
    }
    guesses, objections = read_guesses(given, SVC)
    assert guesses == {
        "kernel": Guess("rbf", None, None, 1.0),
        "learning_rate": Guess(0.5, 0.001, 1.0, 0.7),
        "layers": Guess(9, 2, 9, 0.0),
    }
    assert not objections
    stored = {name: guess.to_dict() for name, guess in guesses.items()}
    assert read_guesses(json.loads(json.dumps(stored)), SVC) == (guesses, ())


@pytest.mark.parametrize(
    ("guess", "why"),
    [
        ({"best": 0.01, "confidence": 0.5}, "low and high are missing"),
        ({**RATE, "confidence": 80}, "confidence = 80 must lie between 0 and 1"),
        ({**RATE, "confidence": -0.1}, "must lie between"),
        ({**RATE, "confidence": "high"}, "must be a number"),
        ({**RATE, "confidence": True}, "must be a number"),
        ({**RATE, "confidence": float("nan")}, "finite"),
        ({**RATE, "best": None}, "must be a number"),
        ({**RATE, "low": 10**400}, "finite"),
        ({**RATE, "high": [1]}, "must be a number"),
        (0.01, "it must be an object, not 0.01"),
    ],
)
def test_what_is_refused_says_why_and_leaves_the_rest(guess: Any, why: str) -> None:
    guesses, objections = read_guesses({"learning_rate": guess, "kernel": {"best": None, "confidence": 0.4}}, SVC)
    assert guesses == {"kernel": Guess(None, None, None, 0.4)}
    assert len(objections) == 1
    assert 'The prior of "learning_rate" was not used' in objections[0]
    assert why in objections[0]


@pytest.mark.parametrize(
    "text",
    ["", "No idea.", "{}", '{"learning_rate": 0.01}', '{"prior": {"lr": {"best": 1}}}', '{"prior": {"kernel": {"best"'],
)
def test_nothing_to_read_says_how_it_should_be(text: str) -> None:
    with pytest.raises(InvalidReply):
        parse_prior(text, SVC)
    with pytest.raises(InvalidReply, match=r'Give \{"prior": \{"kernel": \{"best": <one of its choices>'):
        parse_prior("{}", SVC)


def test_hyperparameters_may_be_called_like_the_keys() -> None:
    space = SearchSpace({"prior": Float(0, 1), "best": Float(0, 1), "confidence": Float(0, 1)})
    guess = {"best": 0.5, "low": 0.25, "high": 0.75, "confidence": 0.5}
    guesses, objections = parse_prior(json.dumps({"prior": dict.fromkeys(space, guess)}), space)
    assert list(guesses) == list(space)
    assert not objections


@settings(max_examples=150)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*SVC, *RATE, "prior"]), inner),
    )
)
def test_only_its_own_error_is_ever_raised(said: Any) -> None:
    try:
        guesses, _ = parse_prior(json.dumps(said), SVC)
    except InvalidReply:
        return
    for name, guess in guesses.items():
        assert 0 <= guess.confidence <= 1
        assert SVC[name].coerce(guess.best) == (guess.best, "")


def test_a_long_reply_takes_bounded_work() -> None:
    with pytest.raises(InvalidReply):
        parse_prior('{"a":' * 60_000, SVC)
    with pytest.raises(InvalidReply):
        parse_prior('{"learning_rate": {"x": 1}}' * 5_000, SVC)


def test_schema() -> None:
    schema = prior_schema(SVC)["properties"]["prior"]
    assert schema["required"] == list(SVC)
    assert schema["properties"]["layers"]["properties"]["best"] == {"type": "integer", "minimum": 1, "maximum": 9}
    assert schema["properties"]["kernel"]["required"] == ["best", "confidence"]


# Asking


def test_it_is_asked_once_before_the_first_batch() -> None:
    proposal, requests = play(PRIOR, asked(*START), written(0.8, 0.2), offer((0.7, 0.4)))
    assert "where do the values lie" in told(requests[0])
    assert "Trials so far" not in told(requests[0]), "what has been measured must not count twice"
    assert "Give 4 different configurations" in told(requests[1])
    assert proposal.policy["prior"]["x"] == {"best": 0.8, "low": pytest.approx(0.7), "high": 0.9, "confidence": 0.8}
    assert proposal.source == "model"
    after = past(2, 0.7, 0.4, proposal=json.loads(json.dumps(proposal.to_dict())))
    _, requests = play(PRIOR, asked(*START, after), offer((0.72, 0.31)))
    assert "Give 3 different configurations" in told(requests[0])


def test_a_useless_answer_is_sent_back_once_and_not_asked_for_again() -> None:
    proposal, requests = play(PRIOR, asked(*START), "No idea.", '{"x": 0.8, "y": 0.2}', offer((0.7, 0.4)))
    assert "could not be used. The reply holds no JSON object" in told(requests[1]) or "no prior" in told(requests[1])
    assert proposal.policy["prior"] == {}
    assert "no prior that can be used" in proposal.policy["refused"][0]
    after = past(2, 0.7, 0.4, proposal=proposal.to_dict())
    _, requests = play(PRIOR, asked(*START, after), offer((0.72, 0.31)))
    assert len(requests) == 1


def test_of_a_prior_that_is_half_wrong_the_other_half_is_used() -> None:
    half = json.dumps({"prior": {"x": {"best": 0.8, "low": 0.7, "high": 0.9, "confidence": 0.5}, "y": {"best": 1}}})
    proposal, _ = play(PRIOR, asked(*START), half, offer((0.7, 0.4)))
    assert list(proposal.policy["prior"]) == ["x"]
    assert 'The prior of "y" was not used: low and high and confidence are missing.' in proposal.policy["refused"]


def test_where_no_reply_came_it_is_asked_again_later() -> None:
    proposal, _ = play(PRIOR, asked(*START), ModelUnavailable("503"), ModelUnavailable("503"))
    assert "prior" not in proposal.policy
    rest = [past(i, 0.3 + 0.01 * i, 0.4) for i in range(3, 3 + OPTIONS.rest)]
    ask = asked(*START, past(2, 0.4, 0.4, proposal=proposal.to_dict()), *rest)
    _, requests = play(PRIOR, ask, written(0.8, 0.2), offer((0.7, 0.4)))
    assert len(requests) == 2
    proposal, _ = play(PRIOR, asked(*START), ContextLimitExceeded("too long"), offer((0.7, 0.4)))
    assert proposal.policy["prior"] == {}, "which will not become shorter"


def test_a_refusal_to_answer_and_a_cut_reply() -> None:
    cut = ChatReply(text=written(0.8, 0.2)[:40], model="m", finish_reason="length")
    proposal, requests = play(PRIOR, asked(*START), cut, written(0.8, 0.2), offer((0.7, 0.4)))
    assert requests[1].max_output_tokens == 2 * requests[0].max_output_tokens
    assert proposal.policy["prior"]


def test_it_is_asked_while_a_trial_runs() -> None:
    proposal, requests = play(PRIOR, asked(DEFAULT, ahead=True))
    assert not requests
    assert proposal.meanwhile is not None
    assert "where do the values lie" in next(proposal.meanwhile).messages[-1].content
    proposal.meanwhile.send(ChatReply(text=written(0.8, 0.2), model="m"))
    with pytest.raises(StopIteration) as done:
        proposal.meanwhile.send(ChatReply(text=offer((0.7, 0.4)), model="m"))
    assert list(done.value.value["prior"]) == ["x", "y"]


# Using


def after_prior(x: float, y: float, *more: Any, **policy: Any) -> Any:
    """The default, a trial beside it for which the prior was asked, and others."""
    prior = json.loads(written(x, y))["prior"]
    return (DEFAULT, past(1, 0.55, 0.42, proposal=by("acquisition", call="plateau", prior=prior, **policy)), *more)


def test_it_leads_the_surrogate_and_says_so() -> None:
    proposal, requests = play(PRIOR, asked(*after_prior(0.83, 0.21)))
    assert not requests
    assert proposal.source == "prior"
    assert bowl(proposal.configuration) < 0.02
    assert "weighted by the model's prior" in proposal.reason
    assert SPACE.accepts(proposal.policy["alternative"])
    assert 0 < proposal.policy["trust"] <= 1
    own, _ = play(auto_with(AutoOptions()), asked(*after_prior(0.83, 0.21)))
    assert own.source == "acquisition"
    assert own.configuration == proposal.policy["alternative"]
    assert own.policy["bar"] == proposal.policy["bar"]


@pytest.mark.parametrize(
    "why",
    [
        lambda: play(auto_with(replace(OPTIONS, beta=0.0)), asked(*after_prior(0.83, 0.21))),
        lambda: play(PRIOR, asked(*after_prior(0.83, 0.21), model=False)),
        lambda: play(
            PRIOR,
            asked(*after_prior(0.83, 0.21, *(past(i, 0.1, 0.9, proposal=by("model", bar=-1.0)) for i in (2, 3, 4)))),
        ),
        lambda: play(PRIOR, asked(*after_prior(0.0, 1.0, past(2, 0.05, 0.95), past(3, 0.7, 0.3)))),
        lambda: play(
            PRIOR, asked(past(0, 0.5, proposal=by("default", prior=json.loads(written(0.83, 0.21))["prior"])))
        ),
    ],
    ids=["no weight", "no model", "no credit", "values against it", "too early"],
)
def test_when_it_leads_nowhere(why: Callable[[], Any]) -> None:
    proposal, _ = why()
    assert proposal.source == "acquisition"
    assert "trust" not in proposal.policy


def test_a_pick_of_the_prior_counts_for_or_against_the_model() -> None:
    from tunewise.proposers.credit import read_evidence

    good, bad = (History((past(0, 0.5, value=0.0, proposal=by("prior", bar=bar)),)) for bar in (1.0, -1.0))
    assert read_evidence(good, OPTIONS).model == (1.0, 0.0)
    assert read_evidence(bad, OPTIONS).model == (0.0, 1.0)


@pytest.mark.parametrize(
    "stored",
    [None, 3, [], "x", {"x": 3}, {"x": {"best": "nan", "low": 0, "high": 1, "confidence": 1}}, {"z": RATE}, {3: RATE}],
)
def test_a_tampered_prior_is_none(stored: Any) -> None:
    history = History((past(0, 0.5, proposal=by("model", prior=stored)),))
    assert not guesses_in(history, SPACE)
    proposal, _ = play(PRIOR, asked(DEFAULT, past(1, 0.55, proposal=by("acquisition", call="plateau", prior=stored))))
    assert proposal.source == "acquisition"


def test_agreement() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0])
    assert agreement(np.array([3.0, 2, 1, 0]) * 9, values, 1.0) == 1
    assert agreement(np.array([0.0, 1, 2, 3]) * 9, values, 1.0) == 0
    assert agreement(np.zeros(4), values, 1.0) == 1, "what says nothing is not against it"
    assert agreement(np.zeros(0), np.zeros(0), 1.0) == 1
    mild = agreement(np.array([0.0, 0.1, 0.2, 0.3]), values, 1.0)
    assert 0 < mild < 1, "a prior that hardly tells them apart is hardly refuted"


# Studies


def run(model: ChatModel, *, trials: int = 12, options: AutoOptions = OPTIONS) -> optuna.Study:
    """A study with the bowl."""
    sampler = LLMSampler(model, space=SPACE, task=Task(budget=trials), proposer=auto_with(options), seed=0)
    study = optuna.create_study(sampler=sampler)
    study.optimize(lambda trial: bowl(SPACE.suggest(trial)), n_trials=trials)
    return study


MODELS: dict[str, Callable[[], ChatModel]] = {
    "expert": lambda: expert(OPTIMUM),
    "stale": lambda: stale(OPTIMUM),
    "adversary": lambda: adversary(WORST),
    "default_lover": lambda: default_lover(),
    "repeater": lambda: repeater(seed=3),
    "rambler": lambda: rambler(seed=1),
}


@pytest.mark.parametrize("name", MODELS)
def test_every_kind_of_model(name: str) -> None:
    study = run(MODELS[name]())
    asked_for = [p for p in proposals(study) if "prior" in p.get("policy", {})]
    assert len(asked_for) == 1
    assert bool(asked_for[0]["policy"]["prior"]) or name == "rambler"
    assert set(sources(study)) <= {"default", "model", "acquisition", "prior"}
    assert study.best_value < 0.05
    if name in ("adversary", "default_lover"):
        assert sources(study).count("prior") <= 2


def test_a_prior_that_cannot_be_read_changes_nothing() -> None:
    """Nor does the option itself, while it is off."""
    one = expert(OPTIMUM)

    def answer(request: ChatRequest) -> str:
        return (
            "I cannot say." if "where do the values lie" in request.messages[-1].content else one.complete(request).text
        )

    mute, off = run(FunctionModel(answer)), run(expert(OPTIMUM), options=AutoOptions())
    assert [t.params for t in mute.trials] == [t.params for t in off.trials]
    assert sources(mute) == sources(off)


@pytest.mark.parametrize("name", ["expert", "adversary"])
def test_a_study_goes_on_where_it_was(name: str) -> None:
    whole = run(MODELS[name]())
    storage = optuna.storages.InMemoryStorage()
    for part in (3, 2, 7):
        sampler = LLMSampler(MODELS[name](), space=SPACE, task=Task(budget=12), proposer=PRIOR, seed=0)
        study = optuna.create_study(study_name="s", storage=storage, sampler=sampler, load_if_exists=True)
        study.optimize(lambda trial: bowl(SPACE.suggest(trial)), n_trials=part)
    assert [t.params for t in study.trials] == [t.params for t in whole.trials]
    assert proposals(study) == proposals(whole)


def test_without_a_default_and_with_conditions() -> None:
    space = SearchSpace(
        {
            "kernel": Categorical(["rbf", "linear"]),
            "C": Float(1e-3, 1e3, log=True),
            "gamma": Float(1e-4, 10, log=True, when={"kernel": "rbf"}),
        }
    )
    optimum: dict[str, Any] = {"kernel": "rbf", "C": 20.0, "gamma": 0.01}

    def loss(trial: optuna.Trial) -> float:
        return float(np.abs(space.encode_all([space.suggest(trial)]) - space.encode_all([optimum])).sum())

    study = optuna.create_study(sampler=LLMSampler(expert(optimum), space=space, proposer=PRIOR, seed=0))
    study.optimize(loss, n_trials=10)
    assert study.best_value < 0.3
    bare = optuna.create_study(sampler=LLMSampler(expert(OPTIMUM), space=BARE, proposer=PRIOR, seed=0))
    bare.optimize(lambda trial: bowl(BARE.suggest(trial)), n_trials=4)
    assert "prior" in proposals(bare)[0]["policy"]


def test_by_name_with_a_model_and_without() -> None:
    study = tune(bowl, SPACE, model=expert(OPTIMUM), proposer="auto+prior", trials=7, seed=0)
    assert sum("prior" in p.get("policy", {}) for p in proposals(study)) == 1
    assert study.best_value < 0.05
    alone = tune(bowl, SPACE, proposer="auto+prior", trials=4, seed=0)
    assert [t.params for t in alone.trials] == [t.params for t in tune(bowl, SPACE, trials=4, seed=0).trials]
