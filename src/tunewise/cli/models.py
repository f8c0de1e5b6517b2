"""`tunewise models`: which providers are configured, how a name resolves, whether it answers, what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tunewise.cli.options import BaseUrlOption, KeyOption

if TYPE_CHECKING:
    from tunewise.llm.providers import Provider


def models(
    name: Annotated[
        str | None, typer.Argument(help="A model's or a provider's name; without one, what is configured.")
    ] = None,
    base_url: BaseUrlOption = None,
    api_key_env: KeyOption = None,
) -> None:
    """Say which providers are configured; or list what one offers; or ask a model for one word.

    **Examples**

    - `tunewise models`: every provider whose key is set, whether it answers, and a model to begin with

    - `tunewise models anthropic`: what it offers, with prices

    - `tunewise models anthropic/claude-sonnet-4-5`: whether it answers

    - `tunewise models --base-url http://localhost:11434/v1`
    """
    from tunewise.llm.base import ChatRequest, Message
    from tunewise.llm.openai import OpenAIModel
    from tunewise.llm.providers import PROVIDERS
    from tunewise.llm.resolve import closing, describe, resolve_model
    from tunewise.text import printable

    if name is None and base_url is None:
        configured()
        return
    if name is None:
        key = api_key_env or "OPENAI_API_KEY"
        with closing(OpenAIModel("any", base_url=base_url, api_key_env=key, timeout_s=30.0, max_retries=1)) as server:
            assert isinstance(server, OpenAIModel)
            for offered in server.list_models():
                typer.echo(printable(offered))
        return
    if base_url is None and name.rstrip("/") in PROVIDERS:
        provider = PROVIDERS[name.rstrip("/")]
        for offered in offers(provider, api_key_env):
            typer.echo(f"{provider.named(printable(offered))}  {price(provider, offered)}")
        return
    model = resolve_model(name, base_url=base_url, api_key_env=api_key_env)
    typer.echo(printable(describe(model)))
    with closing(model):
        reply = model.complete(ChatRequest(messages=(Message("user", "Reply with the one word: ready"),)))
    said = " ".join(reply.text.split())[:60]
    typer.echo(f"It answers, as {printable(reply.model)}, in {reply.seconds:.1f} s: {said!r}")


def configured() -> None:
    """Ask every provider whose key or address is set what it offers, and say how to go on."""
    from rich.columns import Columns
    from rich.console import Console
    from rich.padding import Padding

    from tunewise.errors import TunewiseError
    from tunewise.llm.providers import PROVIDERS, suggest
    from tunewise.text import printable

    begin = ""
    ready = [provider for provider in PROVIDERS.values() if provider.configured]
    for provider in ready:
        variable = provider.key_variable or provider.url_variable
        try:
            offered = offers(provider, None)
        except TunewiseError as error:
            typer.echo(f"{provider.name}: {variable} is set. {printable(str(error))}")
            continue
        typer.echo(f"{provider.name}: {variable} is set; it answers and offers {len(offered)} models.")
        if model := suggest(provider, offered):
            typer.echo(f"    for example {provider.named(printable(model))}: {price(provider, model)}")
            begin = begin or provider.named(printable(model))
    if not ready:
        typer.echo("No provider is configured. Set the key of one that you have:")
    others = [p for p in PROVIDERS.values() if p not in ready]
    listed = [f"{p.name}: {(p.keys or (p.url_variable,))[0]}" for p in others]
    typer.echo("Not set:")
    Console(highlight=False, markup=False).print(Padding(Columns(listed, padding=(0, 2)), (0, 0, 0, 4)))
    typer.echo("embedded and manual need no key. Any other server: --base-url.")
    if begin:
        typer.echo(f"\nTo begin: tunewise tune study.yaml --model {begin}")


def offers(provider: Provider, api_key_env: str | None) -> list[str]:
    """The models of a provider.

    Raises:
        TunewiseError: It cannot be asked.
    """
    from tunewise.llm.openai import OpenAIModel
    from tunewise.llm.resolve import closing, resolve_model

    model = resolve_model(f"{provider.name}/any", api_key_env=api_key_env, timeout_s=20.0, max_retries=1)
    assert isinstance(model, OpenAIModel)
    with closing(model):
        return model.list_models()


def price(provider: Provider, model: str) -> str:
    """What a model costs, in words."""
    from tunewise.llm.prices import list_price

    if provider.free:
        return "costs nothing"
    known = list_price(model, "", provider=provider.pricing)
    if known is None:
        return "its price is unknown"
    return f"{known.input_usd_per_million:g} USD per million tokens read, {known.output_usd_per_million:g} written"
