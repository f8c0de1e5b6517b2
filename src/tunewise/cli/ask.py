"""`tunewise ask`: one configuration, for a training loop of one's own."""

from __future__ import annotations

from tunewise.cli.options import BaseUrlOption, FileArgument, KeyOption, ModelOption


def ask(
    file: FileArgument,
    model: ModelOption = None,
    base_url: BaseUrlOption = None,
    api_key_env: KeyOption = None,
) -> None:
    """Print the next configuration as JSON; report its result with `tunewise tell`.

    Several may be asked for before the first is told. `n_trials` of the study file is the budget that the model is
    told, not a limit here.

    **Examples**

    - `tunewise ask study.yaml --model embedded`

    It prints `{"trial": 0, "configuration": {"C": 1.0, "gamma": 0.1}, "source": "default", "reason": "..."}`
    """
    import json

    import typer

    from tunewise.cli.options import quiet_optuna, read
    from tunewise.llm.resolve import closing
    from tunewise.study.manual import ask_one

    quiet_optuna()
    spec = read(file, model=model, base_url=base_url, api_key_env=api_key_env)
    task, space, _ = spec.build()
    sampler = spec.sampler(spec.connect(), task, space)
    with closing(sampler.model):
        typer.echo(json.dumps(ask_one(spec.storage_address, spec.study_name, sampler, space)))
