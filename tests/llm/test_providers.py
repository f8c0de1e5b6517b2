"""Providers by name, against servers that behave like them: their keys, their refusals, their wordings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.whole_paths import InProcess
from tunewise.errors import ModelUnusable, UsageError
from tunewise.llm import dialect
from tunewise.llm.base import ChatRequest, Message
from tunewise.llm.openai import OpenAIModel
from tunewise.llm.prices import FREE
from tunewise.llm.providers import PROVIDERS, provider_of, suggest
from tunewise.llm.resolve import resolve_model
from tunewise.testing.server import Exchange, FaultServer, Received, completion

KEY = "key-of-a-test-0123456789"
CLAUDES = ("claude-3-haiku-20240307", "claude-haiku-4-5", "claude-sonnet-4-5", "claude-sonnet-4-0", "claude-opus-4-5")
GEMINIS = ("models/gemini-2.5-flash", "models/gemini-2.5-pro", "models/gemini-2.5-pro-tts", "models/embedding-001")
STUDY = """
task: {metric: loss}
space: {x: {type: float, low: -1, high: 1, default: 0.9}}
evaluate: {python: "bowl.py:bowl", metric: loss}
n_trials: 3
"""


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialect, "known", {})
    for provider in PROVIDERS.values():
        for variable in (*provider.keys, provider.url_variable):
            monkeypatch.delenv(variable, raising=False)


def anthropic(exchange: Exchange, received: Received) -> None:
    """Knows no seed and no schema, bounds the reply, wants its own headers; in Anthropic's words."""
    asked = received.json

    def refuse(message: str) -> None:
        error = {"type": "invalid_request_error", "message": message}
        exchange.send(400, json.dumps({"type": "error", "error": error}))

    if asked["max_tokens"] > 8_192:
        refuse(
            f"max_tokens: {asked['max_tokens']} > 8192, which is the maximum allowed number of output tokens for "
            f"{asked['model']}"
        )
    elif "seed" in asked:
        refuse("seed: Extra inputs are not permitted")
    elif "response_format" in asked:
        refuse("response_format: Extra inputs are not permitted")
    else:
        exchange.send(200, json.dumps(completion('I take a smaller one.\n\n```json\n{"x": 0.1}\n```')))


def gemini(exchange: Exchange, received: Received) -> None:
    """Knows no seed and no strict schema, bounds the reply; in Gemini's words, wrapped in a list."""
    asked = received.json

    def refuse(message: str) -> None:
        error = {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}
        exchange.send(400, json.dumps([{"error": error}]))

    if "seed" in asked:
        refuse('Invalid JSON payload received. Unknown name "seed": Cannot find field.')
    elif asked["max_tokens"] >= 8_193:
        refuse(
            f"Unable to submit request because it has a maxOutputTokens value of {asked['max_tokens']} but the "
            "supported range is from 1 (inclusive) to 8193 (exclusive). Update the value and try again."
        )
    elif asked.get("response_format", {}).get("type") == "json_schema":
        refuse('Unknown name "additionalProperties" at response_schema: Cannot find field.')
    else:
        exchange.send(200, json.dumps(completion('{"x": 0.1}')))


def mistral(exchange: Exchange, received: Received) -> None:
    """Knows no seed under this name, and says so as a list in its message; no strict schema."""
    asked = received.json

    def refuse(name: str) -> None:
        detail = [
            {"type": "extra_forbidden", "loc": ["body", name], "msg": "Extra inputs are not permitted", "input": 0}
        ]
        error = {"object": "error", "message": {"detail": detail}, "type": "invalid_request_error", "code": None}
        exchange.send(422, json.dumps(error))

    if "seed" in asked:
        refuse("seed")
    elif asked.get("response_format", {}).get("type") == "json_schema":
        refuse("response_format")
    else:
        exchange.send(200, json.dumps(completion('{"x": 0.1}')))


def openai(exchange: Exchange, received: Received) -> None:
    """A model that thinks: it takes no temperature, and has another name for the room of the reply."""
    asked = received.json

    def refuse(message: str, name: str, code: str) -> None:
        error = {"message": message, "type": "invalid_request_error", "param": name, "code": code}
        exchange.send(400, json.dumps({"error": error}))

    if "max_tokens" in asked:
        refuse(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' "
            "instead.",
            "max_tokens",
            "unsupported_parameter",
        )
    elif asked.get("temperature", 1) != 1:
        refuse(
            "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is "
            "supported.",
            "temperature",
            "unsupported_value",
        )
    else:
        exchange.send(200, json.dumps(completion('{"x": 0.1}')))


