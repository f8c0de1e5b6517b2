"""A table with its columns as they are, and the folds by which programs are scored on it.

Rows are shuffled and cut into folds, each held out once; by time, each fold is later than all that it is predicted
from. Programs are chosen on some folds and judged on others: by time on later ones, else on those of other shuffles, so
that the last word has not been tuned to. Labels of the rows that are held out stay in this process.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tunewise.checks import check_sklearn
from tunewise.codegen.about import about_cells, quantiles
from tunewise.codegen.data import Recipe
from tunewise.codegen.extras import FITTED
from tunewise.codegen.metric import check_metric, metric_loss, metric_name
from tunewise.codegen.score import Targets, TaskKind, read_predictions, read_probabilities
from tunewise.codegen.table_harness import FILE, MOST_SEEN
from tunewise.data.arrow import check_columns, column_of, numbers_of, read_table
from tunewise.data.columns import Column
from tunewise.errors import StudyError
from tunewise.evaluate import Evaluation
from tunewise.plain import PlainDict
from tunewise.task import DataCard
from tunewise.text import shorten

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["Fold", "Table", "TableRecipe", "load_table", "make_table"]

USUAL_METRICS: Mapping[TaskKind, str] = {
    "regression": "neg_root_mean_squared_error",
    "classification": "accuracy",
}
LEAST_ROWS = 50
MOST_COLUMNS = 500
MOST_CLASSES = 100
SHUFFLES = 2
"""How often the rows are shuffled anew to judge a program."""
LATE = 0.5
"""Share of the rows that are held out once, by time: half of them to choose, the later half to judge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRecipe(Recipe):
    """How a file becomes a table with folds.

    Attributes:
        folds: How many there are, from 2.
    """

    folds: int = 5


