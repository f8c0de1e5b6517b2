"""What an evaluation is: a configuration goes in, one finite number comes out, or the reason why not."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol, SupportsFloat, TypeGuard, runtime_checkable

from tunewise.errors import TrialFailed
from tunewise.space import Value
from tunewise.text import shorten

__all__ = ["Evaluation", "Evaluator", "read_metric"]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The outcome of one training run.

    Attributes:
        value: The metric, finite.
        extra: Other numbers worth keeping beside it, for example a test error. Stored, never optimized.
    """

    value: float
    extra: Mapping[str, float] = field(default_factory=dict)


@runtime_checkable
class Evaluator(Protocol):
    """Turns a configuration into an `Evaluation`.

    `evaluate` may take a `Run` as its second argument, with a default: `evaluate(configuration, run=SILENT)`.
    """

    def evaluate(self, configuration: Mapping[str, Value]) -> Evaluation:
        """Run it.

        Raises:
            TrialFailed: There is no usable metric; the message is the reason, fit for a language model to learn from.
            TrialStopped: It ended early, because `run.should_stop()` said so.
        """
        ...


def read_metric(returned: object, metric: str = "value") -> Evaluation:
    """Read what an objective returned: a number, or a mapping with `metric` and other numbers worth keeping.

    Raises:
        TrialFailed: None, not a number, NaN, infinite, or a mapping without `metric`.
    """
    extra: dict[str, float] = {}
    if isinstance(returned, Mapping):
        if metric not in returned:
            keys = ", ".join(shorten(key) for key in list(returned)[:10]) or "none"
            raise TrialFailed(f"The objective returned no {metric!r}; its keys are: {keys}.")
        extra = {str(k): as_float(v) for k, v in returned.items() if k != metric and is_number(v)}
        returned = returned[metric]
    if returned is None:
        raise TrialFailed("The objective returned None. It must return the metric.")
    if not is_number(returned):
        shown = repr(returned) if isinstance(returned, str) else returned
        raise TrialFailed(f"The objective returned {shorten(shown)}, which is not a number.")
    value = as_float(returned)
    if math.isnan(value):
        raise TrialFailed("The metric is NaN: training diverged, or the metric is undefined here.")
    if math.isinf(value):
        raise TrialFailed(f"The metric is {value}: training diverged, or the metric is undefined here.")
    return Evaluation(value, extra)


def is_number(value: object) -> TypeGuard[SupportsFloat]:
    """Whether it is a real number: Python's, a decimal, numpy's, or an array of one (a 0-d tensor)."""
    if isinstance(value, bool):
        return False
    if isinstance(value, numbers.Real):
        return True
    try:
        one = isinstance(value, Decimal) or getattr(value, "ndim", None) == 0
        return one and isinstance(float(value), float)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False


def as_float(number: SupportsFloat) -> float:
    """A number as a float; infinity when it is beyond every float."""
    try:
        return float(number)
    except OverflowError:
        return math.copysign(math.inf, number)
