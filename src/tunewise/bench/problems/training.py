"""Train one configuration under a protocol, and count its errors.

`clean`: fit on the training part, score the validation part, report the test part.

`hpobench-0.0.10`: what version 0.0.10 of HPOBench really does: it fits on a bootstrap sample of training and
validation part together and then reports the "validation" error of examples that it has mostly seen. It is here to
compare with published numbers, and for nothing else.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from tunewise.bench.problems.datasets import Part, Split
from tunewise.bench.problems.models import Model
from tunewise.errors import TrialFailed
from tunewise.evaluate.base import Evaluation
from tunewise.evaluate.sklearn_interface import Predictor
from tunewise.space import Value

__all__ = ["PROTOCOLS", "Errors", "Protocol", "fit", "train"]

Protocol = Literal["clean", "hpobench-0.0.10"]
PROTOCOLS: Final[tuple[Protocol, ...]] = get_args(Protocol)


@dataclass(frozen=True, slots=True)
class Errors:
    """How many examples of each class a model gets wrong, of how many; exact, so that every measure follows.

    Attributes:
        wrong: Errors per class.
        of: Examples per class.
    """

    wrong: tuple[int, ...]
    of: tuple[int, ...]

    @property
    def rate(self) -> float:
        """1 - accuracy."""
        return sum(self.wrong) / sum(self.of)

    @property
    def balanced(self) -> float:
        """1 - balanced accuracy: the mean of the classes' error rates, of those classes that have examples."""
        return float(np.mean([wrong / of for wrong, of in zip(self.wrong, self.of, strict=True) if of]))


def train(
    model: Model,
    split: Split,
    configuration: Mapping[str, Value],
    *,
    protocol: Protocol = "clean",
    share: float = 1.0,
    effort: int | None = None,
    seed: int = 0,
) -> tuple[Errors, Errors]:
    """Errors on the validation and on the test part; arguments as for `fit`."""
    estimator = fit(model, split, configuration, protocol=protocol, share=share, effort=effort, seed=seed)
    return count_errors(estimator, split.valid, split.classes), count_errors(estimator, split.test, split.classes)


def fit(
    model: Model,
    split: Split,
    configuration: Mapping[str, Value],
    *,
    protocol: Protocol = "clean",
    share: float = 1.0,
    effort: int | None = None,
    seed: int = 0,
) -> Predictor:
    """Train.

    Args:
        model: What is trained.
        split: On which data.
        configuration: Of the model's space.
        protocol: See the head of this file.
        share: Share of the training data, in (0, 1].
        effort: Iterations, trees or epochs; None: the model's most.
        seed: Random state of the estimator, and of the sample of the data.

    Raises:
        TrialFailed: Training diverged.
    """
    part = training_part(split, protocol=protocol, share=share, seed=seed)
    estimator = model.build(configuration, split.train.x.shape[1], effort or model.efforts[1], seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "not converged yet" is what a budget of epochs means
        try:
            estimator.fit(part.x, part.y)
        except ValueError as error:  # scikit-learn's word for weights that are no longer finite
            raise TrialFailed(f"Training diverged: {str(error).partition('.')[0]}.") from None
    return estimator


def training_part(split: Split, *, protocol: Protocol, share: float, seed: int) -> Part:
    """The examples that a protocol trains on; a smaller share is part of a larger one."""
    if protocol == "clean":
        if share == 1:
            return split.train
        part, rows = split.train, np.random.default_rng(seed).permutation(len(split.train.y))
        rows = rows[: max(1, round(share * len(rows)))]
    else:
        part = Part(np.vstack([split.train.x, split.valid.x]), np.concatenate([split.train.y, split.valid.y]))
        rows = np.random.RandomState(seed).choice(len(part.y), size=int(share * len(part.y)))
    return Part(part.x[rows], part.y[rows])


def count_errors(estimator: Predictor, part: Part, classes: int) -> Errors:
    """Errors per class on a part of the data."""
    missed: NDArray[np.int64] = part.y[estimator.predict(part.x) != part.y]
    wrong, of = (np.bincount(y, minlength=classes).tolist() for y in (missed, part.y))
    return Errors(tuple(wrong), tuple(of))


def evaluation(valid: Errors, test: Errors) -> Evaluation:
    """The validation error, and beside it the test error and both balanced."""
    return Evaluation(
        valid.rate,
        {"test_error": test.rate, "balanced_error": valid.balanced, "balanced_test_error": test.balanced},
    )
