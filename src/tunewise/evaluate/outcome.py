"""An evaluation from its configuration to what is stored of it; it runs where the executor says."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tunewise.errors import TrialFailed, TrialStopped
from tunewise.evaluate.base import Evaluation, Evaluator
from tunewise.evaluate.mailbox import Report
from tunewise.evaluate.run import Run
from tunewise.plain import PlainDict
from tunewise.secrets import mask
from tunewise.space import Value

__all__ = ["Outcome", "evaluated"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an evaluation, on its way back from the executor.

    Attributes:
        result: As it is stored: `value` (and `extra`), `error` or `pruned`; and `seconds`.
        late: What it reported where the driver could not hear it, oldest first.
    """

    result: PlainDict
    late: tuple[Report, ...] = ()


def evaluated(evaluator: Evaluator, takes: bool, configuration: Mapping[str, Value], run: Run) -> Outcome:
    """Evaluate, and say what came of it in plain data.

    Args:
        evaluator: Does so.
        takes: Whether it takes a `Run`.
        configuration: Goes in.
        run: Its channel leads to the driver.
    """
    evaluate: Callable[..., Evaluation] = evaluator.evaluate
    began = time.monotonic()
    result: PlainDict
    try:
        evaluation = evaluate(configuration, run) if takes else evaluate(configuration)
        result = {"value": evaluation.value} | ({"extra": dict(evaluation.extra)} if evaluation.extra else {})
    except TrialFailed as error:
        result = {"error": mask(str(error) or "no reason was given")}
    except TrialStopped as stopped:
        result = {"pruned": mask(str(stopped))}
    if run.channel.heard:  # it knew that it should stop, however it did
        result = {"pruned": ""}
    return Outcome(result | {"seconds": time.monotonic() - began}, tuple(run.channel.late))
