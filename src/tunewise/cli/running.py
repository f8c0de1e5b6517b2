"""What commands that run a study share: a model that may be recorded, the screen, an end that loses nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer
from rich.console import Console

from tunewise.cli.signals import terminate_as_interrupt
from tunewise.errors import BudgetReached, ModelError, UsageError
from tunewise.log import hushed

if TYPE_CHECKING:
    from tunewise.llm.base import ChatModel
    from tunewise.llm.ledger import Totals
    from tunewise.study.progress import Progress

M = TypeVar("M", bound="ChatModel | None")


def taped(connect: Callable[[], M], *, record: Path | None, replay: Path | None) -> M | ChatModel:
    """The model of a command; recorded, or replayed without connecting, where that was asked for.

    Raises:
        UsageError: Both were asked for.
    """
    from tunewise.llm.cassette import RecordingModel, ReplayingModel

    if record and replay:
        raise UsageError("--record and --replay exclude each other: what is replayed has been recorded.")
    if replay:
        return ReplayingModel(replay)
    model = connect()
    return model if model is None or record is None else RecordingModel(model, record)


@contextmanager
def running(
    address: str,
    *,
    trials: int,
    metric: str,
    totals: Callable[[], Totals],
    model: ChatModel | None,
    quiet: bool,
    result: Callable[[Console], None],
) -> Iterator[Progress | None]:
    """The screen around a run: progress while it lasts, then the result, also of one that a budget or a model ended.

    Args:
        address: Where the study is kept.
        trials: How many it is to have.
        metric: Name of what the objective returns.
        totals: Says what the calls have taken so far.
        model: Who is asked; somebody who types at this terminal is left in peace.
        quiet: No progress.
        result: Prints what stands.

    Yields:
        Who is to be told of the trials.
    """
    from tunewise.llm.manual import ManualModel
    from tunewise.study.progress import Progress

    console, out = Console(stderr=True, highlight=False), Console(highlight=False)
    progress = Progress(console, trials, metric, totals, spinner=not isinstance(model, ManualModel))
    with terminate_as_interrupt(), nullcontext() if quiet else hushed(), progress:
        try:
            yield None if quiet else progress
        except KeyboardInterrupt:
            progress.stop()
            console.print(f"\nInterrupted. All finished trials are in {address}; the same command goes on.")
            raise typer.Exit(130) from None
        except (BudgetReached, ModelError):
            progress.stop()
            result(out)
            raise
    result(out)
    out.print(f"\nStudy kept in {address}", style="dim", soft_wrap=True)
