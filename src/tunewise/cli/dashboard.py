"""`tunewise dashboard`: optuna-dashboard on a study, while it runs or afterwards."""

from __future__ import annotations

from typing import Annotated

import typer

from tunewise.cli.options import NameOption, StorageOption, StudyArgument


def dashboard(
    study: StudyArgument = None,
    name: NameOption = None,
    storage: StorageOption = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where it listens; 0: any free port.")] = 8080,
    host: Annotated[str, typer.Option(help="Address that it listens on; others than loopback show it to others.")] = (
        "127.0.0.1"
    ),
    open_page: Annotated[bool, typer.Option("--open/--no-open", help="Whether to open the page in a browser.")] = True,
) -> None:
    """Open optuna-dashboard on a study, with each trial's source and reason as its note and the report as an artifact.

    It shows the study as it is, also while it runs, and only reads. Ctrl-C ends it.

    **Examples**

    - `tunewise dashboard study.yaml`

    - `tunewise dashboard study.journal --port 0 --no-open`
    """
    import webbrowser
    from contextlib import suppress

    from tunewise.cli.options import find, words_of
    from tunewise.cli.signals import terminate_as_interrupt
    from tunewise.report.dashboard import LOOPBACK, serve

    def ready(url: str) -> None:
        typer.echo(f"{url}\nCtrl-C ends it.")
        if host not in LOOPBACK:
            typer.echo("Whoever reaches this address can read the study, its prompts and its errors.", err=True)
        if open_page:
            webbrowser.open(url)

    with suppress(KeyboardInterrupt), terminate_as_interrupt():
        serve(find(study, name, storage), host=host, port=port, address=words_of(study, name, storage), ready=ready)