@dataclass(frozen=True)
class Table:
    """Everything about the data.

    Attributes:
        name: As others would know it.
        recipe: How it was made.
        task: Regression or classification.
        columns: What programs are given, `n` cells each.
        truth: The target, `n`: numbers in their own unit, or classes from 0.
        classes: Names of the classes; empty for regression.
        probabilities: Whether the metric needs them.
        about: Lines on the target and the columns.
    """

    name: str
    recipe: TableRecipe
    task: TaskKind
    columns: tuple[Column, ...]
    truth: Targets
    classes: tuple[str, ...] = ()
    probabilities: bool = False
    about: tuple[str, ...] = field(default=(), repr=False)

    @property
    def kinds(self) -> dict[str, str]:
        """What each column holds: "number", "text" or "time"."""
        return {column.name: column.kind for column in self.columns}

    @property
    def scorer(self) -> str:
        """The metric as scikit-learn names it."""
        return self.recipe.metric or USUAL_METRICS[self.task]

    @property
    def metric(self) -> str:
        """What a trial's value is called."""
        return f"cross-validated {'error' if self.scorer == 'accuracy' else metric_name(self.scorer)}"

    @property
    def card(self) -> DataCard:
        """For the task of a study; the columns are described by `about`."""
        return DataCard(
            name=self.name, rows=len(self.truth), features=len(self.columns), classes=len(self.classes) or None
        )

    @cached_property
    def splits(self) -> tuple[Fold, ...]:
        """The folds that score trials."""
        return tuple(folds_of(self, judging=False))

    @cached_property
    def judging(self) -> tuple[Fold, ...]:
        """The folds that judge the winner; no trial has been scored on them."""
        return tuple(folds_of(self, judging=True))

    def proof(self, answer: Callable[[Fold], Mapping[str, object]]) -> NDArray[np.float64]:
        """A program's loss on each of the folds that winners are judged on.

        Raises:
            TrialFailed: An answer is not what was asked for.
        """
        return np.array([fold.judge(answer(fold)).value for fold in self.judging])

    @property
    def arguments(self) -> PlainDict:
        """What the harness is told about the data."""
        return {"columns": self.kinds, "classes": list(self.classes), "probabilities": self.probabilities}

    @property
    def constants(self) -> PlainDict:
        """What an exported program needs to know."""
        return {"columns": self.kinds, "classes": list(self.classes), "rows": len(self.truth)}

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The columns as programs see them, `n` rows."""
        import pandas as pd

        cells = {c.name: pd.Series(c.cells, dtype=object if c.kind == "text" else None) for c in self.columns}
        return pd.DataFrame(cells)

    @cached_property
    def codes(self) -> Mapping[str, tuple[list[str], NDArray[np.int32]]]:
        """Of each column of texts its different values, and the number of each cell's, -1 where it is missing."""
        found = {}
        for column in self.columns:
            if column.kind == "text":
                values = sorted(set(column.cells) - {None})
                number = {None: -1, **{value: code for code, value in enumerate(values)}}
                found[column.name] = values, np.array([number[cell] for cell in column.cells], dtype=np.int32)
        return found

    @cached_property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that change with any cell, and with the folds."""
        rows = np.arange(len(self.truth))
        digest = hashlib.sha256(self.frozen(rows, rows))
        digest.update(f"{self.recipe.folds} {self.recipe.time} {self.recipe.seed}".encode())
        return digest.hexdigest()[:12]

    def loss(self, predictions: NDArray[np.float64], truth: Targets) -> float:
        """The loss of predictions, `n`, or of probabilities, `n x classes`.

        Raises:
            TrialFailed: There is none, or it is not finite.
        """
        return metric_loss(self.scorer, self.task, predictions, truth)

    def read(self, given: object, rows: int) -> NDArray[np.float64]:
        """What a sandbox answered for some rows.

        Raises:
            TrialFailed: It is not what was asked for.
        """
        if self.probabilities:
            return read_probabilities(given, rows, len(self.classes))
        return read_predictions(given, rows)

    def frozen(self, train: NDArray[np.intp], held: NDArray[np.intp]) -> bytes:
        """Cells of these rows, and the target of the first of them, as a file without pickles."""
        rows = np.concatenate([train, held])
        arrays = {
            f"c{place}": (self.codes[column.name][1] if column.kind == "text" else column.cells)[rows]
            for place, column in enumerate(self.columns)
        }
        file = io.BytesIO()
        values = {name: found for name, (found, _) in self.codes.items()}
        told = np.frombuffer(json.dumps(values).encode(), dtype=np.uint8)
        np.savez(file, allow_pickle=False, values=told, y=self.truth[train], **arrays)
        return file.getvalue()


@dataclass(frozen=True, eq=False)
class Fold:
    """Rows to learn from, and rows to predict, as numbers of rows of the table."""

    table: Table
    train: NDArray[np.intp]
    held: NDArray[np.intp]

    @property
    def answers(self) -> int:
        """Numbers that a program gives for it, at most."""
        return (len(self.held) + MOST_SEEN) * (len(self.table.classes) if self.table.probabilities else 1)

    @property
    def files(self) -> Mapping[str, bytes]:
        """What the sandbox is given: labels of the training rows alone."""
        return {FILE: self.table.frozen(self.train, self.held)}

    def judge(self, answer: Mapping[str, object]) -> Evaluation:
        """Score an answer of the harness against labels that it never saw.

        Raises:
            TrialFailed: The predictions are not what was asked for.
        """
        table, seen = self.table, self.train[:MOST_SEEN]
        value = table.loss(table.read(answer.get("predictions"), len(self.held)), table.truth[self.held])
        fitted = table.loss(table.read(answer.get("seen"), len(seen)), table.truth[seen])
        return Evaluation(value, {FITTED: fitted})


def folds_of(table: Table, *, judging: bool) -> Iterator[Fold]:
    """The folds to choose by, or those to judge by."""
    from sklearn.model_selection import KFold, StratifiedKFold, TimeSeriesSplit

    rows, count, seed = np.arange(len(table.truth)), table.recipe.folds, table.recipe.seed
    if table.recipe.time:
        size = max(1, int(len(rows) * LATE) // (2 * count))
        pairs = list(TimeSeriesSplit(2 * count, test_size=size).split(rows))
        yield from (Fold(table, *pair) for pair in (pairs[count:] if judging else pairs[:count]))
        return
    kind = StratifiedKFold if table.task == "classification" else KFold
    for shuffle in range(1, SHUFFLES + 1) if judging else [0]:
        cut = kind(count, shuffle=True, random_state=seed + shuffle)
        yield from (Fold(table, *pair) for pair in cut.split(rows, table.truth))


def load_table(recipe: TableRecipe) -> Table:
    """Read a file and make a table of it.

    Raises:
        StudyError: There is no such file or column, or too little in it.
    """
    path = Path(recipe.path)
    return make_table(read_table(path), recipe, name=path.stem)


def make_table(given: pa.Table, recipe: TableRecipe, *, name: str) -> Table:
    """Make a table with folds.

    Raises:
        StudyError: A column is missing or of a kind that nobody can use, there are too few rows, or the target cannot
            be predicted.
    """
    import pyarrow.compute as pc

    check_sklearn("Cross-validation needs")
    check_pandas()
    check_columns(given, [recipe.target, *([recipe.time] if recipe.time else []), *recipe.drop], name)
    given = in_order(given.filter(pc.is_valid(given[recipe.target])), recipe)
    if given.num_rows < LEAST_ROWS:
        raise StudyError(
            f"{name} has {given.num_rows} rows with a target; at least {LEAST_ROWS} are needed. Give more data."
        )
    target = given[recipe.target]
    task = recipe.task or likely_task(target)
    truth, classes, told = read_target(target, recipe, task)
    found = [column_of(c, given[c]) for c in given.column_names if c not in (recipe.target, *recipe.drop)]
    columns = tuple(c for c in map(without_empty, found) if c is not None and not c.missing.all())
    if not 1 <= len(columns) <= MOST_COLUMNS:
        raise StudyError(
            f"{name} has {len(columns)} columns with cells beside {shorten(recipe.target)}; 1 to {MOST_COLUMNS} are "
            "allowed. Leave columns out with --drop."
        )
    about = (told, *(about_cells(column) for column in columns))
    made = Table(name, recipe, task, columns, truth, classes, about=about)
    return replace(made, probabilities=check_metric(made.scorer, task, truth, probabilities=True))


def without_empty(column: Column | None) -> Column | None:
    """A column in which an empty text is a missing one."""
    if column is None or column.kind != "text":
        return column
    return replace(column, cells=np.array([cell or None for cell in column.cells], dtype=object))


def check_pandas() -> None:
    """Pandas must be there.

    Raises:
        StudyError: It is not.
    """
    try:
        import pandas  # noqa: F401
    except ImportError:
        raise StudyError("Programs for tables need pandas. Install it with: pip install 'tunewise[codegen]'") from None


def in_order(given: pa.Table, recipe: TableRecipe) -> pa.Table:
    """The rows that count, by time or shuffled."""
    import pyarrow.compute as pc

    order = np.random.default_rng(recipe.seed).permutation(given.num_rows)[: recipe.rows]
    if not recipe.time:
        return given.take(order)
    given = given.take(np.sort(order))
    try:
        return given.take(pc.sort_indices(given, sort_keys=[(recipe.time, "ascending")]))
    except (TypeError, NotImplementedError):  # pyarrow's own errors are of these kinds
        raise StudyError(f"The column {shorten(recipe.time)} cannot be sorted. Name one with dates.") from None


def likely_task(target: pa.ChunkedArray) -> TaskKind:
    """What a target is that nobody has named: a class where it is text or true and false."""
    import pyarrow.types as kinds

    numeric = kinds.is_integer(target.type) or kinds.is_floating(target.type) or kinds.is_decimal(target.type)
    return "regression" if numeric else "classification"


def read_target(target: pa.ChunkedArray, recipe: TableRecipe, task: TaskKind) -> tuple[Targets, tuple[str, ...], str]:
    """The target, names of the classes, and what the prompt says of it."""
    if task == "classification":
        cells = np.array([str(cell) for cell in target.to_pylist()])
        classes, truth, counts = np.unique(cells, return_inverse=True, return_counts=True)
        if not 2 <= len(classes) <= MOST_CLASSES or counts.max() < recipe.folds:
            raise StudyError(
                f"The target {shorten(recipe.target)} has {len(classes)} different values; a class has 2 to "
                f"{MOST_CLASSES}, of {recipe.folds} rows or more. Choose another target, or --task regression."
            )
        shares = ", ".join(
            f"{number} = {shorten(name, 30)} ({count / len(cells):.1%})"
            for number, (name, count) in enumerate(zip(classes[:10], counts, strict=False))
        )
        return (
            truth.astype(np.int64),
            tuple(map(str, classes)),
            f"target {recipe.target}: {len(classes)} classes: {shares}",
        )
    try:
        numbers = numbers_of(target)
    except (ValueError, NotImplementedError):  # pyarrow's own errors are of these kinds
        numbers = np.full(len(target), np.nan)
    if np.isnan(numbers).any():
        raise StudyError(
            f"The target {shorten(recipe.target)} has values that are no finite numbers. Clean it, or say --task "
            "classification."
        )
    if not numbers.std() > 0:
        raise StudyError(f"The target {shorten(recipe.target)} is constant. Choose another.")
    told = f"{quantiles(numbers)}, mean {numbers.mean():.4g}, standard deviation {numbers.std():.4g}"
    return numbers, (), f"target {recipe.target}: {told}"
