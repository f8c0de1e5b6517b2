"""The commands together, and what an error looks like to a person and to a shell."""

from __future__ import annotations

import atexit
import errno
import gc
import io
import os
import re
import shutil
import sys
import textwrap

import typer

from tunewise.cli import (
    ask,
    bench,
    chat,
    convert,
    dashboard,
    export,
    generate,
    import_,
    init,
    mcp,
    models,
    prompt,
    report,
    schema,
    score,
    show,
    tell,
    tune,
)
from tunewise.errors import BudgetReached, ModelError, ObjectiveFailed, TunewiseError, UsageError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What a file says that takes no more."""

app = typer.Typer(
    name="tunewise",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Tune hyperparameters: a language model decides, a surrogate advises, the study says who did what.

    Begin with a study file (`tunewise init` drafts one), then:

    - `tunewise prompt study.yaml`: what would be sent to the model; nothing is sent

    - `tunewise tune study.yaml`: run it, or go on where it was

    - `tunewise show study.yaml`: who proposed what and why, what it cost, best against default

    - `tunewise report study.yaml`: the same and more as one page to look at

    - `tunewise dashboard study.yaml`: live, in optuna-dashboard

    - `tunewise chat study.yaml`: ask about it

    - `tunewise init train.py`: draft a study file for a script

    - `tunewise mcp study.yaml`: the study for agents, over the Model Context Protocol

    - `tunewise generate table.csv --target price --task regression --model gpt-5`: have the model written, too

    - `tunewise bench list`: problems and methods, which `tunewise bench run` compares

    Exit codes: 0 done, 2 wrong usage, 3 budget reached, 4 model unusable, 5 objective failed throughout,
    130 interrupted.
    """,
)


def version(wanted: bool) -> None:
    """Print the version and end."""
    if wanted:
        from tunewise import __version__

        typer.echo(f"tunewise {__version__}")
        raise typer.Exit


@app.callback()
def options(
    show_version: bool = typer.Option(False, "--version", callback=version, is_eager=True, help="Print the version."),
) -> None:
    """Options of the command itself."""
    del show_version


app.command("tune")(tune.tune)
app.command("show")(show.show)
app.command("report")(report.report)
app.command("dashboard")(dashboard.dashboard)
app.command("chat")(chat.chat)
app.command("prompt")(prompt.prompt)
app.command("init")(init.init)
app.command("convert")(convert.convert)
app.command("import")(import_.import_)
app.command("schema")(schema.schema)
app.command("ask")(ask.ask)
app.command("tell")(tell.tell)
app.command("mcp")(mcp.mcp)
app.command("generate")(generate.generate)
app.command("export")(export.export)
app.add_typer(score.beside(models.models), name="models")
app.add_typer(bench.app, name="bench")


def exit_code(error: TunewiseError) -> int:
    """What a shell sees."""
    match error:
        case BudgetReached():
            return 3
        case ModelError():
            return 4
        case ObjectiveFailed():
            return 5
    return 2


def wrapped(text: str) -> str:
    """Broken between words where a person reads it; whole in a log."""
    if not sys.stderr.isatty():
        return text
    width = max(40, shutil.get_terminal_size().columns)
    return "\n".join(textwrap.fill(line, width, break_on_hyphens=False) for line in text.splitlines())


def main() -> None:
    """Run the command; an error is one paragraph on standard error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # models write more than every terminal can show
            stream.reconfigure(errors="backslashreplace")
    atexit.register(gc.freeze)  # what ends with the process need not be searched for cycles: a tenth of a long `show`
    try:
        try:
            app()
        finally:
            if sys.stdout:
                sys.stdout.flush()  # here it can still be told that this cannot be
    except TunewiseError as error:
        end(error)
    except KeyboardInterrupt:
        print("tunewise: interrupted.", file=sys.stderr)  # noqa: T201
        sys.exit(130)
    except BrokenPipeError:  # the reader of a pipe, such as head, has seen enough
        write_nowhere()
        sys.exit(141)
    except OSError as error:  # whichever file it was, a person named it
        if error.filename is None and error.errno not in FULL:
            raise
        if error.filename is None:
            write_nowhere()
        file = error.filename or "The file or terminal that the output goes to"
        end(UsageError(f"{file} cannot be used: {error.strerror}. Name another file, or allow it."))
    except Exception as error:
        from tunewise.study.storage import failure_of_database

        if (failure := failure_of_database(error)) is None:
            raise
        end(failure)


def write_nowhere() -> None:
    """Drop what standard output cannot take, so that nothing complains of it at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def end(error: TunewiseError) -> None:
    """Say it, and exit with its code."""
    from tunewise.text import printable

    sys.stdout.flush()
    said = printable(str(error))
    if isinstance(error, ModelError):  # as options, which go before what a study file says
        said = re.sub(r"(?<![\w-])(base_url|api_key_env)\b", lambda name: f"--{name[0].replace('_', '-')}", said)
    print(wrapped(f"tunewise: {said}"), file=sys.stderr)  # noqa: T201 - the one place where a program speaks
    sys.exit(exit_code(error))