def openrouter(exchange: Exchange, received: Received) -> None:
    """Wants to be paid for all the room that is asked for, and finds no endpoint for a schema."""
    asked = received.json
    if asked.get("max_tokens", asked.get("max_completion_tokens", 0)) > 8_000:
        error = {
            "message": "This request requires more credits, or fewer max_tokens. You requested up to 32768 tokens, but "
            "can only afford 8000. To increase, visit the settings and upgrade to a paid account",
            "code": 402,
        }
        exchange.send(402, json.dumps({"error": error}))
    elif "response_format" in asked:
        error = {"message": "No endpoints found that can handle the requested parameters.", "code": 404}
        exchange.send(404, json.dumps({"error": error}))
    else:
        exchange.send(200, json.dumps(completion('{"x": 0.1}')))


def azure(exchange: Exchange, received: Received) -> None:
    """Names are those of the user's deployments; the key stands in a header of its own; filters speak their own way."""
    asked = received.json
    if received.headers.get("api-key") != KEY:
        error: dict[str, object] = {"code": "401", "message": "Access denied due to invalid subscription key."}
        exchange.send(401, json.dumps({"error": error}))
    elif "max_tokens" in asked:
        message = "Unsupported parameter: 'max_tokens' is not supported with this model."
        error = {"message": message, "type": "invalid_request_error", "param": "max_tokens", "code": None}
        exchange.send(400, json.dumps({"error": error}))
    else:
        exchange.send(200, json.dumps(completion('{"x": 0.1}')))


def ollama(exchange: Exchange, received: Received) -> None:
    """Wants no key; has what was pulled, under its whole name."""
    asked = received.json
    if asked["model"] != "qwen3:8b":
        message = f"model '{asked['model']}' not found, try pulling it first"
        exchange.send(404, json.dumps({"error": {"message": message, "type": "api_error", "code": None}}))
    else:
        exchange.send(200, json.dumps(completion('<think>\nSmaller.\n</think>\n\n{"x": 0.1}')))


LIKE = {
    "azure": (azure, ("text-embedding-3-small", "gpt-5-mini"), "gpt-5-mini"),
    "ollama": (ollama, ("nomic-embed-text:latest", "qwen3:8b"), "qwen3:8b"),
    "mistral": (mistral, ("mistral-embed", "mistral-small-latest", "mistral-large-latest"), "mistral-large-latest"),
    "openai": (openai, ("gpt-4o-mini-tts", "gpt-5-nano", "gpt-5", "text-embedding-3-small"), "gpt-5"),
    "openrouter": (
        openrouter,
        ("meta-llama/llama-3.1-8b-instruct:free", "anthropic/claude-sonnet-4.5", "openai/gpt-5-nano"),
        "anthropic/claude-sonnet-4.5",
    ),
    "anthropic": (anthropic, CLAUDES, "claude-sonnet-4-5"),
    "gemini": (gemini, GEMINIS, "gemini-2.5-pro"),
}


@pytest.mark.parametrize("name", LIKE)
def test_two_commands_lead_from_a_key_to_a_running_study(
    name: str, tmp_path: Path, cli: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    behaviour, offered, meant = LIKE[name]
    (tmp_path / "study.yaml").write_text(STUDY)
    (tmp_path / "bowl.py").write_text("def bowl(c):\n    return c['x'] ** 2\n")
    provider = PROVIDERS[name]
    if provider.keys:
        monkeypatch.setenv(provider.keys[0], KEY)
    key, path = KEY if provider.keys else None, "/openai/v1" if name == "azure" else "/v1"
    with FaultServer(then=behaviour, models=offered, api_key=key, path=path) as server:
        address = server.base_url.removesuffix("/openai/v1")  # Azure's users know the address of their resource
        monkeypatch.setenv(provider.url_variable, address)
        listed = cli("models")
        assert listed.code == 0
        assert ("USD per million tokens read" in listed.out) != provider.free
        begin = next(line for line in listed.out.splitlines() if line.startswith("To begin: "))
        command = begin.removeprefix("To begin: tunewise ").split()
        assert command[-1] == (meant if name == "openai" else f"{name}/{meant}")  # OPENAI_BASE_URL has its own names
        monkeypatch.chdir(tmp_path)
        ended = cli(*command)
        assert ended.code == 0, ended
        assert server.received[-1].json["model"] == meant
        shown = cli("show", "study.yaml")
    assert "model" in shown.out
    assert KEY not in listed.out + ended.out + ended.err + shown.out
    assert KEY not in (tmp_path / "study.journal").read_text()


def test_anthropic_gets_its_own_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    with FaultServer(then=anthropic, api_key=KEY) as server:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.base_url.removesuffix("/v1"))
        model = resolve_model("anthropic/claude-sonnet-4-5")
        assert isinstance(model, OpenAIModel)
        model.complete(ChatRequest(messages=(Message("user", "?"),)))
        model.close()
    assert server.received[0].headers["x-api-key"] == KEY
    assert "anthropic-version" in server.received[0].headers


