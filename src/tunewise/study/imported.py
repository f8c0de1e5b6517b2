"""What was tried before: rows of a table or trials of another study become trials of this one.

Tables are CSV files by anybody: with commas, semicolons, tabs or bars, decimal points or commas, with or without a byte
order mark. Columns are found by their names, in any spelling, also with the prefixes that exports of Optuna, MLflow and
Weights & Biases have.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

import optuna
from optuna.trial import TrialState, create_trial

from tunewise import attributes
from tunewise.errors import InvalidReply, StudyError
from tunewise.history import History
from tunewise.record import Proposal
from tunewise.space import Configuration, SearchSpace
from tunewise.study.storage import open_study
from tunewise.task import Direction
from tunewise.text import did_you_mean, shorten

__all__ = ["Imported", "Row", "import_rows", "read_rows"]

PREFIX = re.compile(r"^(params|metrics|config|summary|hyperparameters|user_attrs)[._/]", re.IGNORECASE)
SEPARATORS = ",;\t|"
ENDINGS = (".csv", ".tsv", ".txt")
SPREADSHEET = re.compile(r"^sep=.\s*\n")
"""By such a line a spreadsheet learns the separator."""
STATE = ("state", "status")
FINISHED = ("complete", "completed", "finished")
"""In such a column, of a run that came to its end, by Optuna, MLflow and Weights & Biases."""
DECIMAL_COMMA = re.compile(r"^(\s*[-+]?\d+),(\d+(?:[eE][-+]?\d+)?\s*)$")


@dataclass(frozen=True, slots=True)
class Row:
    """Something that was tried: where it stands, its cells by column, and what is wrong with the row as such.

    A column that stands twice holds a tuple of both cells.
    """

    place: str
    cells: Mapping[str, object]
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import.

    Attributes:
        numbers: Of the trials that were added.
        refused: Why the other rows were not, a sentence each, in their order.
    """

    numbers: list[int] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def read_rows(source: str, direction: Direction = "minimize") -> list[Row]:
    """The rows of a CSV file, or the trials of an Optuna study.

    Args:
        source: Path of a file, or the address of a database. What ends in .csv, .tsv or .txt is a table.
        direction: Of the metric in the study that they are meant for: another study's must agree.

    Raises:
        StudyError: It cannot be read, or has no rows.
    """
    if not source.lower().endswith(ENDINGS):
        return trials_of(source, direction)
    try:
        text = Path(source).read_text("utf-8-sig")
    except OSError as error:
        raise StudyError(f"{source} cannot be read: {error.strerror}. Name a CSV file or a study.") from None
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise StudyError(f"{source} is not text in UTF-8. Save it as CSV (UTF-8).")
    text = SPREADSHEET.sub("", text.lstrip())
    head = text.partition("\n")[0]
    separator = max(SEPARATORS, key=head.count)
    try:
        columns, *table = list(csv.reader(io.StringIO(text), delimiter=separator)) or [[]]
    except csv.Error as error:
        raise StudyError(f"{source} is no table: {error}. Save it as CSV.") from None
    columns = [name.strip() for name in columns]
    if separator != ",":  # then a number may be written 0,5
        table = [[DECIMAL_COMMA.sub(r"\1.\2", cell) for cell in cells] for cells in table]
    rows = [row_of(k, columns, cells) for k, cells in enumerate(table, 1) if any(cells)]
    if not rows:
        raise StudyError(f"{source} has no rows. Its first line names the columns, and each further one is a trial.")
    return rows


def row_of(number: int, columns: Sequence[str], cells: Sequence[str]) -> Row:
    """A row of a table; what it lacks at its end is empty."""
    found: dict[str, object] = dict(zip_longest(columns, cells[: len(columns)], fillvalue=""))
    for name in {name for name in columns if columns.count(name) > 1}:
        found[name] = tuple(cell for column, cell in zip(columns, cells, strict=False) if column == name)
    surplus = f"it has {len(cells)} cells and the table {len(columns)} columns. Put texts in quotes."
    return Row(f"row {number}", found, surplus if any(cells[len(columns) :]) else "")


def trials_of(source: str, direction: Direction) -> list[Row]:
    """The finished trials of an Optuna study.

    Raises:
        StudyError: There is none, or its values mean something else.
    """
    try:
        study = open_study(source)
    except StudyError as error:
        raise StudyError(f"{error} A table ends in {', '.join(ENDINGS)}.") from None
    if len(study.directions) > 1:
        raise StudyError(
            f"The study {study.study_name} has {len(study.directions)} objectives, and which of them is meant cannot "
            "be told. Export the one as CSV, and import that."
        )
    if study.direction.name.lower() != direction:
        raise StudyError(
            f"The study {study.study_name} is to {study.direction.name.lower()} its metric, and this one is to "
            f"{direction}. Correct task.direction, or export the values as CSV and turn their sign."
        )
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if not trials:
        raise StudyError(f"The study {study.study_name} has no finished trial. Name another one.")
    return [Row(f"trial {t.number}", {**t.params, "value": t.value}) for t in trials]


