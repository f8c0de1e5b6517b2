"""The terminal: who writes to it, and texts of others without power over it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

__all__ = ["PlainOption", "VerboseOption", "console", "fitted", "inert", "is_animated"]

PlainOption = Annotated[
    bool, typer.Option("--plain", help="No colours and nothing that moves: lines that a log can hold.")
]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", "-v", help="Whole reasons, credit, expectations, all hyperparameters.")
]


def console(*, errors: bool = False, plain: bool = False) -> Console:
    """Standard output, or standard error; without colours where `NO_COLOR` is set, too."""
    from rich.console import Console

    return Console(stderr=errors, highlight=False, markup=False, force_terminal=False if plain else None)


def is_animated(screen: Console) -> bool:
    """Whether what is written can be taken back, as a spinner needs it."""
    return screen.is_terminal and not screen.is_dumb_terminal


def inert(text: object, style: str = "") -> Text:
    """A text of a model, a server or an objective: no markup in it counts, and it cannot command the terminal."""
    from rich.text import Text

    from tunewise.text import printable

    return Text(printable(str(text)), style=style)


def fitted(text: str, width: int) -> str:
    """On one line of so many columns at most, with three dots where something is left out."""
    from rich.cells import cell_len, set_cell_size

    line = " ".join(text.split())
    return line if cell_len(line) <= width else set_cell_size(line, max(0, width - 3)).rstrip() + "..."
