"""`tunewise tune`: run a study, or go on with it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from tunewise.cli.options import (
    BaseUrlOption,
    FileArgument,
    KeyOption,
    ModelOption,
    ProposerOption,
    ReasoningOption,
)


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
    max_calls: Annotated[int | None, typer.Option(min=0, help="Stop before more calls to the model.")] = None,
    max_tokens: Annotated[int | None, typer.Option(min=0, help="Stop before more tokens, read and written.")] = None,
    max_usd: Annotated[float | None, typer.Option(min=0, help="Stop before more US dollars.")] = None,
    record: Annotated[Path | None, typer.Option(help="Record all calls into this cassette.")] = None,
    replay: Annotated[Path | None, typer.Option(help="Answer from this cassette; no model is called.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, only the result.")] = False,
) -> None:
    """Run a study file, or go on where an interrupted run ended: the same command does both.

    **Examples**

    - `tunewise tune study.yaml --model embedded`

    - `tunewise tune study.yaml --model gpt-5 --max-usd 0.50`

    - `tunewise tune study.yaml --model qwen3 --base-url http://localhost:11434/v1 --workers 2`

    - `tunewise tune study.yaml --replay run.cassette`
    """
    from rich.console import Console

    from tunewise.cli.options import quiet_optuna, read
    from tunewise.cli.show import print_summary
    from tunewise.cli.signals import terminate_as_interrupt
    from tunewise.errors import BudgetReached, ModelError, StudyError
    from tunewise.llm.cassette import RecordingModel, ReplayingModel
    from tunewise.llm.manual import ManualModel
    from tunewise.llm.resolve import closing
    from tunewise.study.progress import Progress
    from tunewise.study.storage import open_study
    from tunewise.study.summary import summarize
    from tunewise.study.tune import tune as run

    quiet_optuna()
    if not quiet:
        logging.getLogger("tunewise").setLevel(logging.ERROR)  # the progress says it all
    if record and replay:
        raise StudyError("--record and --replay exclude each other: what is replayed has been recorded.")
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
    chat_model = ReplayingModel(replay) if replay else spec.connect()
    typed = isinstance(chat_model, ManualModel)
    if record and chat_model:
        chat_model = RecordingModel(chat_model, record)
    sampler = spec.sampler(chat_model, task, space)
    console = Console(stderr=True, highlight=False)
    progress = Progress(console, spec.trials, task.metric, lambda: sampler.totals, spinner=not typed)
    if not quiet:  # the progress shows what is warned of
        logging.getLogger("tunewise").addHandler(logging.NullHandler())
    out = Console(highlight=False)

    def result() -> None:
        print_summary(out, summarize(open_study(address, spec.name)))

    with closing(sampler.model), terminate_as_interrupt(), progress:
        try:
            run(
                evaluator,
                space,
                task=sampler.task,
                trials=spec.trials,
                workers=spec.workers,
                storage=address,
                name=spec.name,
                sampler=sampler,
                watch=None if quiet else progress,
            )
        except KeyboardInterrupt:
            progress.stop()
            console.print(f"\nInterrupted. All finished trials are in {address}; the same command goes on.")
            raise typer.Exit(130) from None
        except (BudgetReached, ModelError):
            progress.stop()
            result()
            raise
    result()
    out.print(f"\nStudy kept in {address}", style="dim", soft_wrap=True)
