"""Proposers as generators: requests come out, replies go in, no model anywhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from support.playing import play, told
from tunewise import Categorical, Float, History, Int, SearchSpace, Task, TrialRecord
from tunewise.errors import ContextLimitExceeded, ModelUnavailable
from tunewise.models import ChatReply
from tunewise.proposers import Chat, Compressed, DefaultFirst, ProposalContext, Proposer, Random
from tunewise.proposers.asking import MAX_KEPT, MAX_REFUSALS
from tunewise.record import Proposal

SPACE = SearchSpace({"x": Float(0, 1), "y": Float(0, 1)})
TASK = Task(metric="error", budget=10)


def at(x: float, y: float = 0.5) -> str:
    """A reply."""
    return json.dumps({"x": x, "y": y})


def past(number: int, x: float, y: float = 0.5, **fields: Any) -> TrialRecord:
    """A trial that the model proposed."""
    known: dict[str, Any] = {"state": "finished", "value": x, "proposal": Proposal(source="model", reply=at(x, y))}
    return TrialRecord(number=number, configuration={"x": x, "y": y}, **(known | fields))


def asked(*trials: TrialRecord, **fields: Any) -> ProposalContext:
    """What a proposer knows after some trials."""
    known: dict[str, Any] = {"task": TASK, "space": SPACE, "history": History(trials), "trial": len(trials)}
    return ProposalContext(**(known | fields))


BOTH = pytest.mark.parametrize("proposer", [Chat(), Compressed()])


@BOTH
def test_a_good_reply_is_the_proposal(proposer: Proposer) -> None:
    proposal, (request,) = play(proposer, asked(seed=7), "Analysis: begin low.\n" + at(0.25))
    assert proposal.configuration == {"x": 0.25, "y": 0.5}
    assert (proposal.source, proposal.method, proposal.model) == ("model", proposer.name, "m")
    assert proposal.reason == "begin low."
    assert (request.temperature, request.seed) == (0.0, 7)
    assert request.schema is not None
    assert list(request.schema["properties"]) == ["x", "y"]
    assert set(proposal.to_dict()) == {"version", "configuration", "source", "reason", "reply", "method", "model"}


@BOTH
def test_reasoning_and_expert(proposer: Proposer) -> None:
    _, (request,) = play(proposer, asked(reasoning=True), at(0.25))
    assert [m.role for m in request.messages] == ["system", "user"]
    assert "analysis" in told(request)
    assert request.schema is not None
    assert list(request.schema["properties"]) == ["analysis", "configuration"]
    _, (request,) = play(proposer, asked(expert=False), at(0.25))
    assert [m.role for m in request.messages] == ["user"]


@BOTH
@pytest.mark.parametrize(("trial", "last"), [(8, False), (9, True), (30, True)])
def test_the_last_try_is_said(proposer: Proposer, trial: int, *, last: bool) -> None:
    _, (request,) = play(proposer, asked(past(0, 0.5), trial=trial), at(0.25))
    assert ("This is the last try." in told(request)) is last


@BOTH
def test_a_failure_is_told(proposer: Proposer) -> None:
    _, (request,) = play(proposer, asked(past(0, 0.5), past(1, 0.9, state="failed", error="out of memory")), at(0.25))
    assert "out of memory" in told(request)


@BOTH
def test_running_trials_are_listed(proposer: Proposer) -> None:
    running = past(0, 0.125, state="running", value=None)
    proposal, requests = play(proposer, asked(running), at(0.125), at(0.75))
    assert "Being evaluated now" in told(requests[0])
    assert '{"x": 0.125, "y": 0.5}' in told(requests[0])
    assert "repeats trial 0, which is being evaluated now" in told(requests[1])
    assert proposal.configuration["x"] == 0.75


@BOTH
def test_wrong_replies_are_sent_back_with_the_reason(proposer: Proposer) -> None:
    proposal, requests = play(proposer, asked(), "Hello!", '{"x": 0.5}', at(0.25))
    assert "holds no JSON object" in told(requests[1])
    assert '"y" is missing' in told(requests[2])
    assert "holds no JSON object" in told(requests[2])
    assert told(requests[2]).startswith(told(requests[0])), "the objections come after the same request"
    assert "Hello!" not in told(requests[1]), "a model copies what stands before it"
    assert [r.temperature for r in requests] == [0.0, 0.7, 1.0]
    assert proposal.source == "model"
    assert len(proposal.refused) == 2


@BOTH
def test_after_three_refusals_a_random_configuration_says_so(proposer: Proposer) -> None:
    proposal, requests = play(proposer, asked(), *["Hello!"] * (1 + MAX_REFUSALS))
    assert len(requests) == 1 + MAX_REFUSALS
    assert proposal.source == "random"
    assert "4 replies could not be used: The reply holds no JSON object." in proposal.fallback
    assert len(proposal.refused) == 4
    assert SPACE.accepts(proposal.configuration)
    assert not proposal.model


@BOTH
def test_near_repeats_are_sent_back(proposer: Proposer) -> None:
    proposal, requests = play(proposer, asked(past(0, 0.5), past(1, 0.9)), at(0.5004, 0.4996), at(0.51))
    assert "repeats trial 0, which has been evaluated" in told(requests[1])
    assert proposal.configuration["x"] == 0.51
    proposal, _ = play(proposer, asked(past(0, 0.5)), *[at(0.5)] * 4)
    assert proposal.source == "random"
    assert proposal.configuration != {"x": 0.5, "y": 0.5}


@BOTH
def test_out_of_range_is_told_and_at_last_repaired(proposer: Proposer) -> None:
    proposal, requests = play(proposer, asked(), at(2), at(3), at(4), at(5, 0.1))
    assert "x = 2 is above the upper bound 1." in told(requests[1])
    assert proposal.source == "repair"
    assert proposal.configuration == {"x": 1.0, "y": 0.1}
    assert proposal.repairs == ("x = 5 is above the upper bound 1; 1.0 was used",)
    assert not proposal.fallback
    proposal, _ = play(proposer, asked(), at(2), at(0.5))
    assert proposal.source == "model"


@BOTH
def test_a_repair_survives_worse_replies_and_a_lost_connection(proposer: Proposer) -> None:
    for rest in (["no"] * 3, [ModelUnavailable("503")], [ContextLimitExceeded("8192")]):
        proposal, _ = play(proposer, asked(), at(2), *rest)
        assert (proposal.source, proposal.configuration["x"]) == ("repair", 1.0)


@BOTH
def test_a_repair_that_repeats_is_no_way_out(proposer: Proposer) -> None:
    proposal, _ = play(proposer, asked(past(0, 1.0)), *[at(2)] * 4)
    assert proposal.source == "random"


@BOTH
def test_no_reply_is_a_fallback(proposer: Proposer) -> None:
    proposal, _ = play(proposer, asked(), ModelUnavailable("503\n Service  Unavailable"))
    assert (proposal.source, proposal.fallback) == ("random", "the model gave no reply: 503 Service Unavailable")


@BOTH
def test_a_truncated_reply_is_told(proposer: Proposer) -> None:
    cut = ChatReply(text='{"x": 0.1, "y', model="m", finish_reason="length")
    _, requests = play(proposer, asked(), cut, cut, at(0.5))
    assert "cut off because it was too long" in told(requests[1])


@BOTH
def test_a_refusal_and_an_empty_reply_are_sent_back(proposer: Proposer) -> None:
    refusal = ChatReply(text=f"I cannot do that. {at(0.1)}", model="m", finish_reason="refusal")
    _, requests = play(proposer, asked(), refusal, "", at(0.5))
    assert "The model refused" in told(requests[1])
    assert "The reply was empty" in told(requests[2])


@BOTH
def test_a_long_reply_keeps_its_end(proposer: Proposer) -> None:
    proposal, _ = play(proposer, asked(), "so it goes " * 1000 + at(0.5))
    assert len(proposal.reply) < MAX_KEPT + 10
    assert proposal.reply.endswith(at(0.5))


@BOTH
def test_what_is_fixed_is_said_and_not_compared(proposer: Proposer) -> None:
    ask = asked(past(0, 0.5), space=SPACE.restricted({"x": SPACE["x"].distribution}), fixed={"y": 0.125})
    proposal, (request,) = play(proposer, ask, '{"x": 0.5}')
    assert 'Already fixed in this trial: {"y": 0.125}' in told(request)
    assert proposal.configuration == {"x": 0.5}


def test_chat_rebuilds_the_dialogue() -> None:
    trials = (
        past(0, 0.1, proposal=Proposal(source="default")),
        past(1, 0.2),
        past(2, 0.3, proposal=Proposal(source="repair", reply=at(9), repairs=("x = 9 is above the upper bound 1",))),
        past(3, 0.4, proposal=Proposal(source="random", reply="")),
        past(4, 0.5, state="failed", value=None, error="diverged"),
        past(5, 0.6, proposal=Proposal()),
    )
    _, (request,) = play(Chat(), asked(*trials), at(0.25))
    roles = [m.role for m in request.messages]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user", "assistant", "user"]
    system, first, own, second, repaired, third, failed, last = (m.content for m in request.messages)
    assert "expert" in system
    assert "Trial 0 was not proposed by you (default)" in first
    assert (own, repaired, failed) == (at(0.2), at(9), at(0.5))
    assert "Trial 1: error = 2.0000e-01" in second
    assert 'It was evaluated with {"x": 0.3, "y": 0.5}, because: x = 9 is above the upper bound 1' in third
    assert "Trial 3 was not proposed by you (random)" in third
    assert "Trial 4: failed: diverged" in last
    assert "Trial 5 was not proposed by you (unknown)" in last
    assert "not proposed" not in second


def test_compressed_stays_one_message() -> None:
    _, (request,) = play(Compressed(), asked(*(past(i, i / 10) for i in range(10))), at(0.25))
    assert [m.role for m in request.messages] == ["system", "user"]
    assert '9. {"x": 0.9, "y": 0.5} -> error = 9.0000e-01' in told(request)
    assert '0. {"x": 0, "y": 0.5} -> error = 0.0000e+00 (best)' in told(request)


def long_dialogue() -> tuple[TrialRecord, ...]:
    """More than 4,000 tokens."""
    return tuple(
        past(i, i / 100, proposal=Proposal(source="model", reply="so it goes " * 90 + at(i / 100))) for i in range(50)
    )


def test_chat_is_compressed_when_it_is_known_to_be_too_long() -> None:
    proposal, (request,) = play(Chat(), asked(*long_dialogue(), context_tokens=4096), at(0.999))
    assert len(request.messages) == 2
    assert "outgrew the context" in proposal.note
    assert proposal.method == "compressed"
    proposal, (request,) = play(Chat(), asked(*long_dialogue(), context_tokens=100_000), at(0.999))
    assert len(request.messages) > 100
    assert not proposal.note


def test_chat_is_compressed_when_the_server_says_so() -> None:
    proposal, (long, short) = play(Chat(), asked(*long_dialogue()), ContextLimitExceeded("4096"), at(0.999))
    assert len(long.messages) > len(short.messages) == 2
    assert "outgrew the context" in proposal.note
    assert proposal.configuration["x"] == 0.999


def test_compressed_cannot_be_compressed_further() -> None:
    with pytest.raises(ContextLimitExceeded):
        play(Compressed(), asked(), ContextLimitExceeded("64"))


WITH_DEFAULT = SearchSpace({"x": Float(0, 1, default=0.5), "y": Float(0, 1, default=0.25)})


def test_the_default_comes_first() -> None:
    proposer = DefaultFirst(Compressed())
    proposal, requests = play(proposer, asked(space=WITH_DEFAULT))
    assert not requests
    assert (proposal.source, proposal.configuration) == ("default", {"x": 0.5, "y": 0.25})
    assert not proposal.model
    for later in (
        asked(past(0, 0.1), space=WITH_DEFAULT),
        asked(past(0, 0.1, state="running"), space=WITH_DEFAULT),
        asked(space=WITH_DEFAULT, fixed={"z": 1}),
        asked(space=SPACE),
    ):
        proposal, requests = play(proposer, later, at(0.75))
        assert proposal.source == "model"


def test_random_never_repeats() -> None:
    space = SearchSpace({"n": Int(1, 3), "k": Categorical(["a", "b"])})
    trials: list[TrialRecord] = []
    for number in range(6):
        ask = asked(*trials, space=space, rng=np.random.default_rng(number))
        proposal, requests = play(Random(), ask)
        assert not requests
        assert (proposal.source, proposal.fallback) == ("random", "")
        assert proposal.configuration not in [t.configuration for t in trials]
        trials.append(TrialRecord(number, "finished", proposal.configuration, value=1.0))
    proposal, _ = play(Random(), asked(*trials, space=space))
    assert space.accepts(proposal.configuration)


def test_random_is_reproducible() -> None:
    first, second = (play(Random(), asked(rng=np.random.default_rng(3)))[0] for _ in range(2))
    assert first.configuration == second.configuration


CONDITIONAL = SearchSpace({"kernel": Categorical(["linear", "poly"]), "degree": Int(2, 3, when={"kernel": "poly"})})


def kernels(*configurations: dict[str, Any], state: Any = "finished") -> Sequence[TrialRecord]:
    """Trials of the conditional space."""
    return [TrialRecord(i, state, c, value=1.0) for i, c in enumerate(configurations)]


def test_an_exhausted_space_allows_repeats() -> None:
    linear: dict[str, Any] = {"kernel": "linear"}
    poly: list[dict[str, Any]] = [{"kernel": "poly", "degree": degree} for degree in (2, 3)]
    ask = asked(*kernels(linear, linear, linear, poly[0]), space=CONDITIONAL)
    assert ask.duplicate(linear)
    assert not ask.duplicate(poly[1])
    exhausted = replace(ask, history=History(tuple(kernels(linear, *poly))))
    proposal, _ = play(Compressed(), exhausted, json.dumps(linear))
    assert (proposal.source, proposal.refused) == ("model", ())


def test_a_repeat_has_the_same_hyperparameters() -> None:
    waiting = kernels({"kernel": "poly"}, state="running")  # enqueued with one value: the other is not known yet
    assert not asked(*waiting, space=CONDITIONAL).duplicate({"kernel": "poly", "degree": 2})
    before = [TrialRecord(0, "finished", {"x": 0.5}, value=1.0)]  # y was added to the space later
    assert not asked(*before).duplicate({"x": 0.5, "y": 0.1})
    strange = [TrialRecord(0, "running", {"x": "half", "y": [1]})]  # type: ignore[dict-item]
    assert not asked(*strange).duplicate({"x": 0.1, "y": 0.1})
    other = [TrialRecord(0, "finished", {"z": 0.5}, value=1.0)]
    assert not asked(*other).tried
