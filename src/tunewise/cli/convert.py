"""`tunewise convert`: a study file out of a file of another program."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def convert(
    file: Annotated[Path, typer.Argument(help="A sweep, a search space or a grid of another program.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A new file to write it to.")] = None,
) -> None:
    """Print a study file that says what a file of another program says.

    Read are sweeps of Weights & Biases and Hydra, search spaces of NNI, Ray Tune, ConfigSpace and Keras Tuner, and
    grids of scikit-learn (also in a .py file, which is not run). What has no counterpart here is named.

    **Examples**

    - `tunewise convert sweep.yaml -o study.yaml`

    - `tunewise convert search_space.json`
    """
    from tunewise.convert import convert_file
    from tunewise.text import printable

    draft = convert_file(file)
    text = draft.text()
    for note in draft.notes:
        typer.echo(printable(f"- {note}"), err=True)
    if output is None:
        typer.echo(printable(text), nl=False)
    else:
        write_new(output, text)


def write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet.

    Raises:
        UsageError: It is there, or cannot be written.
    """
    from tunewise.errors import UsageError

    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path} is there already. Name another file with --output.") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}. Name another file with --output.") from None
    typer.echo(f"Written to {path}. Read it, then: tunewise tune {path}", err=True)
