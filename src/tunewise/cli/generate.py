"""`tunewise generate`: have models written for a table, tune them, score them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tunewise.cli.options import (
    BaseUrlOption,
    KeyOption,
    LooseOption,
    MaxCallsOption,
    MaxTokensOption,
    MaxUsdOption,
    ProposerOption,
    QuietOption,
    ReasoningOption,
    RecordOption,
    ReplayOption,
)
from tunewise.cli.terminal import PlainOption, VerboseOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tunewise.codegen.baseline import Usual
    from tunewise.codegen.evaluate import ProgramData
    from tunewise.codegen.table import TableRecipe
    from tunewise.llm.base import ChatModel


class TaskName(StrEnum):
    """What the target is."""

    regression = "regression"
    classification = "classification"


class ContractName(StrEnum):
    """What programs are written with."""

    table = "table"
    torch = "torch"
    sklearn = "sklearn"


def generate(
    data: Annotated[
        Path,
        typer.Argument(metavar="DATA", help="A CSV or parquet file, or a folder of parquet files.", show_default=False),
    ],
    target: Annotated[str, typer.Option(help="Name of the column to predict.", show_default=False)],
    task: Annotated[
        TaskName | None, typer.Option(help="Whether that is a number or a class; by default text is a class.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Who writes the programs, named as for `tune`.", show_default=False)
    ] = None,
    base_url: BaseUrlOption = None,
    api_key_env: KeyOption = None,
    contract: Annotated[
        ContractName,
        typer.Option(help="table: the columns as they are. torch, sklearn: encoded inputs, one split of the rows."),
    ] = ContractName.table,
    cv: Annotated[int, typer.Option(min=2, max=20, help="Folds that programs are scored on, for table.")] = 5,
    n_trials: Annotated[int, typer.Option(min=1, help="Evaluations in all, earlier runs included.")] = 5,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training rows, for torch.")] = 10,
    pruner: Annotated[
        str | None, typer.Option(help="Optuna's pruner, which gives up programs of torch by their epochs: median, ...")
    ] = None,
    time: Annotated[
        str | None,
        typer.Option("--time-column", "--time", help="Column that orders the rows: later ones are held out."),
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="A scorer of scikit-learn, such as neg_mean_absolute_error or roc_auc.")
    ] = None,
    drop: Annotated[list[str] | None, typer.Option(help="Column that nobody may use; may be repeated.")] = None,
    rows: Annotated[int | None, typer.Option(min=50, help="Use so many rows at most, drawn at random.")] = None,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds that one evaluation may take, all its folds.")] = 300.0,
    memory: Annotated[int, typer.Option(min=1024, help="MiB that one evaluation may take.")] = 4096,
    proposer: ProposerOption = None,
    reasoning: ReasoningOption = None,
    patience: Annotated[int, typer.Option(min=1, help="Trials without gain before another program is written.")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 0,
    storage: Annotated[
        str | None, typer.Option(help="Journal file or database URL; by default named as the data.")
    ] = None,
    name: Annotated[str, typer.Option("--study-name", help="Name of the study in its storage.")] = "tunewise",
    max_calls: MaxCallsOption = None,
    max_tokens: MaxTokensOption = None,
    max_usd: MaxUsdOption = None,
    record: RecordOption = None,
    replay: ReplayOption = None,
    loose: LooseOption = False,
    export: Annotated[Path | None, typer.Option(metavar="FILE.py", help="Write the winner to this file.")] = None,
    unsafe_no_sandbox: Annotated[
        bool, typer.Option("--unsafe-no-sandbox", help="Run the model's code with all your rights.")
    ] = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    plain: PlainOption = False,
) -> None:
    """Have a language model write models for a table, tune them, and score them on rows that they never see.

    The programs run in a sandbox, without network and without your files. The same command goes on where an
    interrupted run ended.

    **Examples**

    - `tunewise generate credit.csv --target class --metric roc_auc --model gpt-5 --n-trials 10 --export best.py`

    - `tunewise generate trips.parquet --target log_seconds --time-column pickup --cv 4 --model gpt-5`
    """
    from tunewise.cli.export import write
    from tunewise.cli.options import quiet_optuna
    from tunewise.cli.running import Screen, running, taped
    from tunewise.cli.signals import terminate_as_interrupt
    from tunewise.codegen.baseline import best_of
    from tunewise.codegen.generate import Generation, GenerationOptions
    from tunewise.codegen.runtime import sandbox_for
    from tunewise.codegen.sampler import SearchOptions
    from tunewise.codegen.table import TableRecipe
    from tunewise.errors import TrialFailed
    from tunewise.llm.ledger import Caps
    from tunewise.llm.resolve import closing
    from tunewise.sandbox.base import Limits
    from tunewise.study.storage import open_study
    from tunewise.text import printable

    quiet_optuna()
    chat_model = taped(lambda: connect(model, base_url, api_key_env), record=record, replay=replay, loose=loose)
    address = storage or f"{data.stem}.journal"
    recipe = TableRecipe(
        path=str(data),
        target=target,
        task=task.value if task else None,
        folds=cv,
        time=time,
        drop=tuple(drop or ()),
        rows=rows,
        seed=seed,
        metric=metric,
    )
    dataset, usual = table_of(recipe) if contract == "table" else split_of(recipe)
    if not quiet:
        for baseline in usual:
            typer.echo(str(baseline), err=True)
    options = GenerationOptions(
        contract=contract.value,
        trials=n_trials,
        epochs=epochs,
        seed=seed,
        limits=Limits(wall_s=timeout, cpu_s=timeout, memory_mb=memory),
        search=SearchOptions(
            tuner=proposer.value if proposer else "auto", patience=patience, reasoning=bool(reasoning), seed=seed
        ),
        caps=Caps(max_calls=max_calls, max_tokens=max_tokens, max_usd=max_usd),
        pruner=pruner,
    )

    with (
        terminate_as_interrupt(),
        sandbox_for(contract.value, unsafe=unsafe_no_sandbox) as sandbox,
        closing(chat_model),
    ):
        generation = Generation(dataset, sandbox=sandbox, model=chat_model, options=options, baselines=usual)
        screen = running(
            Screen(quiet=quiet, plain=plain, verbose=verbose),
            address=address,
            name=name,
            task=generation.task,
            samples={},
            n_trials=n_trials,
            model=chat_model,
            ledger=generation.sampler.ledger,
        )
        with screen as watch:
            study = generation.run(storage=address, name=name, watch=watch)
        try:
            for gain in generation.gains(study, list(dict.fromkeys([usual[-1], best_of(usual)]))):
                typer.echo(str(gain))
        except TrialFailed as failure:
            typer.echo(printable(f"The winner did not train a second time: {failure}"), err=True)
    if export:
        write(open_study(address, name), export)
        typer.echo(f"Winner written to {export}")


def table_of(recipe: TableRecipe) -> tuple[ProgramData, Sequence[Usual]]:
    """A table with folds, and what is to be beaten on it."""
    from tunewise.codegen.table import load_table
    from tunewise.codegen.table_baseline import table_baselines

    table = load_table(recipe)
    return table, table_baselines(table, seed=recipe.seed)


def split_of(recipe: TableRecipe) -> tuple[ProgramData, Sequence[Usual]]:
    """Encoded inputs with one split of the rows, and what is to be beaten on it.

    Raises:
        UsageError: The task is not named.
    """
    from tunewise.codegen.baseline import baselines
    from tunewise.codegen.data import Recipe, load_dataset
    from tunewise.errors import UsageError

    if recipe.task is None:
        raise UsageError("The contracts torch and sklearn need --task. Say --task regression or --task classification.")
    made = Recipe(
        path=recipe.path,
        target=recipe.target,
        task=recipe.task,
        time=recipe.time,
        drop=recipe.drop,
        rows=recipe.rows,
        seed=recipe.seed,
        metric=recipe.metric,
    )
    return (dataset := load_dataset(made)), baselines(dataset, seed=recipe.seed)


def connect(name: str | None, base_url: str | None, api_key_env: str | None) -> ChatModel:
    """The model that the options mean.

    Raises:
        UsageError: None is named.
    """
    from tunewise.errors import UsageError
    from tunewise.llm.resolve import resolve_model

    if name is None:
        raise UsageError("No model was named, and programs are written by one. Name it with --model, as for tune.")
    return resolve_model(name, base_url=base_url, api_key_env=api_key_env)
