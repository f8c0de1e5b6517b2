"""A server that speaks the chat-completions protocol: OpenAI, and nearly everyone else, hosted or local."""

from __future__ import annotations

import json
import math
import os
import threading
import time
import weakref
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, TypeVar

from tunewise.checks import check_whole
from tunewise.errors import ModelError, ModelUnavailable, ModelUnusable, UsageError
from tunewise.llm.address import check_url, is_local, show_address
from tunewise.llm.base import ChatReply, ChatRequest
from tunewise.llm.completion import MAX_REPLY_CHARACTERS, read_completion, safe
from tunewise.llm.dialect import Dialect, recall, remember
from tunewise.llm.estimate import most_input_tokens
from tunewise.llm.openai_errors import (
    Server,
    is_about_room,
    is_picky,
    is_refusal,
    may_be_schema,
    out_of_reach,
    parameter_of,
    translate,
    words_of,
)
from tunewise.llm.prices import FREE, Price, list_price
from tunewise.llm.providers import Provider
from tunewise.llm.streaming import Assembly, is_stream, last_of, lines_of, play, words_in
from tunewise.llm.waiting import Waiting
from tunewise.pickling import Portable, nothing
from tunewise.secrets import remember as remember_secret
from tunewise.secrets import remember_address

if TYPE_CHECKING:
    import httpx2
    import openai

__all__ = ["MAX_REPLY_CHARACTERS", "OpenAIModel"]

OPENAI_URL = "https://api.openai.com/v1"

REACH_S = 10.0
"""How long a server may take to connect, and to answer, before it is asked in earnest."""
PATIENCE = 3
"""A call, with all its attempts, takes at most so many times the silence that is allowed."""

Result = TypeVar("Result")


