"""What commands that run a study share: a model that may be recorded, the screen, an end that loses nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from tunewise.cli.signals import terminate_as_interrupt
from tunewise.errors import BudgetReached, ModelError, ModelUnusable, UsageError
from tunewise.log import silenced

if TYPE_CHECKING:
    from rich.console import Console

    from tunewise.cli.progress import Progress
    from tunewise.history import History
    from tunewise.llm.base import ChatModel
    from tunewise.llm.ledger import Ledger
    from tunewise.space import Value
    from tunewise.task import Direction, Task

M = TypeVar("M", bound="ChatModel | None")


def taped(connect: Callable[[], M], *, record: Path | None, replay: Path | None, loose: bool = False) -> M | ChatModel:
    """The model of a command; recorded, or replayed without connecting, where that was asked for.

    Raises:
        UsageError: Both were asked for.
    """
    from tunewise.llm.cassette import RecordingModel, ReplayingModel

    if record and replay:
        raise UsageError("--record and --replay exclude each other: what is replayed has been recorded.")
    if replay:
        return ReplayingModel(replay, loose=loose)
    model = connect()
    return model if model is None or record is None else RecordingModel(model, record)


@contextmanager
def telling(way_out: str) -> Iterator[None]:
    """Say one more way out where a model is of no use."""
    try:
        yield
    except ModelUnusable as error:
        raise ModelUnusable(f"{error} {way_out}".rstrip()) from None


@dataclass(frozen=True, kw_only=True)
class Screen:
    """How a run is shown.

    Attributes:
        quiet: No progress, only the result.
        plain: No colours, nothing that moves.
        verbose: All that is known of a trial.
    """

    quiet: bool = False
    plain: bool = False
    verbose: bool = False


@contextmanager
def running(
    screen: Screen,
    *,
    address: str,
    name: str,
    task: Task,
    samples: Mapping[str, Sequence[Value]],
    n_trials: int,
    n_jobs: int = 1,
    model: ChatModel | None,
    ledger: Ledger,
) -> Iterator[Progress | None]:
    """The screen around a run: progress while it lasts, then the result, also of one that a budget or a model ended.

    Args:
        screen: How it is shown.
        address: Where the study is kept.
        name: Its name there.
        task: What is tuned.
        samples: Values of each hyperparameter, by which columns are made.
        n_trials: How many the study is to have.
        n_jobs: How many run at a time.
        model: Who is asked; somebody who types at this terminal is left in peace.
        ledger: What the calls take.

    Yields:
        Who is to be told of the trials.
    """
    from tunewise.cli.progress import Progress, Waiting
    from tunewise.cli.terminal import console
    from tunewise.cli.trial_table import Columns
    from tunewise.llm.manual import ManualModel
    from tunewise.objectives import Objective

    errors, out = console(errors=True, plain=screen.plain), console(plain=screen.plain)
    objective = Objective(task.metric, task.direction or "minimize")
    progress = Progress(
        errors,
        Columns.fit([objective], samples, errors.width),
        n_trials,
        Waiting(model=model.name if model else "", asked=lambda: ledger.is_waiting, totals=lambda: ledger.totals),
        workers=n_jobs,
        spinner=not isinstance(model, ManualModel),
        verbose=screen.verbose,
    )
    with terminate_as_interrupt(), nullcontext() if screen.quiet else silenced(), progress:
        try:
            if not screen.quiet:
                progress.begin(history_so_far(address, name, objective.direction))
            yield None if screen.quiet else progress
        except KeyboardInterrupt:
            progress.stop()
            errors.print(f"\nInterrupted. All finished trials are in {address}; the same command goes on.")
            raise typer.Exit(130) from None
        except (BudgetReached, ModelError):
            progress.stop()
            print_closing(out, address, name)
            raise
    print_closing(out, address, name)


def history_so_far(address: str, name: str, direction: Direction) -> History:
    """The trials of a study that is gone on with; none of one that begins."""
    from tunewise.errors import StudyError
    from tunewise.history import History
    from tunewise.study.storage import open_study

    try:
        return History.from_study(open_study(address, name))
    except (StudyError, UsageError):
        return History(direction=direction)


def stored_reason(address: str, name: str) -> str:
    """What stopped a study before its trials were used up; empty when nothing did."""
    from tunewise import attributes
    from tunewise.study.storage import open_study

    return str(open_study(address, name).user_attrs.get(attributes.STOPPED, ""))


def print_closing(out: Console, address: str, name: str) -> None:
    """What the study amounts to."""
    from tunewise.cli.closing import closing_lines
    from tunewise.cli.show import print_lines, told_programs
    from tunewise.cli.terminal import inert
    from tunewise.report.records import tree_of
    from tunewise.study.storage import open_study
    from tunewise.study.stored import StoredStudy

    stored = StoredStudy.read(open_study(address, name))
    if not stored.history:
        return
    out.print()
    if reason := stored_reason(address, name):
        out.print(inert(f"Stopped: {reason}"))
    print_lines(out, [*told_programs(tree_of(stored)), *closing_lines(stored, address)])
