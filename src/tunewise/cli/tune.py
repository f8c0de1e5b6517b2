"""`tunewise tune`: run a study, or go on with it."""

from __future__ import annotations

from typing import Annotated

import typer

from tunewise.cli.options import (
    BaseUrlOption,
    FileArgument,
    KeyOption,
    LooseOption,
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
    n_trials: Annotated[int | None, typer.Option(min=1, help="Evaluations in all, earlier runs included.")] = None,
    n_jobs: Annotated[int | None, typer.Option(min=1, help="How many trials run at a time.")] = None,
    executor: Annotated[str | None, typer.Option(help="Cluster: dask://host:port, ray://host:port, ray.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of everything random.")] = None,
    storage: Annotated[str | None, typer.Option(help="Journal file or database URL.")] = None,
    pruner: Annotated[
        str | None, typer.Option(help="Optuna's pruner: hyperband, median, successive_halving, ...")
    ] = None,
    prior_study: Annotated[
        list[str] | None,
        typer.Option(help="An earlier study to learn from: journal, URL or study file; #name behind it if several."),
    ] = None,
    patience: Annotated[int | None, typer.Option(min=1, help="Stop after so many trials without a new best.")] = None,
    hours: Annotated[float | None, typer.Option(min=0, help="Begin no trial after so many hours.")] = None,
    target: Annotated[float | None, typer.Option(help="Stop when the metric is as good as this.")] = None,
    max_calls: MaxCallsOption = None,
    max_tokens: MaxTokensOption = None,
    max_usd: MaxUsdOption = None,
    record: RecordOption = None,
    replay: ReplayOption = None,
    loose: LooseOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    plain: PlainOption = False,
) -> None:
    """Run a study file, or go on where an interrupted run ended: the same command does both.

    **Examples**

    - `tunewise tune study.yaml --model embedded`

    - `tunewise tune study.yaml --model gpt-5 --max-usd 0.50`

    - `tunewise tune study.yaml --model qwen3 --base-url http://localhost:11434/v1 --n-jobs 2`

    - `tunewise tune study.yaml --replay run.cassette`
    """
    from dataclasses import replace
    from pathlib import Path

    from tunewise.cli.options import capped, quiet_optuna, read
    from tunewise.cli.running import Screen, running, taped, telling
    from tunewise.cli.trial_table import samples_of
    from tunewise.llm.resolve import closing
    from tunewise.study.file import options_of
    from tunewise.study.tune import tune as run
    from tunewise.trackers import open_trackers

    quiet_optuna()
    spec = read(
        file,
        model=model,
        base_url=base_url,
        api_key_env=api_key_env,
        proposer=proposer.value if proposer else None,
        reasoning=reasoning,
        n_trials=n_trials,
        n_jobs=n_jobs,
        executor=executor,
        seed=seed,
        pruner=pruner,
        prior_studies=[given if "://" in given else str(Path(given).absolute()) for given in prior_study or ()] or None,
    )
    caps = capped(spec.caps, max_calls=max_calls, max_tokens=max_tokens, max_usd=max_usd)
    stop = replace(
        spec.stop,
        patience=spec.stop.patience if patience is None else patience,
        hours=spec.stop.hours if hours is None else hours,
        target=spec.stop.target if target is None else target,
    )
    spec = replace(spec, caps=caps, stop=stop)
    address = storage or spec.storage_address
    task, space, evaluator = spec.build()
    way_out = f"leave out {'--model' if model else f'model in {file}'} to go on without one."
    instead = f"Or {way_out}" if spec.proposer == "auto" else ""
    with telling(instead):
        chat_model = taped(spec.connect, record=record, replay=replay, loose=loose)
    sampler = spec.sampler(chat_model, task, space)
    trackers = open_trackers(spec.track, study_name=spec.study_name, metric=task.metric)
    screen = running(
        Screen(quiet=quiet, plain=plain, verbose=verbose),
        address=address,
        name=spec.study_name,
        task=task,
        samples=samples_of(space),
        n_trials=spec.n_trials,
        n_jobs=spec.n_jobs,
        model=chat_model,
        ledger=sampler.ledger,
    )
    with telling(instead), closing(sampler.model), screen as watch:
        run(
            evaluator,
            space,
            sampler=sampler,
            n_trials=spec.n_trials,
            n_jobs=spec.n_jobs,
            storage=address,
            options=options_of(spec, [*([watch] if watch else []), *trackers]),
        )