def import_rows(study: optuna.Study, space: SearchSpace, rows: Sequence[Row], *, metric: str, source: str) -> Imported:
    """Add rows to a study as finished trials.

    Args:
        study: Opened for writing.
        space: Of the study.
        rows: What was tried.
        metric: The column that holds the metric.
        source: What is said of where they came from.

    Returns:
        What was added, and what was not. A row that the study has already is not added again.

    Raises:
        StudyError: A column is missing, so that no row could fit.
    """
    columns = list(rows[0].cells)
    value_column = find_column(metric, columns, "the metric")
    needed = {name: find_column(name, columns, "a hyperparameter") for name in space if not space[name].when}
    optional = {name: match(name, columns) for name in space if space[name].when}
    places = needed | {name: column for name, column in optional.items() if column is not None}
    seen = [(t.configuration, t.value) for t in History.from_study(study).finished]
    imported = Imported()
    for row in rows:
        try:
            configuration, value = read_row(row, places, value_column, space)
        except InvalidReply as error:
            imported.refused.append(f"{row.place}: {error}")
            continue
        if (configuration, value) in seen:
            imported.refused.append(f"{row.place}: the study has it already.")
            continue
        seen.append((configuration, value))
        proposal = Proposal(
            configuration=configuration, source="enqueued", reason=f"imported from {source}, {row.place}"
        )
        study.add_trial(
            create_trial(
                state=TrialState.COMPLETE,
                params=configuration,
                distributions={name: space.distributions[name] for name in configuration},
                value=value,
                user_attrs={attributes.PROPOSAL: proposal.to_dict()},
            )
        )
        imported.numbers.append(len(study.get_trials(deepcopy=False)) - 1)
    return imported


def read_row(row: Row, places: Mapping[str, str], value_column: str, space: SearchSpace) -> tuple[Configuration, float]:
    """A row as configuration and value.

    Raises:
        InvalidReply: It has no value, or is not in the space; the message says why.
    """
    if row.wrong:
        raise InvalidReply(row.wrong)
    used = (value_column, *places.values())
    state = next((value for name, value in row.cells.items() if name.lower() in STATE and name not in used), "")
    if isinstance(state, str) and state.strip() and state.strip().lower() not in FINISHED:
        raise InvalidReply(f"its state is {shorten(state.strip())}, so its value is not that of a whole run.")
    if twice := next((name for name in used if isinstance(row.cells.get(name), tuple)), ""):
        raise InvalidReply(f"the column {twice} stands twice. Rename the one that is not meant.")
    told = row.cells.get(value_column)
    if told == "":
        raise InvalidReply(f"{value_column} is empty.")
    try:
        value = float(str(told).strip())
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InvalidReply(f"{value_column} = {shorten(told)} is not a finite number.")
    given = {name: cell(row.cells.get(column)) for name, column in places.items()}
    coerced = space.coerce({name: there for name, there in given.items() if there != ""})
    if coerced.repairs:
        raise InvalidReply(f"{'; '.join(map(str, coerced.repairs))}. It is not in the space.")
    return coerced.configuration, value


def cell(content: object) -> object:
    """What a cell holds: text without spaces around it, truth values as such."""
    if not isinstance(content, str):
        return "" if content is None else content
    text = content.strip()
    return {"true": True, "false": False}.get(text.lower(), text)


def find_column(name: str, columns: Sequence[str], meaning: str) -> str:
    """The column that holds something.

    Raises:
        StudyError: There is none.
    """
    column = match(name, columns)
    if column is None:
        hint = did_you_mean(name, columns, f"The columns are {shorten(', '.join(columns), 300)}.")
        raise StudyError(f"There is no column for {name}, {meaning}. {hint} Rename the column, or say --metric.")
    return column


def match(name: str, columns: Sequence[str]) -> str | None:
    """The column with a name, in any spelling, without the prefix of an export; an exact one first."""
    if name in columns:
        return name
    return next((column for column in columns if plain(PREFIX.sub("", column)) == plain(name)), None)


def plain(name: str) -> str:
    """Letters and digits alone."""
    return re.sub(r"\W|_", "", name).lower()


def told(imported: Imported, limit: int = 20) -> Iterator[str]:
    """The outcome for people, a line each."""
    yield f"{len(imported.numbers)} trials were imported, {len(imported.refused)} rows were not."
    yield from imported.refused[:limit]
    if len(imported.refused) > limit:
        yield f"... and {len(imported.refused) - limit} more."
