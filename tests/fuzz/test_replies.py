"""Whatever a server sends: it is read, or refused with an expected error, and counts as a plausible number."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewise.errors import InvalidReply
from tunewise.llm.base import ChatReply, ChatRequest, Message
from tunewise.llm.calls import Call
from tunewise.llm.completion import read_completion
from tunewise.llm.dialect import Dialect
from tunewise.llm.ledger import Ledger
from tunewise.llm.prices import Price
from tunewise.llm.scripted import FunctionModel
from tunewise.llm.streaming import Assembly
from tunewise.prompts.parse import parse_batch, parse_reply
from tunewise.prompts.thoughts import final_answer
from tunewise.space import Categorical, Float, Int, SearchSpace

pytestmark = pytest.mark.fuzz

SPACE = SearchSpace({"C": Float(0, 9), "depth": Int(1, 9), "kernel": Categorical(["rbf", None, True])})
ASK = ChatRequest(messages=(Message("system", "Be brief."), Message("user", "C?")), schema={"type": "object"}, seed=1)
KEYS = st.sampled_from(
    "choices message content refusal tool_calls function name arguments usage model text delta index id".split()  # noqa: SIM905
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
ANY = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4))
PLACES = ("content", "reasoning_content", "tool_calls", "refusal")
MESSAGES = st.fixed_dictionaries({}, optional=dict.fromkeys(PLACES, ANY))
THOUGHTS = ("<think>", "</think>", "[THINK]", "[/THINK]", "<|channel|>", "final", "<|message|>", "<|end|>", "```", "\n")
PIECES = ('{"C": 1', "}", ', "depth": 2', ', "kernel": "rbf"', "/*", "*/", "1,024", "10%", "\u2212", "not ", "Final: ")
MARKS = st.sampled_from((*THOUGHTS, *PIECES))
EXPECTED = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""What `OpenAIModel` makes one clear error of."""


@given(MESSAGES, ANY, ANY)
def test_any_completion_is_read_or_refused(message: object, usage: object, reason: object) -> None:
    answer = {"choices": [{"message": message, "finish_reason": reason}], "usage": usage}
    with contextlib.suppress(*EXPECTED):
        reply = read_completion(json.dumps(answer).encode(), model="m", offered=False)
        assert isinstance(reply.text, str)
        assert reply.input_tokens is None or 0 <= reply.input_tokens <= 10**9


@given(st.lists(ANY | MESSAGES.map(lambda delta: {"choices": [{"delta": delta}]}), max_size=5))
def test_any_stream_is_put_together_or_broken_off(events: list[object]) -> None:
    whole = Assembly(10_000)
    for event in events:
        whole.add(f"data: {json.dumps(event)}")
    if not whole.error:
        json.dumps(whole.completion())


@given(st.lists(MARKS | st.text(max_size=5), max_size=40).map("".join))
def test_any_marks_are_an_answer_or_refused(text: str) -> None:
    for read in (final_answer, lambda reply: parse_reply(reply, SPACE), lambda reply: parse_batch(reply, SPACE)):
        with contextlib.suppress(InvalidReply):
            read(text)


@given(ANY | st.integers(10**300, 10**400), ANY | st.integers(-(10**9), 0), st.text())
def test_any_usage_is_recorded_first(reading: object, writing: object, text: str) -> None:
    reply = ChatReply(text=text, model="m", input_tokens=reading, output_tokens=writing)  # type: ignore[arg-type]
    calls: list[Call] = []
    ledger = Ledger(FunctionModel(lambda _: reply), price=Price(1, 1))
    ledger.complete(ASK, calls.append)
    tokens, usd = calls[0].most(ledger.price)
    assert 0 < tokens <= 2 * 10**9
    assert 0 <= usd < 1e4


@given(st.text(), st.none() | st.text(max_size=20))
def test_any_words_of_a_refusal_lead_to_an_end(words: str, parameter: str | None) -> None:
    dialect: Dialect | None = Dialect()
    for _ in range(40):
        assert dialect is not None
        dialect = dialect.narrower(ASK, words) if "1" in words else dialect.after(ASK, parameter, words)
        if dialect is None:
            return
    raise AssertionError("it never gives up")
