"""What a benchmark problem is: a space, a story for the language model, and an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from tunewise.evaluate.base import Evaluation
from tunewise.space import SearchSpace, Value
from tunewise.task import Task

if TYPE_CHECKING:
    from tunewise.codegen.generate import Generation
    from tunewise.llm.base import ChatModel

__all__ = ["Problem", "Programmable"]


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
        """The value, and in `extra` what is reported beside it (`test_error` or `test_loss`, `balanced_error`).

        Raises:
            TrialFailed: There is no value here.
        """
        ...


@runtime_checkable
class Programmable(Protocol):
    """A problem for which a language model can write programs, scored as its configurations are."""

    def generation(self, model: ChatModel, *, trials: int, seed: int) -> Generation:
        """A search for programs.

        Args:
            model: Who writes them.
            trials: How many evaluations there will be.
            seed: Of everything random in the search.
        """
        ...
