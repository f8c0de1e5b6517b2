"""`tunewise bench`: compare methods on problems; a report of what came of it; what there is."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tunewise.cli.options import BaseUrlOption, KeyOption, ModelOption
from tunewise.errors import UsageError
from tunewise.secrets import mask

if TYPE_CHECKING:
    from rich.console import Console

    from tunewise.bench.runner import Report

PATHS = ("--records", "--data-dir")
"""Options whose values are places of this machine."""

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", help="Compare methods on benchmark problems.")

DataOption = Annotated[
    Path | None, typer.Option("--data-dir", envvar="TUNEWISE_DATA", help="Folder with the data sets.")
]


class Mode(StrEnum):
    """Where values come from."""

    tabular = "tabular"
    live = "live"


SuiteArgument = Annotated[
    str, typer.Argument(metavar="SUITE", help="Suites and problems, separated by commas.", show_default=False)
]


@app.command("run")
def run(
    suite: SuiteArgument,
    methods: Annotated[str, typer.Option(help='Methods, separated by commas; "smac:3" has three seeds.')] = "classical",
    model: ModelOption = None,
    base_url: BaseUrlOption = None,
    api_key_env: KeyOption = None,
    budget: Annotated[str, typer.Option(help="Evaluations of a run; several separated by commas.")] = "10,30",
    seeds: Annotated[int, typer.Option(min=1, help="Repetitions of each run.")] = 10,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    pool: Annotated[int, typer.Option(min=1, help="Random configurations to evaluate for `random`.")] = 200,
    mode: Annotated[Mode, typer.Option(help="Look values up, or train.")] = Mode.tabular,
    protocol: Annotated[str | None, typer.Option(help="clean or hpobench-0.0.10; else as the table has it.")] = None,
    data_dir: DataOption = None,
    prompt: Annotated[int, typer.Option(min=0, max=3, help="The paper's prompt for landscapes.")] = 2,
    max_usd: Annotated[
        float | None, typer.Option(min=0, help="Begin no run that asks the model once the records cost so much.")
    ] = None,
    records: Annotated[Path, typer.Option(metavar="FILE", help="Read, and added to.")] = Path("bench.jsonl"),
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Run methods on problems, or go on where an interrupted run ended: the same command does both.

    **Examples**

    - `tunewise bench run landscapes --methods tpe,default+gp --seeds 3`

    - `tunewise bench run hpobench --methods classical,smac:3 --jobs 2 --records classical.jsonl`

    - `tunewise bench run svm,lr --methods compressed,auto --model gpt-5 --budget 10 --max-usd 5`

    - `tunewise bench run taxi --methods random,auto,programs --model gpt-5 --budget 5,10 --data-dir data`
    """
    from rich.console import Console

    from tunewise.bench.methods import choose
    from tunewise.bench.progress import Progress
    from tunewise.bench.runner import ModelSpec
    from tunewise.bench.runner import run as run_all
    from tunewise.bench.suites import Terms, choose_problems
    from tunewise.cli.options import quiet_optuna
    from tunewise.cli.signals import terminate_as_interrupt

    quiet_optuna()
    console = Console(stderr=True, highlight=False)
    chosen, problems, budgets = choose(methods), choose_problems(suite), read_budgets(budget)
    spec = ModelSpec(name=model, base_url=base_url, api_key_env=api_key_env) if model else None
    with terminate_as_interrupt(), Progress(console) as progress:
        try:
            report = run_all(
                problems,
                chosen,
                budgets=budgets,
                seeds=seeds,
                records=records,
                model=spec,
                jobs=jobs,
                pool=pool,
                terms=Terms(mode=mode.value, protocol=protocol, data_dir=data_dir, prompt=prompt),
                max_usd=max_usd,
                command=as_written(sys.argv[1:]),
                watch=None if quiet else progress,
            )
        except KeyboardInterrupt:
            console.print(f"\nInterrupted. All finished runs are in {records}; the same command goes on.")
            raise typer.Exit(130) from None
    say(console, report, records)


@app.command("report")
def report(
    records: Annotated[list[Path], typer.Argument(metavar="RECORDS", help="Files of bench run.", show_default=False)],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="A folder for everything, or a .md file.")
    ] = Path("bench-report"),
) -> None:
    """Write tables and figures of one file or several: a page to look at, Markdown, and a page for each task.

    **Examples**

    - `tunewise bench report bench.jsonl -o report`

    - `tunewise bench report classical.jsonl smac.jsonl -o docs/results/classical.md`
    """
    from tunewise.bench.report import write_report
    from tunewise.text import printable

    for written in write_report(records, output):
        typer.echo(f"{printable(str(written))} ({written.stat().st_size / 1e6:.1f} MB)")


@app.command("list")
def list_all() -> None:
    """Name the suites, the problems and the methods.

    **Examples**

    - `tunewise bench list`
    """
    from tunewise.bench.methods import GROUPS, METHODS
    from tunewise.bench.suites import SUITES, suites

    typer.echo("Suites and their problems (add +renamed, +shifted, ... to wrap one)")
    for name, problems in suites().items():
        typer.echo(f"  {name}: {SUITES[name]}\n    {', '.join(problems)}")
    typer.echo("\nMethods")
    for method in METHODS.values():
        asks = " (asks a model)" if method.asks else ""
        typer.echo(f"  {method.name}: {method.description}{asks}")
    typer.echo("\nSeveral methods at once")
    for group, members in GROUPS.items():
        typer.echo(f"  {group}: {', '.join(members)}")


def as_written(words: Sequence[str]) -> str:
    """A command line without secrets and without this machine's folders."""
    told: list[str] = []
    for word in words:
        option, equals, value = word.partition("=")
        named = option if equals else told[-1] if told else ""
        if named in PATHS and (equals or word not in PATHS):
            told.append(f"{option}={Path(value).name}" if equals else Path(word).name)
        else:
            told.append(word)
    return mask(shlex.join(["tunewise", *told]))


def say(console: Console, report: Report, records: Path) -> None:
    """What did not fit, what crashed, and where the rest is.

    Raises:
        UsageError: A run crashed.
    """
    from tunewise.text import printable

    reasons: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    for refusal in report.refusals:
        methods, problems = reasons.setdefault(refusal.why, ({}, {}))
        methods[refusal.method] = problems[refusal.problem] = None
    for why, (methods, problems) in reasons.items():
        some = ", ".join(list(problems)[:3]) + (f" and {len(problems) - 3} more" if len(problems) > 3 else "")
        console.print(f"left out: {', '.join(methods)} on {some}: {why}", markup=False, soft_wrap=True)
    for crash in report.crashes:
        where = f"{crash.key.method} on {crash.key.problem}, seed {crash.key.seed}"
        console.print(printable(f"{where}: {crash.why}"), markup=False, soft_wrap=True)
    if report.crashes:
        raise UsageError(
            f"{len(report.crashes)} runs ended in an error of their library; they are not in {records}. Fix the cause "
            "and run the same command again, or leave the method out."
        )
    console.print(f"{len(report.runs)} runs in {records}", soft_wrap=True)


def read_budgets(text: str) -> tuple[int, ...]:
    """Numbers of evaluations.

    Raises:
        UsageError: One is none.
    """
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() and int(word) > 0 for word in words):
        raise UsageError(f"--budget {text!r} is not a number of evaluations. Write for example 10, or 10,30.")
    return tuple(int(word) for word in words)
