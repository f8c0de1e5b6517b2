"""Fidelities: a trial begins cheap, and goes on while it is among the best at what it has cost so far.

This is asynchronous successive halving [ASHA] in the form that stops what is not promising: a trial is evaluated at the
lowest fidelity, its value is compared with those of all other trials at that fidelity, and the best share of
`1 / factor` is evaluated at the next one. Nobody waits for others, so workers are never idle.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory
from typing import Any

from optuna.pruners import BasePruner, SuccessiveHalvingPruner

from tunewise.checks import check_whole
from tunewise.errors import StudyError, TrialStopped
from tunewise.evaluate.base import Evaluation, Evaluator
from tunewise.evaluate.function import FunctionEvaluator
from tunewise.evaluate.identity import Identity, identity_of
from tunewise.evaluate.run import SILENT, Run, takes_run
from tunewise.space import SearchSpace, Value
from tunewise.task import Task
from tunewise.text import shorten

__all__ = ["Fidelity", "Rungs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """What makes an evaluation cheap or good: epochs, rows, trees, ...

    Attributes:
        name: As the program or the estimator calls it.
        low: What every trial begins with, at least 1.
        high: What the metric is wanted at; above `low`.
        factor: Each step costs so many times the one before, and one in so many trials takes it; at least 2.

    Raises:
        StudyError: One of these breaks its rule.
    """

    name: str
    low: int
    high: int
    factor: int = 3

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise StudyError(f"fidelity.name = {shorten(self.name)} is not a name. Say what is spent, as epochs.")
        for key, least in (("low", 1), ("high", 1), ("factor", 2)):
            check_whole(f"fidelity.{key}", getattr(self, key), least, error=StudyError, way_out="Correct it.")
        if self.high <= self.low:
            raise StudyError(
                f"fidelity.high = {self.high} is not above fidelity.low = {self.low}. Correct one of them."
            )

    @property
    def rungs(self) -> tuple[int, ...]:
        """What a trial is evaluated at, as far as it comes."""
        found = [self.low]
        while found[-1] * self.factor < self.high:
            found.append(found[-1] * self.factor)
        return (*found, self.high)

    @property
    def pruner(self) -> BasePruner:
        """Who decides which trials go on."""
        return SuccessiveHalvingPruner(min_resource=self.low, reduction_factor=self.factor)

    def told(self, task: Task) -> Task:
        """The task, with what the model has to know of it."""
        *cheaper, highest = (f"{rung} {self.name}" for rung in self.rungs)
        fact = (
            f"Each trial begins with {cheaper[0]}; about one in {self.factor} goes on to the next of "
            f"{', '.join([*cheaper[1:], highest])}. What stopped early was not among the best after its last step; "
            f"only values after {highest} count."
        )
        return task if fact in task.facts else replace(task, facts=(*task.facts, fact))

    def check(self, space: SearchSpace) -> None:
        """Refuse a space that tunes the fidelity itself.

        Raises:
            StudyError: It has a hyperparameter of this name.
        """
        if self.name in space:
            raise StudyError(
                f"{self.name} is both the fidelity and a hyperparameter. Remove it from the space, or give the "
                "fidelity another name."
            )


class Rungs:
    """Evaluates at one fidelity after another, until the trial is given up or the highest is reached.

    A Python function reads `run.fidelity`; a program is given the fidelity as it is given a hyperparameter
    (`{epochs}`), and an estimator has it set as one. Each evaluation begins anew, unless it keeps a checkpoint in the
    trial's folder, which the next one finds.

    Args:
        evaluator: What evaluates.
        fidelity: From where to where.

    Raises:
        StudyError: It is a function that takes no `Run`, and so cannot know its fidelity.
    """

    def __init__(self, evaluator: Evaluator, fidelity: Fidelity) -> None:
        if isinstance(evaluator, FunctionEvaluator) and not evaluator.reads_run:
            raise StudyError(
                f"The objective takes no second argument, so it cannot know its {fidelity.name}. Write "
                "objective(configuration, run), and read run.fidelity."
            )
        self._evaluator = evaluator
        self._fidelity = fidelity
        self._as_hyperparameter = not isinstance(evaluator, FunctionEvaluator)

    @property
    def identity(self) -> Identity | None:
        """That of what it evaluates."""
        return identity_of(self._evaluator)

    def evaluate(self, configuration: Mapping[str, Value], run: Run = SILENT) -> Evaluation:
        """Evaluate; the value at the highest fidelity, and the fidelities before as intermediate values.

        Raises:
            TrialStopped: The trial is not among the best at what it has cost.
            TrialFailed: As of the evaluator, at any fidelity.
        """
        *cheaper, highest = self._fidelity.rungs
        with TemporaryDirectory(prefix="tunewise-", ignore_cleanup_errors=True) as folder:
            run = replace(run, folder=folder)
            for rung in cheaper:
                run.report(self._at(rung, configuration, run).value, rung)
                if run.should_stop():
                    raise TrialStopped
            evaluation = self._at(highest, configuration, run)
        run.report(evaluation.value, highest)
        return evaluation

    def _at(self, rung: int, configuration: Mapping[str, Value], run: Run) -> Evaluation:
        """One evaluation. What it reports itself is left out: steps are fidelities here."""
        evaluate: Callable[..., Evaluation] = self._evaluator.evaluate
        given = {**configuration, self._fidelity.name: rung} if self._as_hyperparameter else configuration
        alone = replace(run, fidelity=float(rung), channel=SILENT.channel)
        return evaluate(given, alone) if takes_run(evaluate) else evaluate(given)

    def close(self) -> None:
        """End what runs."""
        close: Any = getattr(self._evaluator, "close", None)
        if close is not None:
            close()
