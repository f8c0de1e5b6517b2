import json
import threading
from dataclasses import replace

import pytest

from tunewise.errors import BudgetReached, ModelUnavailable, ModelUnusable, ReplayMiss, StudyError, UsageError
from tunewise.llm.base import ChatReply, ChatRequest, Message, ToolCall
from tunewise.llm.calls import Call, Totals
from tunewise.llm.estimate import most_input_tokens
from tunewise.llm.ledger import Caps, Ledger, masked
from tunewise.llm.prices import Price
from tunewise.llm.scripted import FunctionModel, ScriptedModel

ASK = ChatRequest(messages=(Message("user", "Propose."),), max_output_tokens=100)
REPLY = ChatReply(text="{}", model="m-2", input_tokens=10, output_tokens=20, seconds=1.5)
PRICE = Price(1_000, 10_000)  # a tenth of a cent for a token read, a cent for a token written


def ignore(call: Call) -> None: ...


def test_a_call_is_recorded_with_what_it_cost() -> None:
    calls: list[Call] = []
    ledger = Ledger(ScriptedModel([REPLY]), price=PRICE)
    assert ledger.complete(ASK, calls.append) == REPLY
    (call,) = calls
    assert (call.key, call.model, call.text, call.seconds, call.error) == (ASK.key, "m-2", "{}", 1.5, "")
    assert call.cost_usd == pytest.approx(0.21)
    assert call.reply() == REPLY
    assert Call.from_dict(json.loads(json.dumps(call.to_dict()))) == call
    assert ledger.totals == Totals(
        calls=1,
        failed_calls=0,
        uncounted_calls=0,
        input_tokens=10,
        output_tokens=20,
        cost_usd=call.cost_usd,
        at_least_usd=call.cost_usd or 0,
    )


def test_a_call_that_a_cassette_does_not_hold_was_not_made() -> None:
    calls: list[Call] = []
    ledger = Ledger(ScriptedModel([ReplayMiss("not recorded"), REPLY]), caps=Caps(max_calls=1))
    with pytest.raises(ReplayMiss):
        ledger.complete(ASK, calls.append)
    assert not calls
    assert ledger.complete(ASK, calls.append) == REPLY


def test_a_failed_call_is_recorded_and_its_cost_is_unknown() -> None:
    calls: list[Call] = []
    ledger = Ledger(ScriptedModel([ModelUnavailable("HTTP 503"), REPLY]), price=PRICE)
    with pytest.raises(ModelUnavailable, match="503"):
        ledger.complete(ASK, calls.append)
    assert (calls[0].error, calls[0].cost_usd, calls[0].input_tokens) == ("ModelUnavailable: HTTP 503", None, None)
    with pytest.raises(ModelUnavailable, match="503"):
        calls[0].reply()
    ledger.complete(ASK, calls.append)
    totals = ledger.totals
    assert (totals.calls, totals.failed_calls, totals.uncounted_calls) == (2, 1, 1)
    assert totals.cost_usd is None
    assert totals.at_least_usd == pytest.approx(0.21)


def test_an_interrupted_call_is_recorded_and_the_interrupt_passes() -> None:
    def interrupt(request: ChatRequest) -> str:
        raise KeyboardInterrupt

    calls: list[Call] = []
    with pytest.raises(KeyboardInterrupt):
        Ledger(FunctionModel(interrupt)).complete(ASK, calls.append)
    assert [call.error for call in calls] == ["interrupted"]


def test_what_costs_nothing_costs_nothing_even_when_tokens_are_unknown() -> None:
    ledger = Ledger(ScriptedModel(["a", ModelUnavailable("no")]), caps=Caps(max_usd=0))
    ledger.complete(ASK, ignore)
    with pytest.raises(ModelUnavailable):
        ledger.complete(ASK, ignore)
    assert ledger.totals.cost_usd == 0
    assert ledger.totals.uncounted_calls == 2


@pytest.mark.parametrize(
    ("caps", "made"),
    [
        (Caps(max_calls=2), 2),
        (Caps(max_calls=0), 0),
        (Caps(max_tokens=100 + most_input_tokens(ASK) + 30), 2),
        (Caps(max_tokens=100 + most_input_tokens(ASK) - 1), 0),
        (Caps(max_usd=1.0 + most_input_tokens(ASK) / 1000 + 0.211), 2),
        (Caps(max_usd=1.0), 0),
    ],
)
def test_a_cap_is_checked_before_the_call(caps: Caps, made: int) -> None:
    model = ScriptedModel([REPLY] * 5)
    ledger = Ledger(model, caps=caps, price=PRICE)
    for _ in range(made):
        ledger.complete(ASK, ignore)
    with pytest.raises(BudgetReached, match=r"was not made\. Raise the cap"):
        ledger.complete(ASK, ignore)
    assert len(model.requests) == made == ledger.totals.calls


