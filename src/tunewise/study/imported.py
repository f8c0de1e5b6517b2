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
from pathlib import Path

import optuna
from optuna.trial import TrialState, create_trial

from tunewise import attributes
from tunewise.errors import InvalidReply, StudyError
from tunewise.history import History
from tunewise.record import Proposal
from tunewise.space import Configuration, SearchSpace
from tunewise.study.storage import open_study
from tunewise.text import did_you_mean, shorten

__all__ = ["Imported", "Row", "import_rows", "read_rows"]

PREFIX = re.compile(r"^(params|metrics|config|summary|hyperparameters|user_attrs)[._/]", re.IGNORECASE)
SEPARATORS = ",;\t|"
DECIMAL_COMMA = re.compile(r"^(\s*[-+]?\d+),(\d+(?:[eE][-+]?\d+)?\s*)$")


@dataclass(frozen=True, slots=True)
class Row:
    """Something that was tried: where it stands, and its cells by column."""

    place: str
    cells: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import.

    Attributes:
        numbers: Of the trials that were added.
        refused: Why the other rows were not, a sentence each, in their order.
    """

    numbers: list[int] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def read_rows(source: str) -> list[Row]:
    """The rows of a CSV file, or the trials of an Optuna study.

    Args:
        source: Path of a file, or the address of a database. What ends in .csv, .tsv or .txt is a table.

    Raises:
        StudyError: It cannot be read, or has no rows.
    """
    if not source.lower().endswith((".csv", ".tsv", ".txt")):
        trials = open_study(source).get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return [Row(f"trial {t.number}", {**t.params, "value": t.values[0]}) for t in trials]
    try:
        text = Path(source).read_text("utf-8-sig")
    except OSError as error:
        raise StudyError(f"{source} cannot be read: {error.strerror}. Name a CSV file or a study.") from None
    except UnicodeDecodeError:
        raise StudyError(f"{source} is not text in UTF-8. Save it as CSV (UTF-8).") from None
    head = text.lstrip().partition("\n")[0]
    separator = max(SEPARATORS, key=head.count)
    try:
        table = list(csv.reader(io.StringIO(text.lstrip()), delimiter=separator))
    except csv.Error as error:
        raise StudyError(f"{source} is no table: {error}. Save it as CSV.") from None
    columns = [name.strip() for name in table[0]] if table else []
    if separator != ",":  # then a number may be written 0,5
        table[1:] = [[DECIMAL_COMMA.sub(r"\1.\2", cell) for cell in cells] for cells in table[1:]]
    rows = [
        Row(f"row {k}", dict(zip(columns, cells, strict=False))) for k, cells in enumerate(table[1:], 1) if any(cells)
    ]
    if not rows:
        raise StudyError(f"{source} has no rows. Its first line names the columns, and each further one is a trial.")
    return rows


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
    told = row.cells.get(value_column)
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
