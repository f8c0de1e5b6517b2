"""Running programs in a sandbox: the check before anything is tuned, and the evaluation that a score comes of."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from tunewise.codegen.contract import Contract, read_space
from tunewise.codegen.extras import together
from tunewise.codegen.source import joined
from tunewise.errors import InvalidReply, TrialFailed, TrialStopped
from tunewise.evaluate import Evaluation, Run
from tunewise.evaluate.run import SILENT
from tunewise.plain import PlainDict
from tunewise.sandbox.base import Limits, Listener, Outcome, Sandbox
from tunewise.space import SearchSpace, Value
from tunewise.text import on_one_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tunewise.codegen.data import Recipe
    from tunewise.codegen.score import TaskKind
    from tunewise.codegen.table import TableRecipe
    from tunewise.task import DataCard

__all__ = ["ProgramData", "Runner", "Split", "harness_program"]

BYTES_OF_A_NUMBER = 26
"""A prediction takes so many in an answer, at most."""
MAX_WORDS = 600
"""Characters of what a program says about its failure that are told to the model."""
LONGEST = 1e9
"""Seconds that a program can say of itself; it may say any number at all."""
CHECK = Limits(wall_s=60.0, cpu_s=60.0)
TRAIN = Limits(wall_s=300.0, cpu_s=300.0)
"""Limits of a check and, where nobody says other ones, of an evaluation."""
TABLE_PARTS = ("harness", "tabular", "table_harness")


@functools.cache
def harness_program(contract: str) -> str:
    """What runs in the sandbox: the text of a harness, and a call."""
    if contract == "table":
        return f"{joined(TABLE_PARTS)}\n\ntable_main(arguments, respond)\n"
    return f"{joined(('harness',))}\n\nmain(arguments, respond)\n"


class Split(Protocol):
    """Rows to learn from, and rows whose labels are kept from the program."""

    @property
    def files(self) -> Mapping[str, bytes]:
        """What the sandbox is given."""
        ...

    @property
    def answers(self) -> int:
        """Numbers that a program gives for it, at most."""
        ...

    def judge(self, answer: Mapping[str, object]) -> Evaluation:
        """Score an answer of the harness.

        Raises:
            TrialFailed: It is not what was asked for.
        """
        ...


@runtime_checkable
class Watched(Protocol):
    """A split whose loss is known during training."""

    @property
    def watched(self) -> int:
        """So many of the rows to predict, the first, are scored then."""
        ...

    def so_far(self, answer: Mapping[str, object]) -> float:
        """The loss of an answer that came during training.

        Raises:
            TrialFailed: It is not what was asked for.
        """
        ...


class ProgramData(Protocol):
    """Data that programs are scored on: a `Dataset` with one split, or a `Table` with folds."""

    @property
    def name(self) -> str: ...  # noqa: D102 - of the data
    @property
    def task(self) -> TaskKind: ...  # noqa: D102 - regression or classification
    @property
    def metric(self) -> str: ...  # noqa: D102 - what a trial's value is called
    @property
    def about(self) -> tuple[str, ...]: ...  # noqa: D102 - lines on the target, then on the columns
    @property
    def card(self) -> DataCard: ...  # noqa: D102 - for the task of a study
    @property
    def fingerprint(self) -> str: ...  # noqa: D102 - changes with any cell
    @property
    def splits(self) -> Sequence[Split]: ...  # noqa: D102 - what a trial's value is the mean over
    @property
    def arguments(self) -> PlainDict: ...  # noqa: D102 - what the harness is told
    @property
    def constants(self) -> PlainDict: ...  # noqa: D102 - what an exported program needs to know
    def proof(self, answer: Callable[[Split], Mapping[str, object]]) -> NDArray[np.float64]: ...  # noqa: D102 - see there
    @property
    def recipe(self) -> Recipe | TableRecipe: ...  # noqa: D102 - how they were made


@dataclass(frozen=True, kw_only=True)
class Runner:
    """Checks and evaluates programs of one contract on one set of data.

    Attributes:
        dataset: The data.
        contract: What programs are like.
        sandbox: Where they run.
        epochs: Passes over the training rows, for torch.
        seed: Of everything random in a program.
        limits: Of one evaluation, of all its splits together.
        max_parameters: Of a torch model.
    """

    dataset: ProgramData
    contract: Contract
    sandbox: Sandbox
    epochs: int = 10
    seed: int = 0
    limits: Limits = TRAIN
    max_parameters: int = 2_000_000

    @property
    def limits_of_split(self) -> Limits:
        """Of one training."""
        share = len(self.dataset.splits)
        return replace(self.limits, wall_s=self.limits.wall_s / share, cpu_s=self.limits.cpu_s / share)

    @property
    def seconds(self) -> float:
        """How long one training may take on a machine that does nothing else."""
        return min(self.limits_of_split.wall_s, self.limits_of_split.cpu_s)

    def check(self, code: str) -> SearchSpace:
        """Check a program: by its text, then in the sandbox with its defaults, on a few rows.

        Returns:
            Its hyperparameters.

        Raises:
            InvalidReply: It breaks the contract; the message is for the model that wrote it.
        """
        space = read_space(code, self.contract)
        assert space.default is not None, "the contract demands a default of every hyperparameter"
        limits = replace(CHECK, memory_mb=self.limits.memory_mb)
        outcome = self._run(code, space.default, self.dataset.splits[0], mode="check", limits=limits)
        answer = outcome.result if isinstance(outcome.result, dict) else {}
        if problem := problem_of(outcome, answer):
            raise InvalidReply(f"The program fails with its defaults. {problem}")
        expected = seconds_of(answer) * (self.epochs if self.contract.name == "torch" else 1)
        if 0.5 * expected > self.limits.wall_s:
            raise InvalidReply(
                f"The program is too slow: with its defaults training would take about {expected:.3g} s, and "
                f"{self.limits.wall_s:.0f} s are allowed. Make it smaller or its batches larger."
            )
        return space

    def evaluate(self, code: str, configuration: Mapping[str, Value], run: Run = SILENT) -> Evaluation:
        """Train a program on each split, and score its predictions here.

        A program of torch reports the validation loss after each epoch, where somebody listens.

        Returns:
            The mean loss; beside it the loss of each of several splits, and what else is known.

        Raises:
            TrialFailed: It raised, diverged, reached a limit, or its predictions are not what was asked for.
            TrialStopped: A pruner has given it up.
        """
        return together([self.evaluate_on(split, code, configuration, run) for split in self.dataset.splits])

    def evaluate_on(self, split: Split, code: str, configuration: Mapping[str, Value], run: Run = SILENT) -> Evaluation:
        """Train a program on one split, and score its predictions there; see `evaluate`."""
        return split.judge(self.answer(split, code, configuration, run))

    def answer(
        self, split: Split, code: str, configuration: Mapping[str, Value], run: Run = SILENT
    ) -> Mapping[str, object]:
        """What the harness answers after training on a split; untrusted.

        Raises:
            TrialFailed: It answers nothing, or names a problem.
            TrialStopped: A pruner has given it up.
        """
        outcome = self._run(code, configuration, split, mode="train", limits=self.limits_of_split, run=run)
        if outcome.stopped:
            raise TrialStopped
        answer = outcome.result if isinstance(outcome.result, dict) else {}
        if problem := problem_of(outcome, answer):
            raise TrialFailed(problem)
        return answer

    def proof(self, code: str, configuration: Mapping[str, Value]) -> NDArray[np.float64]:
        """Train a program on what the winner is judged by, for a baseline to say what is gained.

        Raises:
            TrialFailed: As `evaluate`.
        """
        return self.dataset.proof(lambda split: self.answer(split, code, configuration))

    def arguments(self, code: str, configuration: Mapping[str, Value], *, mode: str) -> PlainDict:
        """What the harness is given, as plain data."""
        return {
            "mode": mode,
            "contract": self.contract.name,
            "function": self.contract.function,
            "code": code,
            "hyperparameters": dict(configuration),
            "epochs": self.epochs,
            "seconds": self.seconds,
            "seed": self.seed,
            "max_parameters": self.max_parameters,
            **self.dataset.arguments,
        }

    def _run(
        self,
        code: str,
        configuration: Mapping[str, Value],
        split: Split,
        *,
        mode: str,
        limits: Limits,
        run: Run = SILENT,
    ) -> Outcome:
        given = split.files
        limits = replace(
            limits,
            result_kb=1024 + split.answers * BYTES_OF_A_NUMBER // 1024,
            disk_mb=limits.disk_mb + sum(map(len, given.values())) // 2**20,
        )
        arguments, listener = self.arguments(code, configuration, mode=mode), None
        if run.listened and isinstance(split, Watched):
            arguments, listener = {**arguments, "watched": split.watched}, reporting(split, run, self.epochs)
        program = harness_program(self.contract.name)
        return self.sandbox.run(program, arguments=arguments, files=given, limits=limits, listener=listener)


def reporting(split: Watched, run: Run, epochs: int) -> Listener:
    """Reports the loss after each epoch; what is said of it in the sandbox is untrusted, and it is scored here."""

    def heard(answer: object) -> bool:
        if isinstance(answer, dict) and type(epoch := answer.get("epoch")) is int and 0 < epoch <= epochs:
            with suppress(TrialFailed):
                run.report(split.so_far(answer), epoch)
        return run.should_stop()

    return heard


def problem_of(outcome: Outcome, answer: Mapping[str, object]) -> str:
    """Why a run is no good, in words fit for the model; empty when it may be good."""
    said = answer.get("problem") or outcome.error
    if not said and not answer:
        said = "The program ended without an answer."
    return on_one_line(str(said))[:MAX_WORDS] if said else ""


def seconds_of(answer: Mapping[str, object]) -> float:
    """How long an epoch takes by a check's own words; 0 where it says nothing that can be used."""
    seconds = answer.get("seconds")
    if not isinstance(seconds, int | float) or not seconds >= 0:
        return 0.0
    return float(min(seconds, LONGEST))
