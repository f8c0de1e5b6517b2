"""What the errors of a server mean to us, in words that name the way out and no secret."""

from __future__ import annotations

import json
import re
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tunewise.errors import ContextLimitExceeded, ModelError, ModelUnavailable, ModelUnusable
from tunewise.secrets import mask
from tunewise.text import clip

if TYPE_CHECKING:
    import openai

__all__ = [
    "Server",
    "is_about_room",
    "is_picky",
    "is_refusal",
    "is_too_long",
    "may_be_schema",
    "out_of_reach",
    "parameter_of",
    "translate",
    "words_of",
]

too_long = re.compile(
    r"context.{0,15}(length|size|window|limit)"
    r"|max(imum)?\.?[ _-]{0,3}(prompt|input|model|sequence|context)s?[ _-]{0,3}(max[ _-])?(length|limit|size|tokens?)"
    r"|model.{0,3}max.{0,3}length|model token limit|range of input length"
    r"|too many (input |prompt |total )?tokens|\binputs?\W{0,3} (tokens )?(must have (less|fewer)|\+)"
    r"|(prompt|input|request|messages?|sequence|conversation|history).{0,60}(too (long|large)|longer than|exceed)"
    r"|(prompt|input|tokens?).{0,40}too large for"
    r"|(token|length|input).{0,20}(count|number|limit|total).{0,60}exceed"
    r"|exceed.{0,40}(max(imum)?.{0,10}(length|tokens)|token limit|input limit|\d+ tokens)"
    r"|reduce.{0,30}(length|prompt|number|size).{0,30}(messages?|prompt|input|tokens|completion)"
    r"|number of tokens.{0,60}(greater|larger|more|exceed)|tokens? (cannot|must not|may not) exceed",
    re.IGNORECASE | re.DOTALL,
)
"""OpenAI, Azure, vLLM, TGI, llama.cpp, Gemini, Mistral, Anthropic, xAI, Cohere, Bedrock, DashScope, Moonshot, ..."""
about_room = re.compile(
    r"max_(completion_|output_|new_)?tokens|maxOutputTokens|\bcompletion\b|output tokens|afford", re.IGNORECASE
)
"""Words about the room for the reply: with less of that, the request may fit."""
too_much = re.compile(
    r"too (large|big|high|many)|at most|maximum|exceed|less than|<=|\brange\b|between|supports? (at most|up to)|afford"
    r"|> ?\d|must be|reduced?|limit",
    re.IGNORECASE,
)
feature = re.compile(
    r"\btools?\b|tool_(choice|use|call)|function.?call|response_format|json_schema|json_object|\bschema\b|structured"
    r"|grammar|guided|\bsystem\b|\broles?\b|developer instruction|\bstream",
    re.IGNORECASE,
)
no_model = re.compile(
    r"model.{0,60}(not found|does not exist|unknown|no access|not exist|invalid)|no such model", re.IGNORECASE
)
lists_nothing = re.compile(r"\bscopes?\b|permission", re.IGNORECASE)
"""Words about a key that may ask models, and may not list them."""
refused = re.compile(r"content[ _](filter|policy)|ResponsibleAIPolicyViolation", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What is told about a server when it fails.

    Attributes:
        model: Name of the model.
        address: `base_url` without user and password.
        key_source: Where the key came from, for people.
        timeout_s: For one attempt, in seconds.
        attempts: How many there are.
        answered: Whether it has answered before, in whatever way.
    """

    model: str
    address: str
    key_source: str
    timeout_s: float
    attempts: int
    answered: bool

    def redact(self, text: str) -> str:
        """On one line, not long, without secrets."""
        return clip(mask(text), 400)


def translate(error: openai.OpenAIError, server: Server) -> ModelError:
    """An error of the `openai` package as one of tunewise."""
    import openai

    if isinstance(error, openai.APIStatusError):
        return translate_status(error, server)
    tries = f"{server.attempts} attempts" if server.attempts > 1 else "1 attempt"
    if isinstance(error, openai.APITimeoutError):
        return ModelUnavailable(
            f"{server.address} did not answer within {server.timeout_s:g} s, in {tries}. Try later, or raise timeout_s."
        )
    if isinstance(error, openai.APIConnectionError):
        cause = root_cause(error)
        what = f"{type(cause).__name__}: {cause}"
        if not server.answered and isinstance(cause, ConnectionRefusedError | socket.gaierror | ssl.SSLError):
            return unreachable(server, what)
        what = server.redact(what.rstrip(".: "))
        return ModelUnavailable(f"The connection to {server.address} failed in {tries}: {what}. Try later.")
    return ModelUnavailable(f"{server.address} could not be asked: {server.redact(str(error))}. Try later.")


def out_of_reach(error: openai.OpenAIError, server: Server) -> ModelUnusable | None:
    """Why every call would fail, where that is clear: no connection can be made, or the key is refused."""
    import httpx2
    import openai

    if isinstance(error, openai.APIStatusError):
        refused_key = error.status_code in (401, 403) and not lists_nothing.search(words_of(error))
        failure = translate_status(error, server) if refused_key else None
        return failure if isinstance(failure, ModelUnusable) else None
    if isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout):
        cause = root_cause(error)
        return unreachable(server, f"{type(cause).__name__}: {cause}")
    return None


def unreachable(server: Server, what: str) -> ModelUnusable:
    """Nobody is there."""
    return ModelUnusable(
        f"No server can be reached at {server.address} ({server.redact(what.rstrip('.: '))}). Start it, or correct "
        "base_url or the network."
    )


def translate_status(error: openai.APIStatusError, server: Server) -> ModelError:
    """An HTTP status, as an error of ours."""
    code, words = error.status_code, server.redact(words_of(error))
    said = f"{server.address} answered HTTP {code} for the model {server.model!r}: {words!r}."
    if is_too_long(error):
        return ContextLimitExceeded(f"{said} Send a shorter request.")
    if code in (401, 403):
        return ModelUnusable(
            f"{server.address} refused the key, which came from {server.key_source} (HTTP {code}: {words!r}). "
            "Put a valid key there, or name another variable with api_key_env."
        )
    if code == 402 or error.code == "insufficient_quota":
        return ModelUnusable(
            f"{said} The account behind {server.key_source} has no credit. Add some, or use another key."
        )
    if code == 404:
        return ModelUnusable(
            f"{said} Check the model's name, and that base_url is what its documentation says (most end in /v1); "
            "the server lists its models at base_url + /models."
        )
    if code in (408, 409, 425, 429) or code >= 500:
        wait = error.response.headers.get("retry-after")
        return ModelUnavailable(f"{said} {f'It asks to wait {wait} s. ' if wait else ''}Try later.")
    return ModelUnusable(f"{said} Correct what it names.")


def words_of(error: openai.APIStatusError) -> str:
    """What the server says about it."""
    body = error.body
    if isinstance(body, list) and body and isinstance(body[0], dict):  # Gemini's way
        body = body[0].get("error", body[0])
    if isinstance(body, dict):
        message = body.get("message")
        return message if isinstance(message, str) else json.dumps(body, ensure_ascii=False)
    return str(body or error.response.reason_phrase)


def parameter_of(error: openai.APIStatusError) -> str | None:
    """The parameter that the server blames by field."""
    return error.param if isinstance(error.param, str) else None


def is_too_long(error: openai.APIStatusError) -> bool:
    """Whether the request does not fit the model: the codes of OpenAI and llama.cpp, the words of everyone else."""
    if error.code == "context_length_exceeded" or error.type == "exceed_context_size_error" or error.status_code == 413:
        return True
    if error.status_code == 429:  # more than a minute's tokens in one request: waiting does not help
        return re.search(r"request too large|must be reduced", words_of(error), re.IGNORECASE) is not None
    return error.status_code in (400, 422, 500) and too_long.search(words_of(error)) is not None


def is_about_room(error: openai.APIStatusError) -> bool:
    """Whether the request may fit, or be paid, with less room for the reply."""
    words = words_of(error)
    if not about_room.search(words):
        return False
    return is_too_long(error) or (error.status_code in (400, 402, 422) and too_much.search(words) is not None)


def is_picky(error: openai.APIStatusError) -> bool:
    """Whether the server may answer when something is left out. Of features, some say so with 404, 500 or 501."""
    codes = (400, 404, 405, 415, 422, 500, 501, 503) if feature.search(words_of(error)) else (400, 422)
    return error.status_code in codes and not is_too_long(error)


def may_be_schema(error: openai.APIStatusError) -> bool:
    """Whether a server that says nothing of the kind may have failed over the schema."""
    return error.status_code in (404, 500, 501) and not no_model.search(words_of(error))


def is_refusal(error: openai.APIStatusError) -> bool:
    """Whether a filter in front of the model has refused the request."""
    return error.status_code in (400, 403) and refused.search(f"{error.code} {words_of(error)}") is not None


def root_cause(error: BaseException) -> BaseException:
    """The first error of a chain: the operating system's, when there is one."""
    while (below := error.__cause__ or error.__context__) is not None:
        error = below
    return error
