"""The 32 tasks of HPOBench: four models on eight data sets, trained live or looked up in a table.

Anyone's own data make a task, too:

```python
data = DataSet("wine", openml=187, target="class")  # or wine.csv in a folder, and data_dir=...
problem = LiveTask(MODELS["rf"], data)
problem.evaluate(problem.space.default)
```
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from tunewise.bench.problems.datasets import DataSet, Facts, Split, load_split
from tunewise.bench.problems.grids import FACT, GRIDS, Grid
from tunewise.bench.problems.models import MODELS, Model, features_per_split
from tunewise.bench.problems.tables import FOLDER, Table, load_table
from tunewise.bench.problems.training import PROTOCOLS, Protocol, evaluation, train
from tunewise.errors import StudyError, TrialFailed
from tunewise.evaluate.base import Evaluation
from tunewise.space import SearchSpace, Value
from tunewise.task import Task

__all__ = ["LiveTask", "TabularTask", "describe"]

SMALLEST_SHARE: Final = 0.1


@dataclass(frozen=True)
class LiveTask:
    """A model that is trained on a data set whenever it is evaluated.

    Attributes:
        model: One of `MODELS`.
        data: The data set.
        data_dir: Folder of its file; None: OpenML.
        training: The protocol (see `training.py`).
        share: Share of the training data, 0.1 to 1.
        effort: Iterations of lr, trees of rf, epochs of nn; None: the most.
        seed: Random state of the training.

    Raises:
        StudyError: The data cannot be loaded, or an option is out of range.
    """

    model: Model
    data: DataSet
    data_dir: Path | None = None
    training: Protocol = "clean"
    share: float = 1.0
    effort: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.training not in PROTOCOLS:
            raise StudyError(f"protocol = {self.training!r} is unknown. There are: {', '.join(PROTOCOLS)}.")
        if not SMALLEST_SHARE <= self.share <= 1:
            raise StudyError(
                f"share = {self.share} is not in [{SMALLEST_SHARE}, 1]. Give a share of the training data."
            )
        low, high = self.model.efforts
        if self.effort is not None and not (self.model.effort and low <= self.effort <= high):
            allowed = (
                f"{self.model.effort} from {low} to {high}" if self.model.effort else "none: svm has no such option"
            )
            raise StudyError(f"effort = {self.effort} is out of range for {self.model.key}. Allowed: {allowed}.")
        _ = self.split

    @property
    def split(self) -> Split:
        """The data; loaded once in a process."""
        return load_split(self.data, self.data_dir)

    @property
    def name(self) -> str:
        """For example "svm:credit-g"."""
        return f"{self.model.key}:{self.data.name}{'' if self.data.permuted is None else '+permuted'}"

    @property
    def space(self) -> SearchSpace:
        """That of the model."""
        return self.model.space

    @property
    def task(self) -> Task:
        """Model, training part, metric."""
        return describe(self.model, self.split.facts)

    @property
    def best(self) -> float | None:
        """Nobody knows."""
        return None

    @property
    def protocol(self) -> str:
        """Of the training, with what was lowered."""
        effort = f"{self.effort} {self.model.effort}" if self.effort not in (None, self.model.efforts[1]) else ""
        share = f"{self.share:g} of the data" if self.share < 1 else ""
        return ", ".join(filter(None, [self.training, share, effort]))

    def evaluate(self, configuration: Mapping[str, Value]) -> Evaluation:
        """Train; the validation error, and beside it `test_error`, `balanced_error`, `balanced_test_error`.

        Raises:
            TrialFailed: Training diverged.
        """
        valid, test = train(
            self.model,
            self.split,
            configuration,
            protocol=self.training,
            share=self.share,
            effort=self.effort,
            seed=self.seed,
        )
        return evaluation(valid, test)


@dataclass(frozen=True)
class TabularTask:
    """A task of HPOBench from a table, under protocol `clean`: its space holds the points of the grid alone.

    Attributes:
        key: Of the model.
        data: Name of the data set.
        folder: Where the tables are.

    Raises:
        StudyError: There is no such table, or it is of another version.
    """

    key: str
    data: str
    folder: Path = FOLDER

    def __post_init__(self) -> None:
        _ = self.table

    @property
    def table(self) -> Table:
        """The table; loaded once in a process."""
        return load_table(self.key, self.data, self.folder)

    @property
    def grid(self) -> Grid:
        """The points that it holds."""
        return GRIDS[self.key]

    @property
    def name(self) -> str:
        """For example "svm:credit-g"."""
        return f"{self.key}:{self.data}"

    @cached_property
    def space(self) -> SearchSpace:
        """That of the model, with the values of the grid alone that come to something different on this data."""
        return self.grid.restrict(MODELS[self.key].space, equal_counts(self.grid, self.table.facts.features))

    @property
    def task(self) -> Task:
        """Model, training part, metric, grid."""
        return describe(MODELS[self.key], self.table.facts, grid=True)

    @cached_property
    def best(self) -> float:
        """The least error in the table."""
        return float(np.nanmin(self.table.validation_errors))

    @property
    def protocol(self) -> str:
        """Of the table."""
        return "clean"

    def evaluate(self, configuration: Mapping[str, Value]) -> Evaluation:
        """Look a configuration up, at the nearest point of the grid.

        Raises:
            TrialFailed: Training diverged there.
        """
        errors = self.table.errors(self.grid.index(self.space.coerce(configuration).configuration))
        if errors is None:
            raise TrialFailed("Training diverged.")
        return evaluation(*errors)


def equal_counts(grid: Grid, features: int) -> Mapping[str, Mapping[float, float]]:
    """Values of a forest's grid that come to the same count of features as an earlier one, and which that is."""
    first: dict[int, float] = {}
    exponents = grid.axes.get("max_features", ())
    meant = {x: first.setdefault(features_per_split(features, x), x) for x in exponents}
    return {"max_features": {x: same for x, same in meant.items() if x != same}}


def describe(
    model: Model, facts: Facts, metric: str = "validation error", *, measured: str = "", grid: bool = False
) -> Task:
    """What a language model is told.

    Args:
        model: What is trained.
        facts: Of the data set.
        metric: What is measured.
        measured: How; empty: as the share of wrong answers on the validation rows.
        grid: Whether the space is a grid.
    """
    rows = sum(facts.valid)
    counted = (
        f"The {metric} is the share of wrong answers on {rows} validation rows, so that it can tell steps of "
        f"{1 / rows:.2g}; equal values are ties."
    )
    return Task(
        model=model.description,
        library="scikit-learn",
        data=facts.card,
        metric=metric,
        direction="minimize",
        facts=(*model.facts, measured or counted, *([FACT] if grid else [])),
    )
