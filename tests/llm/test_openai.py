import gc
import json
import re
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from tunewise.errors import ContextLimitExceeded, ModelError, ModelUnavailable, ModelUnusable, UsageError
from tunewise.llm import dialect
from tunewise.llm.base import ChatModel, ChatRequest, Message
from tunewise.llm.openai import MAX_REPLY_CHARACTERS, OpenAIModel
from tunewise.llm.prices import Price
from tunewise.testing.server import (
    Behaviour,
    FaultServer,
    body,
    completion,
    context_exceeded,
    drop_mid_body,
    empty,
    hang,
    not_json,
    refusal,
    rejects,
    reply,
    reset,
    status,
    truncated,
    wrong_shape,
)

SCHEMA = {"type": "object", "properties": {"C": {"type": "number"}}, "required": ["C"], "additionalProperties": False}
ASK = ChatRequest(messages=(Message("system", "Be brief."), Message("user", "Propose C.")), schema=SCHEMA, seed=7)
KEY = "sk-very-secret-123"


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialect, "known", {})
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


@pytest.fixture
def start() -> Iterator[Callable[..., tuple[FaultServer, OpenAIModel]]]:
    """Start a server that plays behaviours, and a model on it."""
    opened: list[tuple[FaultServer, OpenAIModel]] = []

    def open_pair(
        *behaviours: Behaviour, api_key: str | None = None, **options: Any
    ) -> tuple[FaultServer, OpenAIModel]:
        server = FaultServer(behaviours, api_key=api_key).__enter__()
        model = OpenAIModel("test-model", base_url=server.base_url, **{"max_retries": 0, "timeout_s": 60.0} | options)
        opened.append((server, model))
        return server, model

    yield open_pair
    for server, model in opened:
        model.close()
        server.__exit__(None, None, None)


Start = Callable[..., tuple[FaultServer, OpenAIModel]]


def test_a_reply_is_read_and_the_request_says_everything(start: Start) -> None:
    server, model = start(reply('{"C": 1}'))
    answer = model.complete(ASK)
    assert (answer.text, answer.model, answer.finish_reason) == ('{"C": 1}', "test-model-2026", "stop")
    assert (answer.input_tokens, answer.output_tokens) == (40, 2)
    assert 0 < answer.seconds < 5
    sent = server.received[0].json
    assert sent["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Propose C."}]
    assert (sent["temperature"], sent["seed"], sent["max_tokens"]) == (0.0, 7, 32_768)
    assert sent["response_format"]["json_schema"] == {"name": "reply", "strict": True, "schema": SCHEMA}
    assert isinstance(model, ChatModel)


@pytest.mark.parametrize(
    ("behaviour", "text", "finish_reason"),
    [
        (empty(), "", "stop"),
        (truncated("{"), "{", "length"),
        (refusal("No."), "No.", "refusal"),
        (reply("", finish_reason="content_filter"), "", "refusal"),
        (reply("x", finish_reason="tool_calls"), "x", "other"),
        (status(400, "blocked", code="content_filter"), "blocked", "refusal"),
        (reply("y" * 1_000_000), "y" * MAX_REPLY_CHARACTERS, "length"),
        (reply("answer", reasoning_content="thought"), "answer", "stop"),
        (reply("lone \ud83d surrogate"), "lone ? surrogate", "stop"),
    ],
)
def test_odd_replies_are_replies(start: Start, behaviour: Behaviour, text: str, finish_reason: str) -> None:
    _, model = start(behaviour)
    answer = model.complete(ASK)
    assert (answer.text, answer.finish_reason) == (text, finish_reason)


def test_usage_may_be_missing_or_nonsense_and_content_may_come_in_parts(start: Start) -> None:
    parts: Any = [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]
    _, model = start(reply("x", usage=False), body(json.dumps(completion(parts))))
    assert model.complete(ASK).input_tokens is None
    assert model.complete(ASK).text == "ab"


