"""Reports of a comparison: tables, figures, one page; made of records alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tunewise.bench.records import read_runs
from tunewise.bench.report.document import Document, Picture
from tunewise.bench.results import Results
from tunewise.errors import UsageError

__all__ = ["write_report"]


def write_report(records: Sequence[Path], output: Path, *, note: str = "", commands: Sequence[str] = ()) -> list[Path]:
    """Write the report of some records.

    Args:
        records: Files of `bench run`.
        output: A folder, for everything: `index.html`, `report.md`, `tasks/`, `figures/`. Or a file that ends in .md,
            for the main part alone, with its figures in a folder of the same name.
        note: What to know before anything else.
        commands: What made the report; none: the commands that were kept with the runs.

    Returns:
        The main files.

    Raises:
        UsageError: The records cannot be read or hold too little, or the output cannot be written.
    """
    from tunewise.bench.report.build import build
    from tunewise.bench.report.markdown import markdown
    from tunewise.bench.report.page import page
    from tunewise.report.texts import Cleaner

    runs = read_runs(records)
    if not runs:
        raise UsageError(f"{', '.join(map(str, records))} holds no whole run. Run bench run first.")
    short = output.suffix == ".md"
    if short and output.is_file() and not output.read_bytes().startswith(b"# Benchmark"):
        raise UsageError(f"{output} is not a report of bench, and is not overwritten. Name another file with -o.")
    try:
        if not short:
            (output / "tasks").mkdir(parents=True, exist_ok=True)
        document = build(Results(tuple(runs.values())), Cleaner(), pages=not short, note=note, commands=commands)
        save(pictures(document), output.with_suffix("") if short else output / "figures", pixels=not short)
        if short:
            output.write_text(markdown(document, figures=output.stem, tasks=None)[""], "utf-8")
            return [output]
        for name, text in markdown(document, figures="figures", tasks="tasks").items():
            (output / (name or "report.md")).write_text(text, "utf-8")
        (output / "index.html").write_text(page(document), "utf-8")
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror}. Name another place with -o.") from None
    return [output / "index.html", output / "report.md"]


def pictures(document: Document) -> list[Picture]:
    """All figures."""
    return [block for section in document.sections for block in section.blocks if isinstance(block, Picture)]


def save(figures: Sequence[Picture], folder: Path, *, pixels: bool) -> None:
    """Write figures as SVG, and as PNG where that is wanted or there is no SVG."""
    if figures:
        folder.mkdir(parents=True, exist_ok=True)
    for figure in figures:
        if figure.svg:
            (folder / f"{figure.name}.svg").write_bytes(figure.svg)
        if pixels or not figure.svg:
            (folder / f"{figure.name}.png").write_bytes(figure.png)
