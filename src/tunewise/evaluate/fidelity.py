"""Fidelities: a trial begins cheap, and goes on while it is among the best at what it has cost so far.

Who goes on is decided by `tunewise.study.promotion`, or by any pruner.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Any

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

    def told(self, task: Task) -> Task:
        """The task, with what the model has to know of it."""
        *cheaper, highest = (f"{rung} {self.name}" for rung in self.rungs)
        fact = (
            f"Each trial begins with {cheaper[0]}; about one in {self.factor} goes on to the next of "
            f"{', '.join([*cheaper[1:], highest])}, at once or when more have come as far. What stopped early is not "
            f"among the best after its last step; only values after {highest} count."
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
        home: A folder for the folders of trials, so that one that goes on later finds its own. Where there is none
            (also on a machine that does not share it) a trial has a folder while it runs.

    Raises:
        StudyError: It is a function that takes no `Run`, and so cannot know its fidelity.
    """

    def __init__(self, evaluator: Evaluator, fidelity: Fidelity, home: str = "") -> None:
        if isinstance(evaluator, FunctionEvaluator) and not evaluator.reads_run:
            raise StudyError(
                f"The objective takes no second argument, so it cannot know its {fidelity.name}. Write "
                "objective(configuration, run), and read run.fidelity."
            )
        self._evaluator = evaluator
        self._fidelity = fidelity
        self._home = home
        self._as_hyperparameter = not isinstance(evaluator, FunctionEvaluator)

    @property
    def identity(self) -> Identity | None:
        """That of what it evaluates."""
        return identity_of(self._evaluator)

    def evaluate(self, configuration: Mapping[str, Value], run: Run = SILENT) -> Evaluation:
        """Evaluate; the value at the highest fidelity, and the fidelities before as intermediate values.

        A trial that goes on tells again what it is known to have been worth.

        Raises:
            TrialStopped: The trial is not among the best at what it has cost.
            TrialFailed: As of the evaluator, at any fidelity.
        """
        *cheaper, highest = self._fidelity.rungs
        known = run.earlier.values if run.earlier else {}
        with self._folder(run) as folder:
            run = replace(run, folder=folder)
            for rung in cheaper:
                value = known[rung] if rung in known else self._at(rung, configuration, run).value
                run.report(value, rung)
                if run.should_stop():
                    raise TrialStopped
            evaluation = self._at(highest, configuration, run)
        run.report(evaluation.value, highest)
        return evaluation

    @contextmanager
    def _folder(self, run: Run) -> Iterator[str]:
        """The folder of a trial; it stays while the trial may go on."""
        if not (self._home and Path(self._home).is_dir()):
            with TemporaryDirectory(prefix="tunewise-", ignore_cleanup_errors=True) as folder:
                yield folder
            return
        path = Path(self._home, str(run.earlier.trial if run.earlier else run.trial))
        path.mkdir(exist_ok=True)
        waits = False
        try:
            yield str(path)
        except TrialStopped:
            waits = True
            raise
        finally:
            if not waits:
                rmtree(path, ignore_errors=True)

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
