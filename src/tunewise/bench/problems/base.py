"""What a benchmark problem is: a space, a story for the language model, and an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from tunewise.evaluate.base import Evaluation
from tunewise.space import SearchSpace, Value
from tunewise.task import Task

__all__ = ["Problem"]


class Problem(Protocol):
    """Something to minimize."""

    @property
    def name(self) -> str:
        """Unique in the registry, fit for a file name, for example "svm:credit-g"."""
        ...

    @property
    def space(self) -> SearchSpace:
        """What may be varied, with defaults where the field has them."""
        ...

    @property
    def task(self) -> Task:
        """What a language model is told, the metric's name included."""
        ...

    @property
    def best(self) -> float | None:
        """The least value known: exact for formulas and tables, None where nobody knows."""
        ...

    @property
    def protocol(self) -> str:
        """How values are made, for example "clean", "hpobench-0.0.10" or "formula"; named by every result."""
        ...

    def evaluate(self, configuration: Mapping[str, Value]) -> Evaluation:
        """The value, and in `extra` what is reported beside it (`test_error`, `balanced_error`).

        Raises:
            TrialFailed: There is no value here.
        """
        ...
