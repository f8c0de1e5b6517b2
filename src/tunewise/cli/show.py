"""`tunewise show`: what a study has found, who proposed it and why, what it took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from tunewise import attributes
from tunewise.cli.options import NameOption, StorageOption, StudyArgument
from tunewise.cli.terminal import PlainOption, VerboseOption

if TYPE_CHECKING:
    import optuna
    from rich.console import Console

    from tunewise.cli.trial_table import Columns
    from tunewise.codegen.tree import Tree
    from tunewise.history import TrialRecord
    from tunewise.study.stored import StoredStudy

MOST = 200
"""Trials that are shown unasked: more than a person reads."""
MIN_WIDTH = 60
"""Columns of the table at least; a narrower terminal wraps lines itself."""


def show(
    study: StudyArgument = None,
    name: NameOption = None,
    storage: StorageOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, for programs.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Every trial, however many there are.")] = False,
    verbose: VerboseOption = False,
    plain: PlainOption = False,
) -> None:
    """Show a study: its trials, best first, who proposed each and why; the best against the default; what it cost.

    **Examples**

    - `tunewise show study.yaml`

    - `tunewise show study.journal --json | jq .best`
    """
    from tunewise.cli.options import find
    from tunewise.cli.terminal import console
    from tunewise.study.stored import StoredStudy

    found = find(study, name, storage)
    stored, programs = StoredStudy.read(found), programs_of(found)
    if as_json:
        import json

        more = {"programs": [asdict(program) for program in programs.programs]} if programs else {}
        typer.echo(json.dumps(stored.to_dict() | more, indent=2))
    else:
        print_study(console(plain=plain), stored, programs, most=None if every else MOST, verbose=verbose)


def programs_of(study: optuna.Study) -> Tree | None:
    """The programs of a study, where it is one of programs."""
    if attributes.GENERATION not in study.user_attrs:
        return None
    from tunewise.codegen.tree import Tree

    return Tree.from_study(study)


def print_study(
    screen: Console,
    stored: StoredStudy,
    programs: Tree | None = None,
    *,
    most: int | None = None,
    verbose: bool = False,
) -> None:
    """The table and the facts below it."""
    from tunewise.cli.closing import fact_lines
    from tunewise.cli.terminal import inert
    from tunewise.cli.trial_table import INDENT, best_first

    shown = best_first(stored.history)[:most]
    columns = columns_for(stored, shown, max(screen.width, MIN_WIDTH))
    if stored.history:
        screen.print(columns.head(), soft_wrap=True)
    print_trials(screen, stored, columns, shown, verbose=verbose)
    if columns.left_out and not verbose:
        screen.print(inert(f"{INDENT}not shown: {', '.join(columns.left_out)} (-v shows all)", "dim"))
    screen.print()
    print_lines(screen, [*told_programs(programs), *fact_lines(stored, verbose=verbose)])


def print_lines(screen: Console, lines: Sequence[str]) -> None:
    """Sentences, wrapped to the terminal under their own beginning; whole in a log."""
    from rich.padding import Padding

    from tunewise.cli.terminal import inert

    for line in lines:
        if screen.is_terminal:
            indent = len(line) - len(line.lstrip())
            screen.print(Padding(inert(line.lstrip()), (0, 0, 0, indent)))
        else:
            screen.print(inert(line), soft_wrap=True)


def print_trials(
    screen: Console, stored: StoredStudy, columns: Columns, shown: Sequence[TrialRecord], *, verbose: bool
) -> None:
    """A line for each trial, and why below it; that there are more than are shown, is said."""
    from rich.padding import Padding

    from tunewise.cli.terminal import inert
    from tunewise.cli.trial_table import INDENT

    best = stored.front.best if stored.front else [stored.best.number] if stored.best else []
    for trial in shown:
        screen.print(columns.row(trial, stored.history, starred=trial.number in best), soft_wrap=True)
        for below in columns.below(trial, verbose=verbose):
            screen.print(Padding(below, (0, 0, 0, len(INDENT))) if verbose else below, soft_wrap=not verbose)
    if more := len(stored.history) - len(shown):
        screen.print(inert(f"{INDENT}{more:,} more trials are worse or without a value (--all shows them)", "dim"))


def columns_for(stored: StoredStudy, shown: Sequence[TrialRecord], width: int) -> Columns:
    """Hyperparameters in the order of the space, as `tune` has them, as wide as the trials that are shown need them."""
    from tunewise.cli.trial_table import Columns

    samples = (
        {}
        if stored.programs
        else {name: [t.configuration[name] for t in shown if name in t.configuration] or [""] for name in stored.names}
    )
    return Columns.fit(stored.objectives, samples, width)


def told_programs(programs: Tree | None) -> list[str]:
    """The tree of programs, and a word of warning where nothing held them."""
    if not programs:
        return []
    unsafe = programs.sandbox.startswith("none")
    warning = ["They ran without a sandbox, with all rights of the user."] if unsafe else []
    return ["Programs:", *programs.lines(), *warning, ""]
