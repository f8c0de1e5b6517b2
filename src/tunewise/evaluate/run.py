"""What an evaluation knows of itself, and what it may say while it runs."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tunewise.errors import StudyError
from tunewise.evaluate.base import as_float, is_number
from tunewise.text import shorten

__all__ = ["MAX_STEP", "SILENT", "Channel", "Run", "device_variables", "takes_run"]


MAX_STEP = 2**31 - 1
"""More does not fit into every database that Optuna stores a study in."""


class Channel(Protocol):
    """How the words of an evaluation reach whoever runs the study."""

    @property
    def heard(self) -> bool:
        """Whether the evaluation knows that it should stop."""
        ...

    @property
    def late(self) -> Sequence[tuple[float, int | None]]:
        """What could not be handed over, oldest first, as (value, step)."""
        ...

    def send(self, value: float, step: int | None) -> None:
        """Hand over an intermediate value; step None is the one after the last."""
        ...

    def stopped(self) -> bool:
        """Whether the evaluation should stop."""
        ...


class Silent:
    """The channel of an evaluation that nobody listens to."""

    heard = False
    late = ()

    def send(self, value: float, step: int | None) -> None:
        """Forget it."""

    def stopped(self) -> bool:
        """Never."""
        return False


@dataclass(frozen=True, slots=True)
class Earlier:
    """What a trial goes on from.

    Attributes:
        trial: Number of the first trial of this configuration, to which the folder belongs.
        values: The metric by fidelity, as far as it is known.
    """

    trial: int
    values: Mapping[int, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One evaluation, as it sees itself: an objective that takes a second argument is given this.

    ```python
    def objective(configuration, run):
        for epoch in range(30):
            loss = train_one_epoch(configuration)
            run.report(loss, epoch)
            if run.should_stop():
                break
        return loss
    ```

    Attributes:
        trial: Number of the trial in its study; None outside of a study.
        worker: Which of the study's workers runs it, from 0.
        device: The worker's device, as in `CUDA_VISIBLE_DEVICES`; "" when the study names none.
        fidelity: How much to spend (epochs, rows, ...) where the study has fidelities; else None.
        folder: Of this trial alone, the same at each of its fidelities, for what a higher one goes on from; removed
            when the trial has finished or failed, or the study has ended. "" where the study has no fidelities.
        earlier: What is known of the trial already, where it goes on from a lower fidelity.
        timeout_s: Limit of this evaluation in seconds; None: no limit.
        channel: Where its words go.
    """

    trial: int | None = None
    worker: int = 0
    device: str = ""
    fidelity: float | None = None
    folder: str = ""
    earlier: Earlier | None = None
    timeout_s: float | None = None
    channel: Channel = field(default_factory=Silent, repr=False, compare=False)

    def report(self, value: float, step: int | None = None) -> None:
        """Tell the metric as it is now. It is stored with the study at once, and a pruner may decide to stop the trial.

        Args:
            value: The metric on validation data; NaN and infinity are allowed, and mean that training has diverged.
            step: Epochs (or batches, trees, ...) so far, at least 0 and growing; None: one more than the last.

        Raises:
            StudyError: The value is no number, or the step is no whole number of 0 to 2,147,483,647.
        """
        if not is_number(value):
            raise StudyError(f"run.report was given {shorten(value)}, which is not a number. Report the metric.")
        self.channel.send(as_float(value), None if step is None else whole(step))

    @property
    def listened(self) -> bool:
        """Whether anybody hears what it reports."""
        return not isinstance(self.channel, Silent)

    def should_stop(self) -> bool:
        """Whether a pruner has given this trial up. Then return at once: the last value that was reported is kept."""
        return self.channel.stopped()


SILENT = Run()
"""Of an evaluation that nobody watches."""


def device_variables(run: Run) -> dict[str, str]:
    """The environment variables by which libraries see the worker's device alone."""
    return {"CUDA_VISIBLE_DEVICES": run.device} if run.device else {}


def whole(step: object) -> int:
    """A step, validated."""
    try:
        number = operator.index(step)  # type: ignore[arg-type]
    except TypeError:
        number = -1
    if not 0 <= number <= MAX_STEP or isinstance(step, bool):
        raise StudyError(f"step = {shorten(step)} is not a whole number of 0 to {MAX_STEP}. Count epochs or batches.")
    return number


def takes_run(function: Callable[..., object]) -> bool:
    """Whether a function takes a `Run` as its second argument: one without a default, or with the name `run`."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # a function of C that does not say
        return False
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return len(positional) > 1 and (positional[1].default is inspect.Parameter.empty or positional[1].name == "run")
