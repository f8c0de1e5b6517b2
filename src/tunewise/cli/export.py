"""`tunewise export`: the winner of a study of programs as a Python file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewise.cli.options import NameOption, StorageOption, StudyArgument


def export(
    study: StudyArgument = None,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE.py", help="Where to.")] = Path("program.py"),
    trial: Annotated[int | None, typer.Option(min=0, help="Number of the trial; the best one by default.")] = None,
    name: NameOption = None,
    storage: StorageOption = None,
    rows: Annotated[
        bool, typer.Option("--rows/--no-rows", help="Whether a program for a table carries the rows to train on.")
    ] = True,
) -> None:
    """Write the winner of a study of programs as a Python file: `python FILE.py predict new.csv` trains and predicts.

    The file holds what a model wrote: read it before you run it.

    **Examples**

    - `tunewise export trips.journal -o best.py`
    """
    from tunewise.cli.options import find

    write(find(study, name, storage), output, trial, rows=rows)
    typer.echo(f"{output}")


def write(study: object, output: Path, trial: int | None = None, *, rows: bool = True) -> None:
    """Write a program to a file.

    Raises:
        UsageError: The file does not end as Python does, or cannot be written.
    """
    import optuna

    from tunewise.codegen.export import export_program
    from tunewise.errors import UsageError

    assert isinstance(study, optuna.Study), "an Optuna study"
    if output.suffix != ".py":
        raise UsageError(f"{output} does not end in .py, and other files are not overwritten. Name a Python file.")
    text = export_program(study, trial=trial, file=output.name, rows=rows)
    try:
        output.write_text(text, "utf-8")
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror}. Name another file.") from None
