"""`tunewise report`: a study as one page that opens anywhere, or as Markdown or JSON."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tunewise.cli.options import NameOption, StorageOption
from tunewise.errors import UsageError


class ReportFormat(StrEnum):
    """What a report can be."""

    html = "html"
    md = "md"
    json = "json"


ENDINGS = {
    ReportFormat.html: (".html", ".htm"),
    ReportFormat.md: (".md", ".markdown", ".txt"),
    ReportFormat.json: (".json",),
}
"""Files that a report may overwrite: never a study file or a journal by a slip of the hand."""


def report(
    studies: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="STUDY...",
            help="A study file (.yaml), a journal file, or a database URL; several are compared.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help='Where to; "-" for standard output.')
    ] = None,
    form: Annotated[ReportFormat | None, typer.Option("--format", help="As the file's ending says, else html.")] = None,
    name: NameOption = None,
    storage: StorageOption = None,
) -> None:
    """Write a study as one self-contained page, as Markdown or as JSON; or compare several studies.

    The page opens without a network. It holds prompts, replies and errors: look at it before you send it to others.

    **Examples**

    - `tunewise report study.yaml -o report.html`

    - `tunewise report study.journal --format md -o -`

    - `tunewise report first.yaml second.yaml -o compared.html`
    """
    from tunewise.cli.options import find, words_of
    from tunewise.report import compare
    from tunewise.report import report as make
    from tunewise.text import printable

    file, chosen = target(output, form)
    named = [*(studies or ()), *([storage] if storage else [])]
    study = studies[0] if studies else None
    if file and file.exists() and any(Path(one).exists() and file.samefile(one) for one in named):
        raise UsageError(f"{file} is the study itself. Name another file with -o.")
    if studies and len(studies) > 1:
        text = compare([find(one, name, storage) for one in studies], form=chosen.value)
    else:
        text = make(find(study, name, storage), form=chosen.value, address=words_of(study, name, storage))
    if file is None:
        typer.echo(text)
        return
    try:
        file.write_text(text, "utf-8")
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}. Name another file with -o.") from None
    typer.echo(f"{printable(str(file))} ({len(text.encode()) / 1e6:.1f} MB)")


def target(output: Path | None, form: ReportFormat | None) -> tuple[Path | None, ReportFormat]:
    """The file, None for standard output, and the format.

    Raises:
        UsageError: The file's ending does not fit.
    """
    if output is None or str(output) == "-":
        chosen = form or ReportFormat.html
        return (Path("report.html") if output is None and chosen == ReportFormat.html else None), chosen
    ending = output.suffix.lower()
    fitting = next((known for known, endings in ENDINGS.items() if ending in endings), None)
    chosen = form or fitting or ReportFormat.html
    if ending not in ENDINGS[chosen]:
        raise UsageError(
            f"{output} does not end like a report: {' or '.join(ENDINGS[chosen])} for --format {chosen.value}. Other "
            "files are not overwritten. Name another file with -o."
        )
    return output, chosen