@pytest.mark.parametrize("name", [name for name, provider in PROVIDERS.items() if provider.keys and provider.url])
def test_every_provider_has_an_address_and_says_which_key_is_missing(name: str) -> None:
    model = resolve_model(f"{name}/any-model")
    assert isinstance(model, OpenAIModel)
    assert (model.name, model.base_url) == ("any-model", PROVIDERS[name].url)
    with pytest.raises(ModelUnusable, match=PROVIDERS[name].keys[0]):
        model.check()


def test_prices_are_those_of_the_provider() -> None:
    for name in ("anthropic/claude-sonnet-4-5", "google/gemini-2.5-pro", "deepseek/deepseek-chat"):
        model = resolve_model(name)
        assert isinstance(model, OpenAIModel)
        assert model.price is not None
        assert model.price != FREE
    local = resolve_model("ollama/qwen3")
    assert isinstance(local, OpenAIModel)
    assert local.price == FREE
    local.check()


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("", "http://localhost:11434/v1"),
        ("0.0.0.0", "http://127.0.0.1:11434/v1"),
        ("gpu.local:8080", "http://gpu.local:8080/v1"),
        ("https://gpu.example.org/ollama/v1", "https://gpu.example.org/ollama/v1"),
    ],
)
def test_an_address_is_read_as_its_users_write_it(host: str, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", host)
    assert PROVIDERS["ollama"].address == address


def test_azure_needs_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="Set AZURE_OPENAI_ENDPOINT"):
        resolve_model("azure/my-deployment")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://mine.openai.azure.com/")
    model = resolve_model("azure/my-deployment")
    assert isinstance(model, OpenAIModel)
    assert model.base_url == "https://mine.openai.azure.com/openai/v1"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("antropic/claude-sonnet-4-5", "Did you mean anthropic/claude-sonnet-4-5.*There are openai, anthropic, gemini"),
        ("nowhere/x", "There are openai, anthropic, gemini, mistral"),
        ("claude-sonnet-4-5", "Did you mean anthropic/claude-sonnet-4-5"),
        ("anthropic/", "tunewise models anthropic. lists them"),
    ],
)
def test_a_wrong_name_says_which_names_there_are(name: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        resolve_model(name)


def test_a_slash_is_part_of_the_name_on_a_server_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve_model("openai/gpt-oss-20b", base_url="http://127.0.0.1:1/v1").name == "openai/gpt-oss-20b"
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    assert provider_of("openai/gpt-oss-20b") == (None, "openai/gpt-oss-20b")
    assert provider_of("meta-llama/x") == (None, "meta-llama/x")


def test_nothing_set_says_what_could_be(cli: InProcess) -> None:
    said = cli("models")
    assert said.code == 0
    assert "No provider is configured" in said.out
    assert "anthropic: ANTHROPIC_API_KEY" in said.out


def test_a_capable_model_is_suggested_and_no_other_kind() -> None:
    offered = ["gemini-2.5-pro-tts", "gemini-2.5-flash", "gemini-embedding-2", "gemini-3.1-pro-preview"]
    assert suggest(PROVIDERS["gemini"], offered) == "gemini-3.1-pro-preview"
    assert suggest(PROVIDERS["gemini"], ["gemini-embedding-2"]) == ""