class OpenAIModel(Portable):
    """A model on a server.

    What a server refuses is given up for the rest of the process, one thing at a time: the JSON schema (then "some
    JSON", then nothing), the temperature, the seed, the system message, answers in one piece, the name of the bound on
    the reply, and its size. A reply that was cut off gets four times the room the next time. The SDK retries time-outs,
    lost connections, 408, 409, 429 and 5xx, after growing pauses or as long as the server asks, if that is at most
    two minutes; each attempt may be billed.

    A server that refuses connections, fails the TLS handshake, or whose name nobody knows, is `ModelUnusable` until it
    has answered this object once, and `ModelUnavailable` from then on: first a wrong address, later a restart.

    Args:
        name: The model, as the server calls it.
        base_url: Address of the server, mostly ending in /v1; None for the variable OPENAI_BASE_URL, or else OpenAI.
        api_key_env: Environment variable that holds the key; read at the first call, and not needed in a local network.
        api_key: Where the key comes from instead.
        timeout_s: How long the server may be silent, in seconds, in each attempt; a call with all its attempts takes at
            most three times as long.
        max_retries: How many times a failed attempt is repeated, 0 or more.
        context_tokens: How many tokens a request and its reply may have together, if known.
        max_output_tokens: How many tokens a reply may take, thinking included, at least 16; None to begin with
            32,768 and to learn what the model needs and the server allows.
        provider: Who is behind the address, where it has a name: for headers of its own and for the price.
    """

    of_process: ClassVar = {
        "_lock": threading.Lock,
        "_waiting": Waiting,
        "_client": nothing,
        "_closer": lambda: nothing,
        "_api_key": nothing,
    }

    def __init__(
        self,
        name: str,
        *,
        base_url: str | None = None,
        api_key_env: str = "OPENAI_API_KEY",
        api_key: Callable[[], str] | None = None,
        timeout_s: float = 300.0,
        max_retries: int = 4,
        context_tokens: int | None = None,
        max_output_tokens: int | None = None,
        provider: Provider | None = None,
    ) -> None:
        if not isinstance(name, str) or not name.strip():
            raise UsageError(f"The model's name {name!r} is empty. Give the name that the server lists.")
        if isinstance(timeout_s, bool) or not 0 < timeout_s < math.inf:
            raise UsageError(f"timeout_s = {timeout_s!r} is not a number of seconds above 0.")
        check_whole("max_retries", max_retries, 0)
        if max_output_tokens is not None:
            check_whole("max_output_tokens", max_output_tokens, 16)
        self.name = name.strip()
        self.base_url = check_url(base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL)
        self.context_tokens = context_tokens
        remember_address(self.base_url)
        remember_secret(os.environ.get(api_key_env, ""))
        self._api_key_env = api_key_env
        self._api_key = api_key
        self._timeout_s = timeout_s
        self._max_retries = max_retries
        self._room = max_output_tokens
        self.provider = provider
        self._answered = False
        self._waiting = Waiting()
        self._client: openai.OpenAI | None = None
        self._closer: Callable[[], object] = lambda: None
        self._lock = threading.Lock()

    @property
    def price(self) -> Price | None:
        """The list price; None when it is unknown, as for every server of one's own."""
        if self.provider is None:
            return list_price(self.name, self.base_url)
        if self.provider.free:
            return FREE if is_local(self.base_url) else None
        return list_price(self.name, self.base_url, provider=self.provider.pricing)

    @property
    def max_output_tokens(self) -> int:
        """How many tokens a reply may take where the request does not say: as set, or as learned."""
        return self._dialect().room

    def complete(self, request: ChatRequest) -> ChatReply:
        """Ask, and give up what the server refuses until it answers.

        Raises:
            ModelUnavailable: Time-out, 429, 5xx, lost connection, an answer that is not the protocol's.
            ModelUnusable: No key or a wrong one, no credit, no such model, no such server.
            ContextLimitExceeded: The request is too long.
            Cancelled: `close` was called meanwhile.
        """
        started = time.perf_counter()

        def ask() -> ChatReply:
            answer = self._ask(request)
            if isinstance(answer, ChatReply):
                return answer
            with closing(answer):
                return last_of(self._read_stream(answer, request))

        reply = self._within(ask)
        self._learn(request, reply)
        return replace(reply, seconds=time.perf_counter() - started)

    def stream(self, request: ChatRequest) -> Generator[str, None, ChatReply]:
        """Ask, and yield the reply as it comes. Nothing is retried once something has come. Closing it hangs up.

        Raises:
            ModelError: As for `complete`.
        """
        started = time.perf_counter()
        answer = self._within(lambda: self._ask(request, stream=True))
        if isinstance(answer, ChatReply):
            reply = yield from play(answer)
        else:
            with closing(answer):
                reply = yield from self._read_stream(answer, request)
        self._learn(request, reply)
        return replace(reply, seconds=time.perf_counter() - started)

    @property
    def calls_tools(self) -> bool:
        """Whether to offer it tools: until the server has refused them."""
        return self._dialect().tools

    def _within(self, function: Callable[[], Result]) -> Result:
        """Do it in a thread of its own, which is left to itself when it takes too long or nobody wants it any more."""
        late = (
            f"{show_address(self.base_url)} did not finish its answer within {PATIENCE * self._timeout_s:g} s. "
            "Try later, or raise timeout_s."
        )
        return self._waiting.run(function, seconds=PATIENCE * self._timeout_s, late=late)

    def _dialect(self) -> Dialect:
        return recall(self.base_url, self.name, room=self._room)

    def _learn(self, request: ChatRequest, reply: ChatReply) -> None:
        """Give the next reply more room, if this one was cut off."""
        dialect = self._dialect()
        bounded = self._room is not None or dialect.room_for(self._fitting(request)) < dialect.room
        if reply.finish_reason == "length" and not bounded and len(reply.text) < MAX_REPLY_CHARACTERS:
            remember(self.base_url, self.name, dialect.wider())

    def _fitting(self, request: ChatRequest) -> ChatRequest:
        """The request with no more room than the context has beside it, where that is known."""
        if self.context_tokens is None:
            return request
        left = max(256, self.context_tokens - most_input_tokens(request))
        room = self._dialect().room_for(request)
        return replace(request, max_output_tokens=left) if left < room else request

    def _ask(self, request: ChatRequest, *, stream: bool = False) -> httpx2.Response | ChatReply:
        """The body of an answer that comes as a stream; or the reply, be it of a filter in front of the model."""
        import openai

        client = self._connect()
        request = self._fitting(request)
        dialect = self._dialect()
        doubt: ModelError | None = None
        while True:
            arguments = dialect.arguments(self.name, request, stream=stream)
            try:
                raw = client.chat.completions.with_raw_response.create(**arguments)
            except openai.APIStatusError as error:
                self._answered = True
                words = words_of(error)
                if is_refusal(error):
                    return ChatReply(text=self._server().redact(words), model=self.name, finish_reason="refusal")
                if doubt:  # it was not the schema
                    raise doubt from None
                weaker = None
                if is_about_room(error):
                    weaker = dialect.narrower(request, words)
                elif is_picky(error):
                    weaker = dialect.after(request, parameter_of(error), words, stream=stream)
                elif "response_format" in arguments and not dialect.proven and may_be_schema(error):
                    doubt = translate(error, self._server())
                    weaker = replace(dialect, structure="text")
                    client = client.with_options(max_retries=0)
                if weaker is None:
                    raise translate(error, self._server()) from None
                dialect = weaker
            except openai.OpenAIError as error:
                raise doubt or translate(error, self._server()) from None
            else:
                self._answered = True
                remember(
                    self.base_url, self.name, replace(dialect, proven="response_format" in arguments or dialect.proven)
                )
                if "stream" in arguments or is_stream(raw.http_response):
                    return raw.http_response
                return self._read(raw.http_response.content, request)

    def _read_stream(self, response: httpx2.Response, request: ChatRequest) -> Generator[str, None, ChatReply]:
        """The pieces of an answer, and the reply that they make. Pieces end with a word: none is half a secret."""
        import httpx2
        import openai

        from tunewise.llm.wire import MAX_BYTES

        whole = Assembly(MAX_BYTES)
        held = ""
        try:
            if not is_stream(response):  # it knows no streams
                return (yield from play(self._read(response.read(), request)))
            for line in lines_of(response):
                held += whole.add(line)
                ready, held = words_in(held, all_of_it=whole.done)
                if ready:
                    yield safe(ready)
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
        if held:
            yield safe(held)
        return self._read(json.dumps(whole.completion()).encode(), request)

    def check(self) -> None:
        """Find out without a call what would make every call fail.

        Raises:
            ModelUnusable: There is no key.
        """
        self._read_key()

    def reach(self) -> None:
        """Ask once, and not for long, what the server offers, so that a wrong address or key is found before training.

        A server without such a list is reached all the same, and so is one that connects and is slow to answer.

        Raises:
            ModelUnusable: There is no key, it is refused, or no connection can be made.
        """
        import openai

        quick = self._connect().with_options(timeout=REACH_S, max_retries=0)
        try:
            quick.models.with_raw_response.list()
        except openai.OpenAIError as error:
            if failure := out_of_reach(error, self._server()):
                raise failure from None
        self._answered = True

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
            listed = json.loads(raw.http_response.content)["data"]
            return sorted(safe(str(model["id"])).removeprefix("models/") for model in listed)
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ModelUnavailable(f"{show_address(self.base_url)} lists no models in the usual form.") from None

    def close(self) -> None:
        """Give up the calls under way, and close the connections; a later call opens new ones."""
        self._waiting.cancel()
        with self._lock:
            self._client = None
            self._closer()

    def _connect(self) -> openai.OpenAI:
        import openai

        from tunewise.llm.wire import make_client

        with self._lock:
            if self._client is None:
                key = self._read_key()
                headers = self.provider.headers if self.provider else {}
                self._client = openai.OpenAI(
                    api_key=key,
                    default_headers={name: value.format(key=key) for name, value in headers.items()},
                    base_url=self.base_url,
                    max_retries=self._max_retries,
                    timeout=openai.Timeout(self._timeout_s, connect=min(10.0, self._timeout_s)),
                    http_client=make_client(local=is_local(self.base_url), seconds=PATIENCE * self._timeout_s),
                )
                self._closer = weakref.finalize(self, self._client.close)
            return self._client

    def _read_key(self) -> str:
        key = (self._api_key() if self._api_key else os.environ.get(self._api_key_env, "")).strip()
        remember_secret(key)
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
        return Server(
            model=self.name,
            address=show_address(self.base_url),
            key_source=self._key_source,
            timeout_s=self._timeout_s,
            attempts=self._max_retries + 1,
            answered=self._answered,
        )

    def _read(self, content: bytes, request: ChatRequest) -> ChatReply:
        """A reply from the JSON of a completion."""
        try:
            return read_completion(content, model=self.name, offered=bool(request.tools))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            beginning = self._server().redact(content[:2000].decode("utf-8", "replace"))[:300]
            raise ModelUnavailable(
                f"{show_address(self.base_url)} answered with something that is no chat completion: {beginning!r}. "
                "Try later; when it stays, base_url does not point to a server of this protocol."
            ) from None
