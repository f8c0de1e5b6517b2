"""`tunewise init`: a study file for a script, from its options."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tunewise.cli.options import BaseUrlOption, KeyOption, ModelOption

if TYPE_CHECKING:
    from tunewise.convert.draft import Draft
    from tunewise.convert.options import Script
    from tunewise.llm.base import ChatModel
    from tunewise.plain import Plain


def init(
    script: Annotated[Path, typer.Argument(help="A Python script with options (argparse, click, typer, Hydra).")],
    output: Annotated[Path, typer.Option("--output", "-o", help="A new file to write it to.")] = Path("study.yaml"),
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Run the script once with its defaults, unasked.")] = False,
    model: ModelOption = None,
    base_url: BaseUrlOption = None,
    api_key_env: KeyOption = None,
) -> None:
    """Draft a study file for a script: its options with ranges, scales, defaults and descriptions.

    The script is read and not run, until you say yes: then it is run once with its defaults, to see which metric it
    tells and how. What could not be found is said.

    With `--model` a language model is asked once for better ranges, scales and descriptions. It sees the options, not
    the script; what it says is checked, and the rules' range stays where it cannot be.

    **Examples**

    - `tunewise init train.py`

    - `tunewise init train.py --model anthropic/claude-sonnet-4-5`

    - `tunewise init train.py -o lr-study.yaml --yes`
    """
    import os

    from tunewise.cli.convert import write_new
    from tunewise.convert.options import read_script
    from tunewise.convert.rules import draft_of
    from tunewise.errors import UsageError
    from tunewise.llm.resolve import resolve_model
    from tunewise.text import printable

    found = read_script(script)
    if not found.options:
        raise UsageError(
            f"{script} has no options that are known here. Known are argparse's add_argument, click's and typer's "
            "options, and the configuration of hydra.main. Write a study file by hand: see docs/study-file.md."
        )
    draft = draft_of(found, f"python {os.path.relpath(script, output.parent)}")
    if model or base_url:
        ask_for_ranges(draft, found, script, resolve_model(model or "", base_url=base_url, api_key_env=api_key_env))
        named: dict[str, Plain] = {"name": model, "base_url": base_url, "api_key_env": api_key_env}
        draft.study["model"] = {key: value for key, value in named.items() if value}
    write_new(output, draft.text())
    try:
        if yes or (os.isatty(0) and typer.confirm("Run the script once with its defaults?", default=False, err=True)):
            try_default(draft, output)
    finally:  # the run finds some of what the script alone does not tell
        for note in draft.notes:
            typer.echo(printable(f"- {note}"), err=True)


def ask_for_ranges(draft: Draft, found: Script, script: Path, model: ChatModel) -> None:
    """Have the model look over a draft, once; a model that fails leaves it as it is."""
    from tunewise.convert.ranges import improve, request_for
    from tunewise.errors import ModelError
    from tunewise.llm.ledger import Caps, Ledger
    from tunewise.llm.resolve import check, closing
    from tunewise.text import clip, money

    check(model)
    with closing(model):
        ledger = Ledger(model, caps=Caps())
        try:
            reply = ledger.complete(request_for(draft, script), lambda _: None)
        except ModelError as error:
            draft.note(f"The model could not be asked, so the ranges are those of the rules: {clip(str(error), 300)}")
            return
        changed = improve(draft, found, reply.text)
    typer.echo(f"{model.name} looked over {changed} of {len(draft.space)} ranges ({money(ledger.totals)}).", err=True)


def try_default(draft: Draft, path: Path) -> None:
    """Evaluate the starting point once, say what came of it, and let the study file say how the metric was told."""
    from tunewise.convert.rules import settle_metric, telling
    from tunewise.errors import TrialFailed
    from tunewise.evaluate.output import MetricMissing, Named
    from tunewise.study.file import read_study_file
    from tunewise.text import printable

    task, space, evaluator = read_study_file(path).build()
    if space.default is None:
        typer.echo("There is no default for each hyperparameter, so nothing was run. Add them.", err=True)
        return
    try:
        value = evaluator.evaluate(space.arguments(space.default)).value
    except TrialFailed as error:
        named = telling(error.named) if isinstance(error, MetricMissing) else None
        if named is None:
            typer.echo(printable(f"With its defaults it fails: {error}"), err=True)
            raise typer.Exit(5) from None
        told = named
    else:
        told = Named(task.metric, value)
    settle_metric(draft, told)
    path.write_text(draft.text(), "utf-8")
    how = f", by the pattern {told.pattern!r}" if told.pattern else ""
    typer.echo(printable(f"With its defaults: {told.name} = {told.value:.6g}{how}. {path} says so."), err=True)