@pytest.mark.parametrize(
    ("behaviour", "error", "words"),
    [
        (status(403), ModelUnusable, "the environment variable OPENAI_API_KEY"),
        (status(404, "no such model"), ModelUnusable, "'test-model'.*no such model.*most end in /v1"),
        (status(402), ModelUnusable, "no credit"),
        (status(429, code="insufficient_quota"), ModelUnusable, "no credit"),
        (status(429, retry_after=300), ModelUnavailable, "asks to wait 300 s"),
        (status(500), ModelUnavailable, "HTTP 500"),
        (status(503), ModelUnavailable, "HTTP 503"),
        (context_exceeded(), ContextLimitExceeded, "shorter"),
        (status(400, "This model's maximum context length is 10 tokens"), ContextLimitExceeded, "maximum context"),
        (status(400, "request (9 tokens) exceeds the available context size (8 tokens)"), ContextLimitExceeded, "size"),
        (status(400, "too long", type="exceed_context_size_error"), ContextLimitExceeded, "shorter"),
        (status(413), ContextLimitExceeded, "shorter"),
        (reset(), ModelUnavailable, "1 attempt"),
        (drop_mid_body(), ModelUnavailable, "1 attempt"),
        (not_json(), ModelUnavailable, "no chat completion.*Sign in first"),
        (wrong_shape(), ModelUnavailable, "no chat completion"),
        (body("null"), ModelUnavailable, "no chat completion"),
        (body(b"\xff\xfe\x00"), ModelUnavailable, "no chat completion"),
        (body("[" * 100_000), ModelUnavailable, "no chat completion"),
        (body('{"choices": [{"message": {"content": 5}}]}'), ModelUnavailable, "no chat completion"),
        (body('{"choices": [{"message": {"content": [null]}}]}'), ModelUnavailable, "no chat completion"),
        (body('{"error": {"message": "provider down"}}'), ModelUnavailable, "provider down"),
        (
            lambda exchange, _: exchange.send(200, b"no gzip", {"content-encoding": "gzip"}),
            ModelUnavailable,
            "1 attempt",
        ),
        (lambda exchange, _: exchange.send(400, '{"error": "m is unknown"}'), ModelUnusable, "m is unknown"),
        (lambda exchange, _: exchange.send(400, '{"error": {"message": [1], "param": [2]}}'), ModelUnusable, "param"),
    ],
)
def test_faults_are_named_by_what_can_be_done(
    start: Start, behaviour: Behaviour, error: type[ModelError], words: str
) -> None:
    server, model = start(behaviour)
    with pytest.raises(error, match=words) as caught:
        model.complete(replace(ASK, schema=None))
    assert type(caught.value) is error
    assert len(server.received) == 1


