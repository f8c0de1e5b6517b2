"""`tunewise models`: how a name resolves, and whether it answers."""

from __future__ import annotations

from typing import Annotated

import typer

from tunewise.cli.options import BaseUrlOption, KeyOption


def models(
    name: Annotated[str | None, typer.Argument(help="A model's name; without one, what the server offers.")] = None,
    base_url: BaseUrlOption = None,
    api_key_env: KeyOption = None,
) -> None:
    """Say what a model's name means, and ask it for one word; or list what a server offers.

    **Examples**

    - `tunewise models embedded`

    - `tunewise models --base-url http://localhost:11434/v1`

    - `tunewise models gpt-5`
    """
    from tunewise.llm.base import ChatRequest, Message
    from tunewise.llm.openai import list_models
    from tunewise.llm.resolve import closing, describe, resolve_model
    from tunewise.text import printable

    if name is None:
        for offered in list_models(base_url=base_url, api_key_env=api_key_env or "OPENAI_API_KEY"):
            typer.echo(printable(offered))
        return
    model = resolve_model(name, base_url=base_url, api_key_env=api_key_env)
    typer.echo(printable(describe(model)))
    with closing(model):
        reply = model.complete(
            ChatRequest(
                messages=(Message("user", "Reply with the one word: ready"),),
            )
        )
    said = " ".join(reply.text.split())[:60]
    typer.echo(f"It answers, as {printable(reply.model)}, in {reply.seconds:.1f} s: {said!r}")
