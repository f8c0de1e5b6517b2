"""Running programs in a sandbox: the check before anything is tuned, and the evaluation that a score comes of."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import TYPE_CHECKING

from tunewise.codegen.contract import Contract, read_space
from tunewise.codegen.data import Dataset
from tunewise.codegen.harness import Arguments
from tunewise.codegen.score import read_predictions
from tunewise.errors import InvalidReply, TrialFailed
from tunewise.evaluate import Evaluation
from tunewise.sandbox.base import Limits, Outcome, Sandbox
from tunewise.space import SearchSpace, Value

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["CURVE", "Runner", "curve_of", "harness_program"]

CURVE = "train_loss@"
"""Beginning of the keys of `Evaluation.extra` that hold the average training loss of an epoch, numbered from 1."""
MOST_EPOCHS_TOLD = 12
"""Epochs whose training loss is kept, evenly spread, the first and the last among them."""
BYTES_OF_A_NUMBER = 26
"""A prediction takes so many in an answer, at most."""
MAX_WORDS = 600
LONGEST = 1e9
"""Seconds that a program can say of itself; it may say any number at all."""
"""Characters of what a program says about its failure that are told to the model."""
CHECK = Limits(wall_s=60.0, cpu_s=60.0)
TRAIN = Limits(wall_s=300.0, cpu_s=300.0)
"""Limits of a check and, where nobody says other ones, of an evaluation."""


@functools.cache
def harness_program() -> str:
    """What runs in the sandbox: the text of `harness.py`, and a call."""
    text = (files(__package__) / "harness.py").read_text("utf-8")
    return f"{text}\n\nmain(arguments, respond)\n"


@dataclass(frozen=True, kw_only=True)
class Runner:
    """Checks and evaluates programs of one contract on one data set.

    Attributes:
        dataset: The data.
        contract: What programs are like.
        sandbox: Where they run.
        epochs: Passes over the training rows, for torch.
        seed: Of everything random in a program.
        limits: Of one evaluation.
        max_parameters: Of a torch model.
    """

    dataset: Dataset
    contract: Contract
    sandbox: Sandbox
    epochs: int = 10
    seed: int = 0
    limits: Limits = TRAIN
    max_parameters: int = 2_000_000

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
        outcome = self._run(code, space.default, mode="check", limits=limits)
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

    def evaluate(self, code: str, configuration: Mapping[str, Value]) -> Evaluation:
        """Train a program, and score its predictions here.

        Returns:
            The validation loss, with the test loss, the number of parameters and the training losses beside it.

        Raises:
            TrialFailed: It raised, diverged, reached a limit, or its predictions are not what was asked for.
        """
        outcome = self._run(code, configuration, mode="train", limits=self.limits)
        answer = outcome.result if isinstance(outcome.result, dict) else {}
        if problem := problem_of(outcome, answer):
            raise TrialFailed(problem)
        return judge(self.dataset, answer)

    def predict_test(self, code: str, configuration: Mapping[str, Value]) -> NDArray[np.float64]:
        """Train a program once more, and give its predictions of the test rows, `n`.

        Raises:
            TrialFailed: As `evaluate`.
        """
        outcome = self._run(code, configuration, mode="train", limits=self.limits)
        answer = outcome.result if isinstance(outcome.result, dict) else {}
        if problem := problem_of(outcome, answer):
            raise TrialFailed(problem)
        rows = len(self.dataset.validation)
        return read_predictions(answer.get("predictions"), rows + len(self.dataset.test))[rows:]

    def arguments(self, code: str, configuration: Mapping[str, Value], *, mode: str) -> Arguments:
        """What the harness is given, as plain data."""
        return {
            "mode": mode,
            "contract": self.contract.name,
            "code": code,
            "hyperparameters": dict(configuration),
            "task": self.dataset.task,
            "outputs": self.dataset.outputs,
            "epochs": self.epochs,
            "seed": self.seed,
            "max_parameters": self.max_parameters,
        }

    def _run(self, code: str, configuration: Mapping[str, Value], *, mode: str, limits: Limits) -> Outcome:
        arguments = self.arguments(code, configuration, mode=mode)
        data = self.dataset
        answer_kb = (len(data.validation) + len(data.test)) * BYTES_OF_A_NUMBER // 1024
        files_mb = sum(map(len, data.files.values())) // 2**20
        limits = replace(
            limits,
            result_kb=max(limits.result_kb, 1024 + answer_kb),
            disk_mb=limits.disk_mb + files_mb,
        )
        return self.sandbox.run(harness_program(), arguments=arguments, files=self.dataset.files, limits=limits)


def problem_of(outcome: Outcome, answer: Mapping[str, object]) -> str:
    """Why a run is no good, in words fit for the model; empty when it may be good."""
    said = answer.get("problem") or outcome.error
    if not said and not answer:
        said = "The program ended without an answer."
    return " ".join(str(said).split())[:MAX_WORDS] if said else ""


def seconds_of(answer: Mapping[str, object]) -> float:
    """How long an epoch takes by a check's own words; 0 where it says nothing that can be used."""
    seconds = answer.get("seconds")
    if not isinstance(seconds, int | float) or not seconds >= 0:
        return 0.0
    return float(min(seconds, LONGEST))


def judge(dataset: Dataset, answer: Mapping[str, object]) -> Evaluation:
    """Score an answer of the harness against labels that it never saw.

    Raises:
        TrialFailed: The predictions are not what was asked for.
    """
    rows = len(dataset.validation)
    predictions = read_predictions(answer.get("predictions"), rows + len(dataset.test))
    value = dataset.loss(predictions[:rows], dataset.validation.y)
    test = dataset.loss(predictions[rows:], dataset.test.y)
    extra = {"test_loss": test}
    if dataset.task == "regression" and not dataset.recipe.metric:
        extra["validation_rmse"] = math.sqrt(value) * dataset.unit
    if type(parameters := answer.get("parameters")) is int and 0 <= parameters < 2**53:
        extra["parameters"] = float(parameters)
    return Evaluation(value, {**extra, **told_curve(answer.get("curve"))})


def told_curve(given: object) -> dict[str, float]:
    """The training losses that are worth keeping; the program may have made them up, so they are no score."""
    if not isinstance(given, list) or not given or len(given) > 100_000:
        return {}
    if not all(type(loss) in (int, float) and abs(loss) < 1e300 for loss in given):
        return {}
    count = len(given)
    told = min(count, MOST_EPOCHS_TOLD)
    kept = sorted({round(i * (count - 1) / max(1, told - 1)) for i in range(told)})
    return {f"{CURVE}{i + 1}": float(given[i]) for i in kept}


def curve_of(extra: Mapping[str, float]) -> tuple[tuple[int, float], ...]:
    """Epochs and their average training losses."""
    pairs = [(key.removeprefix(CURVE), loss) for key, loss in extra.items() if key.startswith(CURVE)]
    return tuple(sorted((int(epoch), loss) for epoch, loss in pairs if epoch.isdigit()))