def test_calls_of_unknown_cost_count_with_their_upper_bound_also_after_a_restart() -> None:
    bound = 100 + most_input_tokens(ASK)
    calls: list[Call] = []
    ledger = Ledger(ScriptedModel([ModelUnavailable("no"), "x"]), caps=Caps(max_tokens=2 * bound))
    with pytest.raises(ModelUnavailable):
        ledger.complete(ASK, calls.append)
    resumed = Ledger(ScriptedModel(["x", "y"]), caps=Caps(max_tokens=2 * bound))
    resumed.restore(calls)
    resumed.complete(ASK, ignore)
    with pytest.raises(BudgetReached):
        resumed.complete(ASK, ignore)
    assert resumed.totals.calls == 2


def test_a_cap_on_dollars_needs_a_price() -> None:
    model = ScriptedModel([REPLY])
    model.price = None
    with pytest.raises(StudyError, match=r"State it .* Price\(2.5, 10\)"):
        Ledger(model, caps=Caps(max_usd=1))
    assert Ledger(model).complete(ASK, ignore) == REPLY
    stated = Ledger(model, caps=Caps(max_usd=1), price=Price(0.1, 0.1))
    assert stated.price == Price(0.1, 0.1)


def test_threads_cannot_exceed_a_cap_together() -> None:
    gate = threading.Barrier(8)
    model = FunctionModel(lambda _: REPLY)
    ledger = Ledger(model, caps=Caps(max_calls=3))
    outcomes: list[str] = []

    def ask() -> None:
        gate.wait()
        try:
            outcomes.append(ledger.complete(ASK, ignore).text)
        except BudgetReached:
            outcomes.append("capped")

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["capped"] * 5 + ["{}"] * 3
    assert ledger.totals.calls == 3 == len(model.requests)


@pytest.mark.parametrize(
    "wrong", [{"max_calls": -1}, {"max_calls": 2.0}, {"max_tokens": True}, {"max_usd": float("nan")}, {"max_usd": "3"}]
)
def test_caps_are_validated(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="Use None for no cap"):
        Caps(**wrong)  # type: ignore[arg-type]


def test_a_damaged_record_is_a_study_error_and_a_later_one_is_read() -> None:
    with pytest.raises(StudyError, match="damaged"):
        Call.from_dict({"text": "no key"})
    assert Call.from_dict({"key": "k", "model": "m", "added_later": 1}) == Call(key="k", model="m")


@pytest.mark.parametrize(
    ("name", "amount"),
    [
        ("input_tokens", -5),
        ("output_tokens", 10**400),
        ("most_input_tokens", -1),
        ("cost_usd", -0.1),
        ("seconds", -1.0),
    ],
)
def test_amounts_that_no_call_can_have_are_damage(name: str, amount: float) -> None:
    with pytest.raises(StudyError, match=f"damaged: {name} = "):
        Call.from_dict({"key": "k", "model": "m", name: amount})


def test_a_schema_counts_as_prompt() -> None:
    assert most_input_tokens(replace(ASK, schema={"type": "object"})) > most_input_tokens(ASK)


def test_a_model_that_cannot_be_reached_bills_nothing() -> None:
    calls: list[Call] = []
    ledger = Ledger(ScriptedModel([ModelUnusable("no such server")]), price=PRICE)
    with pytest.raises(ModelUnusable):
        ledger.complete(ASK, calls.append)
    assert (calls[0].cost_usd, calls[0].input_tokens) == (0.0, 0)
    assert ledger.totals.cost_usd == 0


def test_secrets_reach_neither_the_model_nor_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "correct-horse-battery")
    call = ToolCall(name="trials", arguments='{"x": "correct-horse-battery"}', id="1")
    told = Message("assistant", "sk-proj-Ab3dEf6hIj9kLmNoPqRs", tool_calls=(call,))
    ask = replace(ASK, messages=(told, Message("user", "It says correct-horse-battery.")))
    model = ScriptedModel([REPLY, ModelUnavailable("bad key correct-horse-battery")])
    calls: list[Call] = []
    ledger = Ledger(model)
    ledger.complete(ask, calls.append)
    with pytest.raises(ModelUnavailable):
        next(ledger.stream(ask, calls.append))
    for request in model.requests:
        assert [m.content for m in request.messages] == ["***", "It says ***."]
        assert request.messages[0].tool_calls[0].arguments == '{"x": "***"}'
        assert request == masked(request)
    assert calls[0].key == masked(ask).key
    assert calls[1].error == "ModelUnavailable: bad key ***"
