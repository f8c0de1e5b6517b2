"""Any server that speaks the chat-completions protocol: OpenAI, and nearly everyone else, hosted or local."""

from __future__ import annotations

import ipaddress
import json
import math
import os
import threading
import time
import weakref
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tunewise.checks import check_whole
from tunewise.errors import ModelUnavailable, ModelUnusable, UsageError
from tunewise.llm.base import ChatReply, ChatRequest, FinishReason, ToolCall
from tunewise.llm.dialect import recall, remember
from tunewise.llm.openai_errors import (
    Server,
    is_picky,
    is_refusal,
    parameter_of,
    show_address,
    translate,
    words_of,
)
from tunewise.llm.prices import Price, list_price
from tunewise.llm.streaming import Assembly, play
from tunewise.text import encodable

if TYPE_CHECKING:
    import httpx2
    import openai

__all__ = ["MAX_REPLY_CHARACTERS", "OpenAIModel", "list_models"]

MAX_REPLY_CHARACTERS = 200_000
"""A longer reply is cut here, and its finish reason is "length"."""

OPENAI_URL = "https://api.openai.com/v1"

finish_reasons: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "refusal",
}


class OpenAIModel:
    """A model on a server.

    What a server refuses is given up for the rest of the process, one thing at a time: the JSON schema (then "some
    JSON", then nothing), the temperature, the seed, the name of the bound on the reply. The SDK retries time-outs,
    lost connections, 408, 409, 429 and 5xx, after growing pauses or as long as the server asks, if that is at most
    two minutes; each attempt may be billed.

    A server that refuses connections, fails the TLS handshake, or whose name nobody knows, is `ModelUnusable` until it
    has answered this object once, and `ModelUnavailable` from then on: first a wrong address, later a restart.

    Args:
        name: The model, as the server calls it.
        base_url: Address of the server, mostly ending in /v1; None for the variable OPENAI_BASE_URL, or else OpenAI.
        api_key_env: Environment variable that holds the key; read at the first call, and not needed in a local network.
        api_key: Where the key comes from instead.
        timeout_s: How long the server may be silent, in seconds, in each attempt.
        max_retries: How many times a failed attempt is repeated, 0 or more.
        context_tokens: How many tokens a request and its reply may have together, if known.
    """

    def __init__(
        self,
        name: str,
        *,
        base_url: str | None = None,
        api_key_env: str = "OPENAI_API_KEY",
        api_key: Callable[[], str] | None = None,
        timeout_s: float = 120.0,
        max_retries: int = 4,
        context_tokens: int | None = None,
    ) -> None:
        if not isinstance(name, str) or not name.strip():
            raise UsageError(f"The model's name {name!r} is empty. Give the name that the server lists.")
        if isinstance(timeout_s, bool) or not 0 < timeout_s < math.inf:
            raise UsageError(f"timeout_s = {timeout_s!r} is not a number of seconds above 0.")
        check_whole("max_retries", max_retries, 0)
        self.name = name.strip()
        self.base_url = check_url(base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL)
        self.context_tokens = context_tokens
        self._api_key_env = api_key_env
        self._api_key = api_key
        self._timeout_s = timeout_s
        self._max_retries = max_retries
        self._answered = False
        self._client: openai.OpenAI | None = None
        self._closer: Callable[[], object] = lambda: None
        self._lock = threading.Lock()

    @property
    def price(self) -> Price | None:
        """The list price; None when it is unknown, as for every server of one's own."""
        return list_price(self.name, self.base_url)

    def complete(self, request: ChatRequest) -> ChatReply:
        """Ask, and give up what the server refuses until it answers.

        Raises:
            ModelUnavailable: Time-out, 429, 5xx, lost connection, an answer that is not the protocol's.
            ModelUnusable: No key or a wrong one, no credit, no such model, no such server.
            ContextLimitExceeded: The request is too long.
        """
        started = time.perf_counter()
        answer = self._ask(request)
        reply = answer if isinstance(answer, ChatReply) else self._read(answer.content)
        return replace(reply, seconds=time.perf_counter() - started)

    def stream(self, request: ChatRequest) -> Generator[str, None, ChatReply]:
        """The same, as it comes; nothing is retried once something has come. Closing the generator hangs up.

        Raises:
            ModelError: As for `complete`.
        """
        started = time.perf_counter()
        answer = self._ask(request, stream=True)
        if isinstance(answer, ChatReply):
            reply = yield from play(answer)
        else:
            with closing(answer):
                reply = yield from self._read_stream(answer)
        return replace(reply, seconds=time.perf_counter() - started)

    @property
    def calls_tools(self) -> bool:
        """Whether to offer it tools: until the server has refused them."""
        return recall(self.base_url, self.name).tools

    def _ask(self, request: ChatRequest, *, stream: bool = False) -> httpx2.Response | ChatReply:
        """What the server answers with status 200, or the reply of a filter in front of it."""
        import openai

        client = self._connect()
        dialect = recall(self.base_url, self.name)
        while True:
            arguments = dialect.arguments(self.name, request, stream=stream)
            try:
                raw = client.chat.completions.with_raw_response.create(**arguments)
            except openai.APIStatusError as error:
                self._answered = True
                words = words_of(error)
                if is_refusal(error):
                    return ChatReply(text=self._server().redact(words), model=self.name, finish_reason="refusal")
                weaker = dialect.after(request, parameter_of(error), words, stream=stream) if is_picky(error) else None
                if weaker is None:
                    raise translate(error, self._server()) from None
                dialect = weaker
            except openai.OpenAIError as error:
                raise translate(error, self._server()) from None
            else:
                self._answered = True
                remember(self.base_url, self.name, dialect)
                return raw.http_response

    def _read_stream(self, response: httpx2.Response) -> Generator[str, None, ChatReply]:
        """The pieces of an answer, and the reply that they make."""
        import httpx2
        import openai

        try:
            if "event-stream" not in response.headers.get("content-type", ""):  # it knows no streams
                return (yield from play(self._read(response.read())))
            whole = Assembly(20 * MAX_REPLY_CHARACTERS)  # an event is much longer than its text
            for line in response.iter_lines():
                if piece := whole.add(line):
                    yield encodable(piece)
                if whole.done:
                    break
        except httpx2.TimeoutException as error:
            raise translate(openai.APITimeoutError(request=response.request), self._server()) from error
        except httpx2.RequestError as error:
            broken = openai.APIConnectionError(request=response.request)
            broken.__cause__ = error
            raise translate(broken, self._server()) from None
        if whole.error or not whole.finished:
            why = whole.error or "the stream ended before the reply did"
            raise ModelUnavailable(
                f"{show_address(self.base_url)} broke off a reply: {self._server().redact(why)}. Try later."
            )
        return self._read(json.dumps(whole.completion()).encode())

    def check(self) -> None:
        """Find out without a call what would make every call fail.

        Raises:
            ModelUnusable: There is no key.
        """
        self._read_key()

    def list_models(self) -> list[str]:
        """The names of the models that the server offers.

        Raises:
            ModelError: As for `complete`.
        """
        import openai

        try:
            raw = self._connect().models.with_raw_response.list()
        except openai.OpenAIError as error:
            raise translate(error, self._server()) from None
        try:
            return sorted(str(model["id"]) for model in json.loads(raw.http_response.content)["data"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ModelUnavailable(f"{show_address(self.base_url)} lists no models in the usual form.") from None

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        with self._lock:
            self._client = None
            self._closer()

    def _connect(self) -> openai.OpenAI:
        import openai

        with self._lock:
            if self._client is None:
                local = is_local(self.base_url)
                self._client = openai.OpenAI(
                    api_key=self._read_key(),
                    base_url=self.base_url,
                    max_retries=self._max_retries,
                    timeout=openai.Timeout(self._timeout_s, connect=min(10.0, self._timeout_s)),
                    http_client=openai.DefaultHttpxClient(trust_env=not local),  # no proxy on the way to a neighbour
                )
                self._closer = weakref.finalize(self, self._client.close)
            return self._client

    def _read_key(self) -> str:
        key = (self._api_key() if self._api_key else os.environ.get(self._api_key_env, "")).strip()
        if not key and is_local(self.base_url):
            return "none-needed"
        if not key:
            raise ModelUnusable(
                f"The environment variable {self._api_key_env} is not set, and {show_address(self.base_url)} needs a "
                "key. Set it, or name another variable with api_key_env."
            )
        if not key.isascii() or not key.isprintable() or " " in key:
            raise ModelUnusable(
                f"What {self._key_source} holds is no key: it contains blanks, line breaks or accents. Copy it again."
            )
        return key

    @property
    def _key_source(self) -> str:
        return "the function api_key" if self._api_key else f"the environment variable {self._api_key_env}"

    def _server(self) -> Server:
        password = urlsplit(self.base_url).password  # of a proxy in front of the server
        client = self._client
        return Server(
            model=self.name,
            address=show_address(self.base_url),
            key_source=self._key_source,
            secrets=tuple(secret for secret in (client and client.api_key, password) if secret),
            timeout_s=self._timeout_s,
            attempts=self._max_retries + 1,
            answered=self._answered,
        )

    def _read(self, content: bytes) -> ChatReply:
        """A reply from the JSON of a completion."""
        try:
            answer = json.loads(content)
            choice = answer["choices"][0]
            message = choice["message"]
            text, refusal = join(message.get("content")), message.get("refusal")
            calls = tuple(read_call(call, k) for k, call in enumerate(message.get("tool_calls") or ()))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            beginning = self._server().redact(content[:300].decode("utf-8", "replace"))
            raise ModelUnavailable(
                f"{show_address(self.base_url)} answered with something that is no chat completion: {beginning!r}. "
                "Try later; when it stays, base_url does not point to a server of this protocol."
            ) from None
        usage = answer.get("usage") if isinstance(answer.get("usage"), Mapping) else {}
        finish_reason = finish_reasons.get(str(choice.get("finish_reason")), "other")
        if isinstance(refusal, str) and refusal:
            text, finish_reason = text or refusal, "refusal"
        if calls and finish_reason == "other":
            finish_reason = "stop"  # to have them called
        if len(text) + sum(len(call.arguments) for call in calls) > MAX_REPLY_CHARACTERS:
            text, calls, finish_reason = text[:MAX_REPLY_CHARACTERS], (), "length"
        named = answer.get("model")
        return ChatReply(
            text=encodable(text),
            model=encodable(named)[:200] if isinstance(named, str) and named else self.name,
            finish_reason=finish_reason,
            input_tokens=count(usage.get("prompt_tokens")),
            output_tokens=count(usage.get("completion_tokens")),
            tool_calls=calls,
        )


def list_models(
    *, base_url: str | None = None, api_key_env: str = "OPENAI_API_KEY", timeout_s: float = 30.0
) -> list[str]:
    """The names of the models that a server offers.

    Raises:
        ModelError: As for `OpenAIModel.complete`.
    """
    model = OpenAIModel("any", base_url=base_url, api_key_env=api_key_env, timeout_s=timeout_s, max_retries=1)
    try:
        return model.list_models()
    finally:
        model.close()


def join(content: Any) -> str:
    """The text of a message, which some servers send in parts."""
    if isinstance(content, list):
        return "".join(part["text"] for part in content if isinstance(part.get("text"), str))
    if content is not None and not isinstance(content, str):
        raise TypeError(content)
    return content or ""


def read_call(call: Any, number: int) -> ToolCall:
    """A tool call; some servers give no id, or the arguments as an object."""
    name, arguments = call["function"]["name"], call["function"].get("arguments")
    if not isinstance(name, str):
        raise TypeError(name)
    text = arguments if isinstance(arguments, str) else json.dumps({} if arguments is None else arguments)
    return ToolCall(
        name=encodable(name), arguments=encodable(text) or "{}", id=encodable(str(call.get("id") or f"call_{number}"))
    )


def count(tokens: object) -> int | None:
    """A number of tokens, if it is one."""
    return tokens if isinstance(tokens, int) and not isinstance(tokens, bool) and tokens >= 0 else None


def check_url(base_url: str) -> str:
    """The address, if it is one."""
    try:
        parts = urlsplit(base_url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except (ValueError, AttributeError, TypeError):
        valid = False
    if not valid or any(character.isspace() for character in base_url):
        raise UsageError(
            "base_url is not an address of the form http://host:port/v1 or https://host/v1. Correct it, or leave it "
            "out for OpenAI."
        )
    return base_url.rstrip("/")


def is_local(base_url: str) -> bool:
    """Whether the server is on this machine or in its network, where keys are rare."""
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local", ".internal"))
