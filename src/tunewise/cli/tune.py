"""`tunewise tune`: run a study, or go on with it."""

from __future__ import annotations

from typing import Annotated

import typer

from tunewise.cli.options import (
    BaseUrlOption,
    FileArgument,
    KeyOption,
    MaxCallsOption,
    MaxTokensOption,
    MaxUsdOption,
    ModelOption,
    ProposerOption,
    QuietOption,
    ReasoningOption,
    RecordOption,
    ReplayOption,
)
from tunewise.cli.terminal import PlainOption, VerboseOption


def tune(
    file: FileArgument,
    model: ModelOption = None,
    base_url: BaseUrlOption = None,
    api_key_env: KeyOption = None,
    proposer: ProposerOption = None,
    reasoning: ReasoningOption = None,
    trials: Annotated[int | None, typer.Option(min=1, help="Evaluations in all, earlier runs included.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="How many trials run at a time.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of everything random.")] = None,
    storage: Annotated[str | None, typer.Option(help="Journal file or database URL.")] = None,
    max_calls: MaxCallsOption = None,
    max_tokens: MaxTokensOption = None,
    max_usd: MaxUsdOption = None,
    record: RecordOption = None,
    replay: ReplayOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    plain: PlainOption = False,
) -> None:
    """Run a study file, or go on where an interrupted run ended: the same command does both.

    **Examples**

    - `tunewise tune study.yaml --model embedded`

    - `tunewise tune study.yaml --model gpt-5 --max-usd 0.50`

    - `tunewise tune study.yaml --model qwen3 --base-url http://localhost:11434/v1 --workers 2`

    - `tunewise tune study.yaml --replay run.cassette`
    """
    from tunewise.cli.options import quiet_optuna, read
    from tunewise.cli.running import Screen, running, taped
    from tunewise.cli.trial_table import samples_of
    from tunewise.llm.resolve import closing
    from tunewise.study.tune import tune as run

    quiet_optuna()
    spec = read(
        file,
        model=model,
        base_url=base_url,
        api_key_env=api_key_env,
        proposer=proposer.value if proposer else None,
        reasoning=reasoning,
        trials=trials,
        workers=workers,
        seed=seed,
    )
    given = {"max_calls": max_calls, "max_tokens": max_tokens, "max_usd": max_usd}
    caps = spec.caps.model_copy(update={key: value for key, value in given.items() if value is not None})
    spec = spec.model_copy(update={"caps": caps})
    address = storage or spec.storage_address
    task, space, evaluator = spec.build()
    chat_model = taped(spec.connect, record=record, replay=replay)
    sampler = spec.sampler(chat_model, task, space)
    screen = running(
        Screen(quiet=quiet, plain=plain, verbose=verbose),
        address=address,
        name=spec.name,
        task=task,
        samples=samples_of(space),
        trials=spec.trials,
        workers=spec.workers,
        model=chat_model,
        ledger=sampler.ledger,
    )
    with closing(sampler.model), screen as watch:
        run(
            evaluator,
            space,
            task=sampler.task,
            trials=spec.trials,
            workers=spec.workers,
            storage=address,
            name=spec.name,
            sampler=sampler,
            watch=watch,
        )
