"""`tunewise import`: what was tried before becomes part of a study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def import_(
    source: Annotated[str, typer.Argument(metavar="TRIALS", help="A CSV file or an Optuna study.")],
    study: Annotated[Path, typer.Option(metavar="FILE.yaml", help="The study file.", show_default=False)],
    metric: Annotated[str | None, typer.Option(help="The column of the metric.")] = None,
) -> None:
    """Add trials that were run before: rows of a table, or those of another Optuna study.

    They count as trials of the study. What does not fit is told row by row, and the rest is added.

    **Examples**

    - `tunewise import trials.csv --study study.yaml`

    - `tunewise import wandb.csv --study study.yaml --metric val_loss`

    - `tunewise import earlier.journal --study study.yaml`
    """
    from tunewise.cli.options import quiet_optuna, read
    from tunewise.sampler import LLMSampler
    from tunewise.study.imported import import_rows, read_rows, told
    from tunewise.study.manual import begin
    from tunewise.study.storage import only_driver
    from tunewise.text import printable

    quiet_optuna()
    spec = read(study)
    task, space, _ = spec.build()
    rows = read_rows(source, task.direction or "minimize")
    names = [metric] if metric else [task.metric, getattr(spec.evaluate, "metric", "value"), "value"]
    columns = {column.lower() for column in rows[0].cells} if rows else set()
    column = next((name for name in names if any(name.lower() in known for known in columns)), names[0])
    sampler = LLMSampler(proposer="random", task=task, space=space)  # nobody is asked
    with only_driver(spec.storage_address, spec.study_name):
        opened = begin(spec.storage_address, spec.study_name, sampler, space)
        imported = import_rows(opened, space, rows, metric=column, source=Path(source).name)
    for line in told(imported):
        typer.echo(printable(line))
    if not imported.numbers:
        raise typer.Exit(1)