def test_a_server_that_hangs_is_given_up(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunewise.llm.openai.PATIENCE", 1000)  # a slow machine comes to the silence first
    _, model = start(hang(), timeout_s=0.2)
    with pytest.raises(ModelUnavailable, match=r"within 0\.2 s, in 1 attempt"):
        model.complete(ASK)


@pytest.mark.parametrize("fault", [status(429, retry_after=0.01), status(503, retry_after=0.01), reset()])
def test_what_passes_is_retried(start: Start, fault: Behaviour) -> None:
    server, model = start(fault, reply("ok"), max_retries=1)
    assert model.complete(ASK).text == "ok"
    assert len(server.received) == 2


def test_a_key_does_not_follow_a_redirect_to_another_server(start: Start) -> None:
    other, _ = start(reply("ok"))
    address = other.base_url + "/chat/completions"
    server, model = start(lambda exchange, _: exchange.send(307, b"", {"location": address}))
    assert model.complete(ASK).text == "ok"
    assert server.received[0].headers["authorization"] == f"Bearer {KEY}"
    assert "authorization" not in other.received[0].headers


def test_https_where_there_is_none_is_unusable(start: Start) -> None:
    server, _ = start(reply("ok"))
    model = OpenAIModel("m", base_url=server.base_url.replace("http:", "https:"), max_retries=0)
    with pytest.raises(ModelUnusable, match="SSL"):
        model.complete(ASK)
    model.close()


def test_threads_share_a_model_that_has_yet_to_learn(start: Start) -> None:
    server, model = start(*[rejects("json_schema", "seed")] * 99)
    with ThreadPoolExecutor(8) as pool:
        assert {reply.text for reply in pool.map(model.complete, [ASK] * 16)} == {"{}"}
    assert len(server.received) <= 16 * 3


def test_nobody_there_is_unusable_at_first_and_unavailable_later() -> None:
    with FaultServer([reply("ok")]) as server:
        early, late = (OpenAIModel("test-model", base_url=server.base_url, max_retries=0) for _ in range(2))
        early.complete(ASK)
    with pytest.raises(ModelUnavailable, match="failed in 1 attempt"):
        early.complete(ASK)
    with pytest.raises(ModelUnusable, match="No server can be reached"):
        late.complete(ASK)
    early.close()
    late.close()


# What servers refuse


@pytest.mark.parametrize(
    ("refused", "kept"),
    [
        (("json_schema",), {"json_object": True, "temperature": True, "seed": True, "max_tokens": True}),
        (("json_schema", "json_object"), {"json_object": False, "temperature": True}),
        (("temperature",), {"json_schema": True, "temperature": False, "seed": True}),
        (("seed",), {"json_schema": True, "temperature": True, "seed": False}),
        (("max_tokens",), {"max_tokens": False, "max_completion_tokens": True, "seed": True}),
        (
            ("json_schema", "json_object", "temperature", "seed", "max_tokens"),
            {"temperature": False, "seed": False, "max_completion_tokens": True},
        ),
    ],
)
def test_what_a_server_refuses_is_left_out_and_not_tried_again(
    start: Start, refused: tuple[str, ...], kept: dict[str, bool]
) -> None:
    server, model = start(*[rejects(*refused)] * 10)
    assert model.complete(ASK).text == "{}"
    tries = len(server.received)
    assert tries == 1 + len(refused)
    again = OpenAIModel("test-model", base_url=server.base_url)
    assert again.complete(ASK).text == "{}"
    again.close()
    assert len(server.received) == tries + 1
    sent = server.received[-1].json
    given = {*sent, sent.get("response_format", {}).get("type")}
    assert {name: name in given for name in kept} == kept


def test_a_parameter_that_is_blamed_in_words_only_is_found(start: Start) -> None:
    words = '[{"type": "extra_forbidden", "loc": ["body", "seed"], "input": {"temperature": 0}}]'
    server, model = start(status(422, words), reply("ok"))
    assert model.complete(ASK).text == "ok"
    assert "seed" not in server.received[1].json
    assert "temperature" in server.received[1].json


def test_a_refusal_without_a_word_costs_the_schema_and_nothing_is_learnt_from_failures(start: Start) -> None:
    server, model = start(status(400), status(400), status(400), reply("ok"))
    with pytest.raises(ModelUnusable, match="refused for a test"):
        model.complete(ASK)
    assert [r.json.get("response_format", {}).get("type") for r in server.received] == [
        "json_schema",
        "json_object",
        None,
    ]
    assert model.complete(ASK).text == "ok"
    assert server.received[-1].json["response_format"]["type"] == "json_schema"


def test_a_bound_on_the_reply_is_never_given_up(start: Start) -> None:
    server, model = start(*[rejects("max_tokens", "max_completion_tokens")] * 9)
    with pytest.raises(ModelUnusable, match="max_completion_tokens"):
        model.complete(replace(ASK, schema=None))
    assert len(server.received) == 2


# Keys and addresses


def test_a_wrong_key_is_named_by_its_variable_and_never_shown(start: Start) -> None:
    _, model = start(api_key="another")
    with pytest.raises(ModelUnusable, match="environment variable OPENAI_API_KEY") as caught:
        model.complete(ASK)
    assert KEY not in "".join(traceback.format_exception(caught.value))
    assert KEY not in repr(model)


def test_the_key_comes_from_the_named_variable(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", f" {KEY}\n")
    monkeypatch.delenv("OPENAI_API_KEY")
    server, model = start(reply("ok"), api_key=KEY, api_key_env="MY_KEY")
    assert model.complete(ASK).text == "ok"
    assert server.received[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_local_server_needs_no_key_and_any_other_does(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    _, model = start(reply("ok"))
    assert model.complete(ASK).text == "ok"
    with pytest.raises(ModelUnusable, match=r"OPENAI_API_KEY is not set, and https://api\.openai\.com/v1 needs"):
        OpenAIModel("gpt-4o").complete(ASK)


def test_a_key_that_no_header_can_carry_is_refused_unshown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-one\nsk-two")
    with pytest.raises(ModelUnusable, match="holds is no key") as caught:
        OpenAIModel("gpt-4o").complete(ASK)
    assert "sk-one" not in str(caught.value)


def test_a_password_in_the_address_is_not_shown(start: Start) -> None:
    server, _ = start(status(404))
    address = server.base_url.replace("//", "//user:hunter2@")
    model = OpenAIModel("m", base_url=address, max_retries=0)
    with pytest.raises(ModelUnusable) as caught:
        model.complete(ASK)
    model.close()
    assert "hunter2" not in str(caught.value)
    assert re.search(r"http://127\.0\.0\.1:\d+/v1", str(caught.value))


@pytest.mark.parametrize(
    "address", ["localhost:8000/v1", "ftp://x/v1", "http://", "http://x:99999/v1", "http://a b/v1"]
)
def test_an_address_that_is_none_is_refused_at_once(address: str) -> None:
    with pytest.raises(UsageError, match="not an address"):
        OpenAIModel("m", base_url=address)


@pytest.mark.parametrize("options", [{"name": " "}, {"timeout_s": 0}, {"max_retries": -1}, {"max_retries": 1.5}])
def test_options_are_validated(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        OpenAIModel(**{"name": "m"} | options)


def test_the_environment_may_give_the_address(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    server, _ = start(reply("ok"))
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    model = OpenAIModel("test-model")
    assert model.complete(ASK).text == "ok"
    model.close()


def test_a_proxy_of_the_environment_is_not_asked_for_a_local_server(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    _, model = start(reply("ok"))
    assert model.complete(ASK).text == "ok"


def test_the_price_is_the_list_price_and_unknown_on_a_server_of_ones_own(start: Start) -> None:
    _, model = start()
    assert model.price is None
    assert OpenAIModel("gpt-4o").price == Price(2.5, 10)


def test_models_are_listed() -> None:
    with FaultServer(models=["b", "a"]) as server:
        assert OpenAIModel("any", base_url=server.base_url).list_models() == ["a", "b"]
        with pytest.raises(ModelUnusable, match="404"):
            OpenAIModel("any", base_url=server.base_url + "/wrong").list_models()


def test_a_model_that_is_forgotten_closes_its_connections(start: Start) -> None:
    server, _ = start(reply("ok"))
    model = OpenAIModel("test-model", base_url=server.base_url)
    model.complete(ASK)
    client = model._client
    assert client is not None
    del model
    gc.collect()
    assert client.is_closed()
    model = OpenAIModel("test-model", base_url=server.base_url, max_retries=0)
    model.close()


def test_a_closed_model_opens_again(start: Start) -> None:
    _, model = start(reply("one"), reply("two"))
    assert model.complete(ASK).text == "one"
    model.close()
    assert model.complete(ASK).text == "two"


def test_text_that_is_not_unicode_is_sent_all_the_same(start: Start) -> None:
    server, model = start(reply("ok"))
    model.complete(replace(ASK, messages=(Message("user", "lone \ud83d"),)))
    assert server.received[0].json["messages"][0]["content"] == "lone ?"
