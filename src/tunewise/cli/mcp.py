"""`tunewise mcp`: studies for agents."""

from __future__ import annotations

from typing import Annotated

import typer


def mcp(
    studies: Annotated[
        list[str], typer.Argument(metavar="STUDY...", help="Study files (.yaml), journal files or database URLs.")
    ],
    write: Annotated[bool, typer.Option("--write", help="Agents may ask, propose and tell.")] = False,
    http: Annotated[int | None, typer.Option(min=1, max=65535, help="Serve HTTP on this port of 127.0.0.1.")] = None,
) -> None:
    """Serve studies to an agent, over the Model Context Protocol.

    Without --write it only looks. It opens the studies that it was started with, and no others.

    **Examples**

    - `tunewise mcp study.yaml`: read-only, on standard input and output

    - `tunewise mcp study.yaml --write`: the agent may run trials of its own

    - `tunewise mcp a.yaml b.yaml --http 8765`: at http://127.0.0.1:8765/mcp
    """
    from tunewise.cli.options import quiet_optuna
    from tunewise.errors import UsageError

    try:
        from tunewise.mcp.server import make_server, serve_http, serve_stdio
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types", "anyio"):
            raise
        raise UsageError("The package mcp is not installed. Run: pip install 'tunewise[mcp]'") from None
    from tunewise.mcp.desk import Desk

    quiet_optuna()
    server = make_server(Desk(studies), write=write)
    if http is None:
        serve_stdio(server)
    else:
        typer.echo(f"http://127.0.0.1:{http}/mcp")
        serve_http(server, port=http)
