"""`tunewise tell`: the result of a configuration that was asked for."""

from __future__ import annotations

from typing import Annotated

import typer

from tunewise.cli.options import StudyArgument


def tell(
    study: StudyArgument,
    trial: Annotated[int | None, typer.Option(min=0, help="Number of the trial.")] = None,
    value: Annotated[float | None, typer.Option(help="Its metric.")] = None,
    error: Annotated[str | None, typer.Option(help="Why it failed, in place of a metric.")] = None,
) -> None:
    """Report the result of a trial, by options or as one JSON object on standard input.

    **Examples**

    - `tunewise tell study.yaml --trial 0 --value 0.042`

    - `echo '{"trial": 1, "error": "out of memory"}' | tunewise tell study.yaml`
    """
    import json
    import sys

    from tunewise.cli.options import find
    from tunewise.errors import StudyError
    from tunewise.study.manual import tell_one

    report: object = {k: v for k, v in {"trial": trial, "value": value, "error": error}.items() if v is not None}
    if not report:
        text = sys.stdin.read()
        try:
            report = json.loads(text)
        except (ValueError, RecursionError):
            raise StudyError(f'{text[:80]!r} is not JSON. Write for example {{"trial": 0, "value": 0.042}}.') from None
    typer.echo(json.dumps(tell_one(find(study), report)))
