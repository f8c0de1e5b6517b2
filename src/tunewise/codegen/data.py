"""Data for generated programs: read, split, scaled, and described from the training rows alone.

Rows are split 60 / 20 / 20 into training, validation and test: by time where a column says when, the latest rows last;
otherwise at random. Labels of the last two parts stay in this process.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from tunewise.codegen.about import encode, quantiles
from tunewise.codegen.extras import told_curve
from tunewise.codegen.metric import check_metric, metric_loss, metric_name
from tunewise.codegen.score import Targets, TaskKind, read_predictions, score
from tunewise.data.arrow import check_columns, numbers_of, read_table
from tunewise.errors import StudyError
from tunewise.evaluate import Evaluation
from tunewise.plain import PlainDict
from tunewise.task import DataCard
from tunewise.text import shorten

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["Dataset", "Part", "Recipe", "load_dataset", "make_dataset"]

SHARES = (0.6, 0.2, 0.2)
LEAST_ROWS = 50
MOST_INPUTS = 2_000
MOST_CLASSES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a file becomes data; the same recipe and file give the same.

    Attributes:
        path: CSV or parquet file, or a folder of parquet files.
        target: Name of the column to predict.
        task: Whether that is a number or a class; None: a class where a table holds text or true and false, else a
            number.
        time: Name of the column that orders the rows; None: they are shuffled.
        drop: Names of columns that nobody may use.
        rows: So many rows at most, drawn at random; None: all.
        seed: Of the drawing and the shuffling.
        metric: Name of a scorer of scikit-learn; None: the share of wrong classes, or for numbers the squared error of
            the standardized target, of a table the root mean squared error.
    """

    path: str
    target: str
    task: TaskKind | None = None
    time: str | None = None
    drop: tuple[str, ...] = ()
    rows: int | None = None
    seed: int = 0
    metric: str | None = None

    def to_dict(self) -> PlainDict:
        """Plain data."""
        return {**asdict(self), "drop": list(self.drop)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The reverse of `to_dict`."""
        return cls(**{**data, "drop": tuple(data.get("drop", ()))})


@dataclass(frozen=True, slots=True)
class Part:
    """Rows for one purpose: inputs `n x d`, and targets `n` (standardized numbers, or classes from 0)."""

    x: NDArray[np.float32]
    y: Targets

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Dataset:
    """Everything about the data.

    Attributes:
        name: As others would know it.
        recipe: How it was made.
        inputs: Names of the `d` inputs.
        train: What programs may see.
        validation: Scores trials; its labels never enter a sandbox.
        test: Scores the winner; likewise.
        classes: Names of the classes; empty for regression.
        unit: Standard deviation of the target in the training rows, 1 for classification.
        centre: Mean of the same, 0 for classification.
        about: Lines of the card.
    """

    name: str
    recipe: Recipe
    inputs: tuple[str, ...]
    train: Part
    validation: Part
    test: Part
    classes: tuple[str, ...] = ()
    unit: float = 1.0
    centre: float = 0.0
    about: tuple[str, ...] = field(default=(), repr=False)

    @property
    def task(self) -> TaskKind:
        """Regression or classification."""
        return self.recipe.task or "regression"

    @property
    def outputs(self) -> int:
        """How many numbers a torch model gives for a row."""
        return len(self.classes) or 1

    @property
    def metric(self) -> str:
        """What a trial's value is called."""
        if self.recipe.metric:
            return f"validation {metric_name(self.recipe.metric)}"
        return "validation loss" if self.task == "regression" else "validation error"

    def loss(self, predictions: NDArray[np.float64], truth: Targets) -> float:
        """The loss of predictions, `n`, by the metric of the recipe.

        Raises:
            TrialFailed: There is none, or it is not finite.
        """
        if not self.recipe.metric:
            return score(self.task, predictions, truth)
        return metric_loss(self.recipe.metric, self.task, self.original(predictions), self.original(truth))

    def original(self, targets: Targets) -> Targets:
        """Targets in their own unit; classes stay numbers."""
        if self.task != "regression":
            return targets
        return np.asarray(targets * self.unit + self.centre, dtype=np.float64)

    @property
    def splits(self) -> tuple[Dataset]:
        """There is one."""
        return (self,)

    @property
    def answers(self) -> int:
        """Numbers that a program gives."""
        return len(self.validation) + len(self.test)

    @property
    def arguments(self) -> PlainDict:
        """What the harness is told about the data."""
        return {"task": self.task, "outputs": self.outputs}

    @property
    def constants(self) -> PlainDict:
        """What an exported program needs to know."""
        return {"inputs": len(self.inputs), "outputs": self.outputs, "rows": len(self.train)}

    def so_far(self, answer: Mapping[str, object]) -> float:
        """The validation loss during training.

        Raises:
            TrialFailed: The predictions are not those of the validation rows.
        """
        return self.loss(read_predictions(answer.get("predictions"), len(self.validation)), self.validation.y)

    @property
    def watched(self) -> int:
        """So many of the rows to predict, the first, are those that the value is about."""
        return len(self.validation)

    def judge(self, answer: Mapping[str, object]) -> Evaluation:
        """Score an answer of the harness against labels that it never saw; the test loss stands beside the value.

        Raises:
            TrialFailed: The predictions are not what was asked for.
        """
        rows = len(self.validation)
        predictions = read_predictions(answer.get("predictions"), self.answers)
        value = self.loss(predictions[:rows], self.validation.y)
        extra = {"test_loss": self.loss(predictions[rows:], self.test.y)}
        if self.task == "regression" and not self.recipe.metric:
            extra["validation_rmse"] = math.sqrt(value) * self.unit
        if type(parameters := answer.get("parameters")) is int and 0 <= parameters < 2**53:
            extra["parameters"] = float(parameters)
        return Evaluation(value, {**extra, **told_curve(answer.get("curve"))})

    def proof(self, answer: Callable[[Dataset], Mapping[str, object]]) -> NDArray[np.float64]:
        """A program's predictions of the test rows, `n`.

        Raises:
            TrialFailed: They are not what was asked for.
        """
        return read_predictions(answer(self).get("predictions"), self.answers)[len(self.validation) :]

    @property
    def card(self) -> DataCard:
        """For the task of a study; the columns are described by `about`."""
        return DataCard(
            name=self.name, rows=len(self.train), features=len(self.inputs), classes=len(self.classes) or None
        )

    @cached_property
    def files(self) -> Mapping[str, bytes]:
        """What the sandbox is given: training rows with labels, the other rows without."""
        ahead = np.concatenate([self.validation.x, self.test.x])
        arrays = {"train_x": self.train.x, "train_y": self.train.y, "eval_x": ahead}
        return {f"{name}.npy": as_bytes(array) for name, array in arrays.items()}

    @cached_property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that change with any number in the data."""
        digest = hashlib.sha256()
        for part in (self.train, self.validation, self.test):
            digest.update(as_bytes(part.x) + as_bytes(part.y))
        return digest.hexdigest()[:12]


def as_bytes(array: NDArray[np.generic]) -> bytes:
    """An array as a file of numpy's."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def load_dataset(recipe: Recipe) -> Dataset:
    """Read a file and make a data set of it.

    Raises:
        StudyError: There is no such file or column, or too little in it.
    """
    path = Path(recipe.path)
    return make_dataset(read_table(path), recipe, name=path.stem)


def make_dataset(table: pa.Table, recipe: Recipe, *, name: str) -> Dataset:
    """Make a data set of a table.

    Raises:
        StudyError: A column is missing or cannot be encoded, there are too few rows, or the target is constant.
    """
    import pyarrow.compute as pc

    check_columns(table, [recipe.target, *([recipe.time] if recipe.time else []), *recipe.drop], name)
    table = table.filter(pc.is_valid(table[recipe.target]))
    table, train, validation, test = split(table, recipe, name)
    y, classes, unit, centre, told = encode_target(table[recipe.target], recipe, train)
    left = [column for column in table.column_names if column not in (recipe.target, *recipe.drop)]
    x, inputs, about = encode({column: table[column] for column in left}, train)
    if not inputs:
        raise StudyError(f"{name} has no column beside {shorten(recipe.target)} to predict from. Give features.")
    if len(inputs) > MOST_INPUTS:
        raise StudyError(f"{name} has {len(inputs)} inputs; {MOST_INPUTS} are allowed. Leave columns out with --drop.")
    made = Dataset(
        name,
        recipe,
        inputs,
        train=Part(x[train], y[train]),
        validation=Part(x[validation], y[validation]),
        test=Part(x[test], y[test]),
        classes=classes,
        unit=unit,
        centre=centre,
        about=(told, *about),
    )
    if recipe.metric:
        check_metric(recipe.metric, made.task, made.original(made.train.y))
    return made


def split(
    table: pa.Table, recipe: Recipe, name: str
) -> tuple[pa.Table, NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """The rows in order, and which of them are for training, validation and test."""
    rng = np.random.default_rng(recipe.seed)
    order = rng.permutation(table.num_rows)[: recipe.rows]
    if recipe.time:
        import pyarrow.compute as pc

        table = table.take(np.sort(order))
        try:
            order = pc.sort_indices(table, sort_keys=[(recipe.time, "ascending")]).to_numpy()
        except (TypeError, NotImplementedError):  # pyarrow's own errors are of these kinds
            raise StudyError(f"The column {shorten(recipe.time)} cannot be sorted. Name one with dates.") from None
    table = table.take(order)
    count = table.num_rows
    if count < LEAST_ROWS:
        raise StudyError(f"{name} has {count} rows with a target; at least {LEAST_ROWS} are needed. Give more data.")
    at = np.arange(count) / count
    train, validation = at < SHARES[0], (at >= SHARES[0]) & (at < SHARES[0] + SHARES[1])
    return table, train, validation, ~train & ~validation


def encode_target(
    column: pa.ChunkedArray, recipe: Recipe, train: NDArray[np.bool_]
) -> tuple[Targets, tuple[str, ...], float, float, str]:
    """Targets, names of the classes, unit and centre, and what the card says.

    A class that the training rows do not have becomes -1; `score` counts every prediction there as wrong.
    """
    if recipe.task == "classification":
        cells = np.array([str(cell) for cell in column.to_pylist()], dtype=object)
        classes, counts = np.unique(cells[train].astype(str), return_counts=True)
        if not 2 <= len(classes) <= MOST_CLASSES:
            raise StudyError(
                f"The target {shorten(recipe.target)} has {len(classes)} different values in the training rows; a "
                f"class has 2 to {MOST_CLASSES}. Choose another target, or --task regression."
            )
        number = {name: i for i, name in enumerate(classes)}
        shares = ", ".join(
            f"{shorten(c, 30)} {k / train.sum():.1%}" for c, k in zip(classes[:10], counts, strict=False)
        )
        told = f"target {recipe.target}: {len(classes)} classes: {shares}"
        return np.array([number.get(c, -1) for c in cells], np.int64), tuple(map(str, classes)), 1.0, 0.0, told
    try:
        numbers = numbers_of(column)
    except (ValueError, NotImplementedError):  # pyarrow's own errors are of these kinds
        numbers = np.full(len(column), np.nan)
    if np.isnan(numbers).any():
        raise StudyError(
            f"The target {shorten(recipe.target)} has values that are no finite numbers. Clean it, or say --task "
            "classification."
        )
    mean, std = float(numbers[train].mean()), float(numbers[train].std())
    if not std > 0:
        raise StudyError(f"The target {shorten(recipe.target)} is constant in the training rows. Choose another.")
    told = f"target {recipe.target}: {quantiles(numbers[train])}, mean {mean:.4g}, standard deviation {std:.4g}"
    return (numbers - mean) / std, (), std, mean, told
