"""`tunewise models score`: what a model is worth, on tables that ship with tunewise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from tunewise.cli.options import BaseUrlOption, KeyOption


class NameOrCommand(TyperGroup):
    """What is no command is a model's name: `tunewise models gpt-5` looks at it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Add the command that was meant."""
        named = args and (args[0] in self.commands or args[0] in ("--help", "-h"))
        return super().parse_args(ctx, args if named else ["look", *args])


def score(
    name: Annotated[str, typer.Argument(help="A model's name.")],
    base_url: BaseUrlOption = None,
    api_key_env: KeyOption = None,
    tasks: Annotated[int, typer.Option(min=1, max=12, help="How many of the shipped tables it plays.")] = 12,
    budget: Annotated[int, typer.Option(min=2, help="Evaluations of a run.")] = 10,
    max_calls: Annotated[int | None, typer.Option(help="No run is begun after so many calls.")] = None,
    max_usd: Annotated[float | None, typer.Option(help="No run is begun after so many US dollars.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File of scores; without it auto finds the score.")
    ] = None,
    records: Annotated[Path | None, typer.Option(help="File of the runs, read and appended to.")] = None,
) -> None:
    """Measure what a model is worth: it plays tables that ship with tunewise, nothing is trained.

    It plays each table alone and in auto, and is compared with the surrogate alone. With all 12 tables that is about
    200 calls of 1,000 tokens. auto takes the result for its prior of the model's credit. A run that ended is not played
    again: the same command goes on.

    **Examples**

    - `tunewise models score gpt-5 --max-usd 1`

    - `tunewise models score qwen3 --base-url http://localhost:11434/v1 --tasks 4`
    """
    import re

    from rich.console import Console

    from tunewise.bench.progress import Progress
    from tunewise.bench.runner import ModelSpec
    from tunewise.bench.score import TASKS, sentences
    from tunewise.bench.score import score as play
    from tunewise.cli.options import quiet_optuna
    from tunewise.cli.signals import terminate_as_interrupt
    from tunewise.text import printable
    from tunewise.worth import SCORES, home, keep

    quiet_optuna()
    folder = home()
    if records is None:
        folder.mkdir(parents=True, exist_ok=True)
        records = folder / f"score-{re.sub(r'[^A-Za-z0-9.-]+', '-', name)}.jsonl"
    spec = ModelSpec(name=name, base_url=base_url, api_key_env=api_key_env)
    console = Console(stderr=True, highlight=False)
    with terminate_as_interrupt(), Progress(console) as progress:
        worth = play(
            spec,
            records=records,
            tasks=TASKS[:tasks],
            budget=budget,
            max_calls=max_calls,
            max_usd=max_usd,
            watch=progress,
        )
    file = output or folder / SCORES
    keep(worth, file)
    for line in sentences(worth):
        typer.echo(printable(line))
    typer.echo(printable(f"Kept in {file}."))


def beside(look: Callable[..., None]) -> typer.Typer:
    """The group `tunewise models`: `look`, which is meant when no command is named, and `score`."""
    app = typer.Typer(cls=NameOrCommand, rich_markup_mode="markdown", help=look.__doc__)
    app.command("look")(look)
    app.command("score")(score)
    return app
