"""What the errors of a server mean to us, in words that name the way out and no secret."""

from __future__ import annotations

import json
import re
import socket
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tunewise.errors import ContextLimitExceeded, ModelError, ModelUnavailable, ModelUnusable
from tunewise.text import clip

if TYPE_CHECKING:
    import openai

__all__ = ["Server", "is_picky", "is_refusal", "parameter_of", "show_address", "translate", "words_of"]

too_long = re.compile(
    r"context.{0,10}(length|size|window)|too many (input )?tokens|(prompt|input|request).{0,20} too (long|large)"
    r"|token count.{0,40}exceeds",
    re.IGNORECASE,
)
no_tools = re.compile(r"\btools?\b|tool_(choice|use|call)|function.?call", re.IGNORECASE)
refused = re.compile(r"content[ _](filter|policy)|ResponsibleAIPolicyViolation", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """What is told about a server when it fails.

    Attributes:
        model: Name of the model.
        address: `base_url` without user and password.
        key_source: Where the key came from, for people.
        secrets: What must never be repeated, even when the server repeats it.
        timeout_s: For one attempt, in seconds.
        attempts: How many there are.
        answered: Whether it has answered before, in whatever way.
    """

    model: str
    address: str
    key_source: str
    secrets: tuple[str, ...] = field(repr=False)
    timeout_s: float
    attempts: int
    answered: bool

    def redact(self, text: str) -> str:
        """On one line, not long, without secrets; what is shorter than a key, such as "EMPTY", is no secret."""
        for secret in self.secrets:
            text = text.replace(secret, "***") if len(secret) >= 8 else text
        return clip(text, 400)


def show_address(base_url: str) -> str:
    """An address fit for messages: without user, password and query."""
    parts = urlsplit(base_url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def translate(error: openai.OpenAIError, server: Server) -> ModelError:
    """The error of ours that says the same."""
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
        what = server.redact(f"{type(cause).__name__}: {cause}".rstrip(".: "))
        if not server.answered and isinstance(cause, ConnectionRefusedError | socket.gaierror | ssl.SSLError):
            return ModelUnusable(
                f"No server can be reached at {server.address} ({what}). Start it, or correct base_url or the network."
            )
        return ModelUnavailable(f"The connection to {server.address} failed in {tries}: {what}. Try later.")
    return ModelUnavailable(f"{server.address} could not be asked: {server.redact(str(error))}. Try later.")


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
    return error.status_code in (400, 422, 500) and too_long.search(words_of(error)) is not None


def is_picky(error: openai.APIStatusError) -> bool:
    """Whether the server may answer when a parameter is left out. Of tools, some say so with 404, 500 or 501."""
    codes = (400, 404, 422, 500, 501) if no_tools.search(words_of(error)) else (400, 422)
    return error.status_code in codes and not is_too_long(error)


def is_refusal(error: openai.APIStatusError) -> bool:
    """Whether a filter in front of the model has refused the request."""
    return error.status_code in (400, 403) and refused.search(f"{error.code} {words_of(error)}") is not None


def root_cause(error: BaseException) -> BaseException:
    """The first error of a chain: the operating system's, when there is one."""
    while (below := error.__cause__ or error.__context__) is not None:
        error = below
    return error
