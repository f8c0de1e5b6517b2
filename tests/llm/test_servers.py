"""Servers as they really are: kinds of refusals, of misplaced answers, of endless answers."""

from __future__ import annotations

import gzip
import json
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tunewise.errors import Cancelled, ContextLimitExceeded, ModelUnavailable, ModelUnusable
from tunewise.llm import dialect, wire
from tunewise.llm.base import ChatModel, ChatReply, ChatRequest, Message
from tunewise.llm.calls import Call
from tunewise.llm.ledger import Caps, Ledger
from tunewise.llm.openai import OpenAIModel
from tunewise.llm.prices import Price
from tunewise.testing.server import (
    Behaviour,
    Exchange,
    FaultServer,
    Received,
    answers_slowly,
    body,
    completion,
    error_body,
    hang,
    reply,
    status,
    tool_call,
)

SCHEMA = {"type": "object", "properties": {"C": {"type": "number"}}, "required": ["C"], "additionalProperties": False}
ASK = ChatRequest(messages=(Message("system", "Be brief."), Message("user", "Propose C.")), schema=SCHEMA)
ANSWER = '{"C": 1}'


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialect, "known", {})
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret-123")


Start = Callable[..., tuple[FaultServer, OpenAIModel]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a server that always does the same, and a model on it."""
    opened: list[tuple[FaultServer, OpenAIModel]] = []

    def open_pair(behaviour: Behaviour, **options: Any) -> tuple[FaultServer, OpenAIModel]:
        server = FaultServer(then=behaviour).__enter__()
        model = OpenAIModel("test-model", base_url=server.base_url, **{"max_retries": 0, "timeout_s": 60.0} | options)
        opened.append((server, model))
        return server, model

    yield open_pair
    for server, model in opened:
        model.close()
        server.__exit__(None, None, None)


def unless(
    refused: Callable[[dict[str, Any]], bool], refusal: Behaviour, otherwise: Behaviour | None = None
) -> Behaviour:
    """A refusal of requests of a kind, else a reply."""

    def play(exchange: Exchange, received: Received) -> None:
        (refusal if refused(dict(received.json)) else reply(ANSWER))(exchange, received)

    return play


def has_system(asked: dict[str, Any]) -> bool:
    return any(message["role"] == "system" for message in asked["messages"])


LEARNED_ONCE = {
    "stream only": (lambda asked: not asked.get("stream"), status(400, "This model only support stream mode.")),
    "stream required": (lambda asked: not asked.get("stream"), status(422, "`stream` must be set to true")),
    "no system role": (has_system, status(400, "System role not supported")),
    "no developer instruction": (has_system, status(400, "Developer instruction is not enabled for models/gemma")),
    "roles alternate": (
        has_system,
        status(500, "Conversation roles must alternate user/assistant/user/assistant/... raise_exception in template"),
    ),
    "only two roles": (has_system, status(500, "Only user and assistant roles are supported!")),
    "no system role, by field": (
        has_system,
        status(400, "Unsupported value: 'messages[0].role' does not support 'system'.", param="messages"),
    ),
    "schema 404": (lambda asked: "response_format" in asked, status(404, "No endpoints found for the parameters.")),
    "schema 500": (lambda asked: "response_format" in asked, status(500, "Internal Server Error")),
    "schema 501": (lambda asked: "response_format" in asked, status(501, "Not implemented")),
    "schema 503 in words": (lambda asked: "response_format" in asked, status(503, "grammar could not be compiled")),
}


@pytest.mark.parametrize(("refused", "refusal"), LEARNED_ONCE.values(), ids=LEARNED_ONCE)
def test_what_a_server_does_not_know_is_learned_once_and_kept(
    start: Start, refused: Callable[[dict[str, Any]], bool], refusal: Behaviour
) -> None:
    server, model = start(unless(refused, refusal))
    assert model.complete(ASK).text == ANSWER
    first = len(server.received)
    assert first <= 3
    assert model.complete(ASK).text == ANSWER
    assert len(server.received) == first + 1
    said = " ".join(message["content"] for message in server.received[-1].json["messages"])
    assert "Be brief." in said
    assert "Propose C." in said


def test_an_outage_is_not_taken_for_a_dislike_of_schemas(start: Start) -> None:
    server, model = start(status(500, "Internal Server Error"))
    with pytest.raises(ModelUnavailable, match="Internal Server Error"):
        model.complete(ASK)
    assert len(server.received) == 2
    assert dialect.known == {}


def thinking(needs: int) -> Behaviour:
    """A model that thinks so many tokens before it answers."""

    def play(exchange: Exchange, received: Received) -> None:
        room = received.json.get("max_completion_tokens") or received.json.get("max_tokens")
        enough = room is not None and room >= needs
        thoughts = {"reasoning_content": "Perhaps C = 9?"}
        answer = reply(ANSWER, **thoughts) if enough else reply("", finish_reason="length", **thoughts)
        answer(exchange, received)

    return play


@pytest.mark.parametrize("needs", [3_000, 20_000])
def test_a_model_that_thinks_has_room_by_default(start: Start, needs: int) -> None:
    server, model = start(thinking(needs))
    assert model.complete(ASK).text == ANSWER
    assert len(server.received) == 1


def test_more_room_is_learned_and_kept(start: Start) -> None:
    server, model = start(thinking(100_000))
    assert model.complete(ASK).finish_reason == "length"
    assert model.complete(ASK).text == ANSWER
    assert model.complete(ASK).text == ANSWER
    assert len(server.received) == 3


def test_room_is_a_setting(start: Start) -> None:
    server, model = start(thinking(100_000), max_output_tokens=700)
    for _ in range(2):
        assert model.complete(ASK).finish_reason == "length"
    assert [received.json["max_tokens"] for received in server.received] == [700, 700]
    assert model.max_output_tokens == 700


def allows(most: int, words: str, *, code: int = 400) -> Behaviour:
    """A server that allows no more room than this."""
    return unless(lambda asked: asked["max_tokens"] > most, status(code, words))


@pytest.mark.parametrize(
    ("most", "words"),
    [
        (16_384, "max_tokens is too large: 32768. This model supports at most 16384 completion tokens."),
        (8_192, "max_tokens: 32768 > 8192, which is the maximum allowed number of output tokens for claude-3-5-haiku"),
        (8_192, "Invalid max_tokens value, the valid range of max_tokens is [1, 8192]"),
        (4_096, "maxOutputTokens value of 32768 but the supported range is from 1 (inclusive) to 8193 (exclusive)"),
        (7_000, "This model's maximum context length is 8192 tokens. However, you requested 33000 tokens (1000 in the "
                "messages, 32000 in the completion). Please reduce the length of the messages or completion."),
        (3_000, "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 1000 `inputs` tokens and 32768"),
        (30_000, "input length and `max_tokens` exceed context limit: 1000 + 32768 > 31000, decrease `max_tokens`"),
    ],
)  # fmt: skip
def test_less_room_is_learned_and_kept(start: Start, most: int, words: str) -> None:
    server, model = start(allows(most, words))
    assert model.complete(ASK).text == ANSWER
    first = len(server.received)
    assert first <= 5
    assert 1_024 <= server.received[-1].json["max_tokens"] <= most
    model.complete(ASK)
    assert len(server.received) == first + 1


def test_room_that_cannot_be_paid_is_not_asked_for(start: Start) -> None:
    words = (
        "This request requires more credits, or fewer max_tokens. You requested 32768 tokens, but can only afford 5000."
    )
    server, model = start(allows(5_000, words, code=402))
    assert model.complete(ASK).text == ANSWER
    assert server.received[-1].json["max_tokens"] == 5_000


def test_caps_leave_room_for_the_calls_that_follow(start: Start) -> None:
    server, model = start(reply(ANSWER))
    ledger = Ledger(model, caps=Caps(max_tokens=20_000))
    ledger.complete(ASK, lambda _: None)
    assert 2_048 < server.received[0].json["max_tokens"] < 10_000


TOO_LONG = {
    "OpenAI": "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.",
    "vLLM": "The decoder prompt (length 9001) is longer than the maximum model length of 8192.",
    "vLLM, older": "Input prompt (9001 tokens) is too long and exceeds limit of 8192",
    "TGI": "Input validation error: `inputs` must have less than 1024 tokens. Given: 2000",
    "llama.cpp": "the request exceeds the available context size, try increasing it",
    "llama.cpp, batch": "input is too large to process. increase the physical batch size",
    "Gemini": "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
    "Mistral": "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
    "Anthropic": "prompt is too long: 210000 tokens > 200000 maximum",
    "xAI": "This model's maximum prompt length is 131072 but the request contains 540000 tokens.",
    "exceed context limit": "input length exceed context limit: 210000 > 200000",
    "model max length": "model max length exceeded",
    "Bedrock": "Input is too long for requested model.",
    "DashScope": "Range of input length should be [1, 30720]",
    "Moonshot": "Invalid request: Your request exceeded model token limit: 8192",
    "Zhipu": "Prompt exceeds max length",
    "Cohere": "too many tokens: total number of tokens cannot exceed 4096",
    "Ollama": "the input length exceeds the context length",
    "LM Studio": "The number of tokens to keep from the initial prompt is greater than the context length.",
    "MiniMax": "invalid params, context window exceeds limit",
    "Groq": "Please reduce the length of the messages or completion.",
}


@pytest.mark.parametrize("code", [400, 422])
@pytest.mark.parametrize("words", TOO_LONG.values(), ids=TOO_LONG)
def test_a_prompt_that_is_too_long_is_told_as_such_in_all_wordings(start: Start, words: str, code: int) -> None:
    _, model = start(status(code, words))
    with pytest.raises(ContextLimitExceeded):
        model.complete(ASK)


@pytest.mark.parametrize("words", ["Rate limit exceeded", "quota exceeded", "model overloaded", "invalid temperature"])
def test_other_limits_are_not_the_length_of_the_prompt(start: Start, words: str) -> None:
    _, model = start(status(400, words))
    with pytest.raises((ModelUnavailable, ModelUnusable)):
        model.complete(replace(ASK, schema=None))


AN_OBJECT: Any = {"C": 1}
ONE_PART: Any = {"type": "text", "text": ANSWER}
ELSEWHERE = {
    "reasoning_content": completion(None, reasoning_content=ANSWER),
    "reasoning": completion("", reasoning=ANSWER),
    "an unasked tool call": completion(None, finish_reason="tool_calls", tool_calls=[tool_call("reply", {"C": 1})]),
    "the older form of a tool call": completion(None, function_call={"name": "reply", "arguments": ANSWER}),
    "content as an object": completion(AN_OBJECT),
    "content as one part": completion(ONE_PART),
}


@pytest.mark.parametrize("answer", ELSEWHERE.values(), ids=ELSEWHERE)
def test_an_answer_that_stands_elsewhere_is_read_there(start: Start, answer: dict[str, Any]) -> None:
    _, model = start(body(json.dumps(answer)))
    answered = model.complete(ASK)
    assert (answered.text, answered.finish_reason, answered.tool_calls) == (ANSWER, "stop", ())


EVENT = json.dumps({"choices": [{"delta": {"content": ANSWER + "\u2028"}}]}, ensure_ascii=False)
EVENTS = {"lines": "\n", "lines of Windows": "\r\n", "lines of old": "\r"}


@pytest.mark.parametrize("end", EVENTS.values(), ids=EVENTS)
def test_a_stream_that_nobody_asked_for_is_read_whatever_ends_its_lines(start: Start, end: str) -> None:
    _, model = start(body(f": hi{end}data:{EVENT}{end}{end}data: [DONE]{end}{end}", "text/event-stream"))
    assert model.complete(ASK).text == ANSWER + "\u2028"


def test_of_several_unasked_tool_calls_none_is_lost(start: Start) -> None:
    calls = [tool_call("think", {"thought": "C = 9?"}), tool_call("reply", {"C": 1}), tool_call("reply", {"C": 2})]
    _, model = start(body(json.dumps(completion(None, tool_calls=calls))))
    assert model.complete(ASK).text.splitlines() == ['{"thought": "C = 9?"}', '{"C": 1}', '{"C": 2}']


def test_thoughts_that_were_cut_off_are_no_answer(start: Start) -> None:
    _, model = start(reply("", finish_reason="length", reasoning_content='Perhaps {"C": 9}'))
    assert model.complete(ASK).text == ""


def test_a_key_that_the_server_echoes_reaches_nobody(start: Start, tmp_path: Path) -> None:
    _, model = start(reply("You sent sk-very-secret-123 to me.", tool_calls=[tool_call("x", "sk-very-secret-123")]))
    kept: list[Call] = []
    Ledger(model).complete(ASK, kept.append)
    assert "sk-very-secret-123" not in repr(kept)
    assert "".join(model.stream(ASK)).startswith("You sent *** to me.")


# Answers without end


def raw(parts: Callable[[], Iterator[bytes]], headers: dict[str, str]) -> Behaviour:
    """An answer of any bytes, as long as the client listens."""

    def play(exchange: Exchange, _: Received) -> None:
        exchange.send_response(200)
        for name, value in {**headers, "connection": "close"}.items():
            exchange.send_header(name, value)
        exchange.end_headers()
        exchange.close_connection = True
        try:
            for part in parts():
                exchange.wfile.write(part)
        except OSError:
            exchange.fault_server.hung_up.set()

    return play


def endless(part: bytes) -> Callable[[], Iterator[bytes]]:
    def parts() -> Iterator[bytes]:
        while True:
            yield part

    return parts


def bomb(wbits: int) -> Callable[[], Iterator[bytes]]:
    def parts() -> Iterator[bytes]:
        press = zlib.compressobj(9, zlib.DEFLATED, wbits)
        yield b"".join([press.compress(b" " * 1_000_000) for _ in range(30)]) + press.flush()

    return parts


WITHOUT_END = {
    "a body": raw(endless(b" " * 65_536), {"content-type": "application/json"}),
    "one line of a stream": raw(endless(b"x" * 65_536), {"content-type": "text/event-stream"}),
    "comments": raw(endless(b": wait\n\n" * 8_192), {"content-type": "text/event-stream"}),
    "a gzip bomb": raw(bomb(zlib.MAX_WBITS | 16), {"content-type": "application/json", "content-encoding": "gzip"}),
    "a deflate bomb": raw(bomb(zlib.MAX_WBITS), {"content-type": "application/json", "content-encoding": "deflate"}),
    "a bomb in a bomb": raw(
        lambda: iter([gzip.compress(b"{}")]), {"content-type": "application/json", "content-encoding": "gzip, gzip"}
    ),
}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("behaviour", WITHOUT_END.values(), ids=WITHOUT_END)
def test_an_answer_without_end_is_broken_off(
    start: Start, behaviour: Behaviour, streamed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "MAX_BYTES", 2_000_000)
    _, model = start(behaviour)
    with pytest.raises(ModelUnavailable, match=r"longer than 2000000 bytes|not asked for"):
        [*model.stream(ASK)] if streamed else [model.complete(ASK)]


def test_an_error_without_end_is_broken_off(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_BYTES", 2_000_000)

    def play(exchange: Exchange, _: Received) -> None:
        exchange.send(400, b" " * 3_000_000)

    _, model = start(play)
    with pytest.raises(ModelUnavailable, match="longer than 2000000 bytes"):
        model.complete(ASK)


def test_proper_compression_is_undone(start: Start) -> None:
    packed = gzip.compress(json.dumps(completion(ANSWER)).encode())
    _, model = start(lambda exchange, _: exchange.send(200, packed, {"content-encoding": "gzip"}))
    assert model.complete(ASK).text == ANSWER


@pytest.mark.parametrize("where", ["headers", "body", "stream", "nowhere"])
def test_an_answer_that_trickles_is_given_up(start: Start, where: str) -> None:
    _, model = start(hang() if where == "nowhere" else answers_slowly(where, pause_s=0.05), timeout_s=0.3)
    with pytest.raises(ModelUnavailable, match=r"did not (finish its )?answer"):
        model.complete(ASK)


@pytest.mark.parametrize("behaviour", [hang(), answers_slowly("headers", pause_s=0.05)])
def test_a_call_can_be_given_up_at_once_from_another_thread(start: Start, behaviour: Behaviour) -> None:
    arrived = threading.Event()

    def play(exchange: Exchange, received: Received) -> None:
        arrived.set()
        behaviour(exchange, received)

    _, model = start(play)
    ledger = Ledger(model)
    calls: list[Call] = []
    errors: list[BaseException] = []

    def ask() -> None:
        try:
            ledger.complete(ASK, calls.append)
        except Cancelled as error:
            errors.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    assert arrived.wait(60)
    ledger.cancel()
    thread.join(60)
    assert len(errors) == 1
    assert "may be billed" in calls[0].error
    with pytest.raises(Cancelled, match="no more calls"):
        ledger.complete(ASK, calls.append)


# What a server says about tokens


@pytest.mark.parametrize("said", [0, -5, "many", 10**400, 1.5, None, [1], True, 1])
def test_a_usage_that_cannot_be_true_is_recorded_and_counts_as_we_estimate(start: Start, said: object) -> None:
    answer = completion("word " * 200)
    answer["usage"] = {"prompt_tokens": said, "completion_tokens": said}
    _, model = start(body(json.dumps(answer)))
    ask = replace(ASK, messages=(Message("user", "word " * 400),))
    ledger = Ledger(model, caps=Caps(max_tokens=20_000), price=Price(1, 1))
    calls: list[Call] = []
    ledger.complete(ask, calls.append)
    tokens, usd = calls[0].most(ledger.price)
    assert 600 <= tokens < 4_000
    assert 600e-6 <= usd < 4e-3


class Lying:
    """A model of somebody's own that counts as it likes."""

    name = "lying"
    context_tokens = None

    def complete(self, request: ChatRequest) -> ChatReply:
        return ChatReply(text="word " * 200, model="m", input_tokens=10**400, output_tokens=-1)


def test_the_usage_of_any_model_is_checked() -> None:
    model: ChatModel = Lying()
    calls: list[Call] = []
    Ledger(model, price=Price(1, 1)).complete(ASK, calls.append)
    assert (calls[0].input_tokens, calls[0].output_tokens, calls[0].cost_usd) == (None, None, None)


# Certificates and proxies


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("SSL_CERT_FILE", "/nowhere/ca.pem", "SSL_CERT_FILE.*cannot be read.*Correct the variable"),
        ("ALL_PROXY", "socks5://127.0.0.1:9", "needs the package socksio|proxy"),
        ("HTTPS_PROXY", "gopher://127.0.0.1:9", "proxy that the environment names"),
    ],
)
def test_an_environment_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    monkeypatch.setenv(variable, value)
    model = OpenAIModel("m", base_url="https://models.example.org/v1", max_retries=0)
    with pytest.raises(ModelUnusable, match=words):
        model.complete(ASK)


def test_certificates_of_the_environment_count_for_a_neighbour_too(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    _, model = start(reply(ANSWER))
    assert model.complete(ASK).text == ANSWER
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    model.close()
    with pytest.raises(ModelUnusable, match="SSL_CERT_FILE"):
        model.complete(ASK)


def test_errors_are_json_of_any_shape(start: Start) -> None:
    for text in ('{"error": "context length"}', error_body("maximum prompt length"), '{"detail": "prompt too long"}'):
        _, model = start(lambda exchange, _, text=text: exchange.send(400, text))
        with pytest.raises(ContextLimitExceeded):
            model.complete(ASK)
