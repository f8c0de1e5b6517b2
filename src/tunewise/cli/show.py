"""`tunewise show`: what a study has found, who proposed it and why, what it took."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from tunewise import attributes
from tunewise.cli.options import NameOption, StudyArgument

if TYPE_CHECKING:
    import optuna
    from rich.console import Console

    from tunewise.codegen.tree import Tree
    from tunewise.history import TrialRecord
    from tunewise.study.stored import StoredStudy


MIN_WIDTH = 60
"""Columns below which rich would leave out the configuration; a narrower terminal wraps lines itself."""
MAX_NOTES = 5
"""Sentences about what could not be read."""


def show(
    study: StudyArgument,
    name: NameOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, for programs.")] = False,
) -> None:
    """Show a study: trials with source, reason and value; tokens and cost; the best against the default.

    **Examples**

    - `tunewise show study.yaml`

    - `tunewise show study.journal --json | jq .best`
    """
    from rich.console import Console

    from tunewise.cli.options import find
    from tunewise.study.stored import StoredStudy

    found = find(study, name)
    stored, programs = StoredStudy.read(found), programs_of(found)
    if as_json:
        import json

        more = {"programs": [asdict(program) for program in programs.programs]} if programs else {}
        typer.echo(json.dumps(stored.to_dict() | more, indent=2))
    else:
        print_summary(Console(highlight=False), stored, programs)


def programs_of(study: optuna.Study) -> Tree | None:
    """The programs of a study, where it is one of programs."""
    if attributes.GENERATION not in study.user_attrs:
        return None
    from tunewise.codegen.tree import Tree

    return Tree.from_study(study)


def print_summary(console: Console, stored: StoredStudy, programs: Tree | None = None) -> None:
    """The table and the facts below it."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from tunewise.prompts.views import show as in_json
    from tunewise.study.progress import STYLES
    from tunewise.text import clip, duration, printable

    table = Table(box=SIMPLE_HEAD, pad_edge=False, title=None)
    table.add_column("trial", justify="right", no_wrap=True)
    table.add_column("source", no_wrap=True)
    table.add_column(Text(printable(stored.metric)), justify="right", min_width=9, max_width=15)
    table.add_column("time", justify="right", no_wrap=True)
    table.add_column("configuration and reason", overflow="fold")
    best = stored.history.best
    for trial in stored.history:
        what = Text(printable(in_json(trial.configuration)) if trial.configuration else "(not asked yet)")
        for line in remarks(trial):
            what.append(f"\n{printable(clip(line, 160))}", style="dim")
        table.add_row(
            str(trial.number),
            Text(printable(trial.source) if trial.configuration else "", style=STYLES.get(trial.source, "")),
            Text(result_of(trial), style="bold green" if trial is best else "red" if trial.state == "failed" else ""),
            "" if trial.seconds is None else duration(trial.seconds),
            what,
        )
    console.width = max(console.width, MIN_WIDTH)
    console.print(table)
    for line in [*told_programs(programs), *facts(stored)]:
        console.print(Text(printable(line)), soft_wrap=not console.is_terminal)


def told_programs(programs: Tree | None) -> list[str]:
    """The tree of programs, and a word of warning where nothing held them."""
    if not programs:
        return []
    unsafe = programs.sandbox.startswith("none")
    warning = ["They ran without a sandbox, with all rights of the user."] if unsafe else []
    return ["Programs:", *programs.lines(), *warning, ""]


def result_of(trial: TrialRecord) -> str:
    """The value, or the state where there is none."""
    if trial.state == "finished" and trial.value is not None:
        return f"{trial.value:.6g}"
    return trial.state if trial.configuration or trial.state != "running" else "waiting"


def remarks(trial: TrialRecord) -> list[str]:
    """Why it was proposed, what was changed in it, why it failed."""
    from tunewise.study.remarks import remarks_on

    lines = [f"{label}: {text}" if label != "reason" else text for label, text in remarks_on(trial)]
    credit = trial.proposal.decision.credit
    lines += [] if credit is None else [f"credit of the model: {credit:.0%}"]
    return [*lines, *([f"failed: {trial.error}"] if trial.state == "failed" else [])]


def facts(stored: StoredStudy) -> list[str]:
    """What stands below the table."""
    from tunewise.prompts.views import show as in_json
    from tunewise.text import money

    best = stored.history.best
    lines = list(stored.notes[:MAX_NOTES])
    if (more := len(stored.notes) - MAX_NOTES) > 0:
        lines.append(f"... and {more} more of this kind.")
    if best:
        where = f"trial {best.number} ({best.source})"
        lines.append(f"Best: {stored.metric} {best.value:.6g} in {where}: {in_json(best.configuration)}")
    else:
        some = bool(stored.history.finished)
        lines.append("No trial meets the constraints yet." if some else "No trial has finished yet.")
    lines.append(stored.verdict())
    if stored.uplift:
        lines.append(stored.uplift.in_words(stored.metric))
    if stored.fallbacks:
        numbers = ", ".join(f"{t.number} ({t.source})" for t in stored.fallbacks)
        lines.append(f"Without the model, although it was asked: trial {numbers}.")
    totals = stored.totals
    if totals.calls:
        failed = f" ({totals.failed_calls} failed)" if totals.failed_calls else ""
        calls = "1 call" if totals.uncounted_calls == 1 else f"{totals.uncounted_calls} calls"
        missing = f", not counting {calls} of unknown size" if totals.uncounted_calls else ""
        lines.append(
            f"Calls to the model: {totals.calls}{failed}; tokens: {totals.input_tokens} read, {totals.output_tokens} "
            f"written{missing}; cost: {money(totals).removeprefix('cost ')}."
        )
    return lines
