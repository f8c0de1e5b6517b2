"""`tunewise prompt`: exactly what would be sent, and nothing sent."""

from __future__ import annotations

from typing import Annotated

import typer

from tunewise.cli.options import FileArgument, ProposerOption, ReasoningOption


def prompt(
    file: FileArgument,
    proposer: ProposerOption = None,
    reasoning: ReasoningOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="The whole request, with its schema, for programs.")] = False,
) -> None:
    """Print the request that the next trial of a study would send to the model. Nothing is sent, nothing is changed.

    **Examples**

    - `tunewise prompt study.yaml`

    - `tunewise prompt study.yaml --proposer chat --reasoning`
    """
    import json

    import optuna

    from tunewise.cli.options import quiet_optuna, read
    from tunewise.llm.scripted import ScriptedModel
    from tunewise.study.storage import may_exist, open_storage
    from tunewise.text import printable
    from tunewise.tokens import estimate_tokens

    quiet_optuna()
    spec = read(file, proposer=proposer.value if proposer else None, reasoning=reasoning)
    task, space, _ = spec.build()
    sampler = spec.sampler(ScriptedModel([]), task, space)
    stored = open_storage(spec.storage_address) if may_exist(spec.storage_address) else None
    if stored and spec.study_name in [known.study_name for known in stored.get_all_studies()]:
        study = optuna.load_study(study_name=spec.study_name, storage=stored)
    else:
        study = optuna.create_study(direction=task.direction or "minimize")
    request = sampler.preview(study)
    if request is None:
        typer.echo("The next trial asks no model.", err=True)
        return
    if as_json:
        typer.echo(json.dumps(request.to_dict(), indent=2))
        return
    for message in request.messages:
        typer.secho(f"--- {message.role} ---", bold=True)
        typer.echo(printable(message.content))
    size = sum(estimate_tokens(m.content) for m in request.messages)
    typer.secho(f"--- about {size} tokens; temperature {request.temperature}; nothing was sent ---", dim=True, err=True)
