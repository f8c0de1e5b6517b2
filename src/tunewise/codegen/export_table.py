"""The winner on a table as a Python file that stands alone: `fit`, `predict`, a command line, and its scores."""

from __future__ import annotations

import base64
import logging
import lzma
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from tunewise.codegen.extras import folds_told
from tunewise.codegen.source import joined, pretty, without_future
from tunewise.codegen.table import Table, TableRecipe, load_table
from tunewise.codegen.tree import own_names
from tunewise.errors import StudyError
from tunewise.text import clip

if TYPE_CHECKING:
    from tunewise.codegen.tree import Program
    from tunewise.history import TrialRecord

__all__ = ["export_table"]

logger = logging.getLogger("tunewise")

MOST_CARRIED = 2_000_000
"""Characters of rows that an exported file may carry."""
WIDTH = 110
HEADER = '''"""{title}

Written by a language model ({model}), chosen and scored by tunewise.
{scores}

    python {file} predict test.csv --out submission.csv

trains on all rows and predicts others. In Python: model = fit(), predict(model, frame).
{rows}
What a model wrote runs here without a sandbox: read it before you do. It needs numpy, pandas, scikit-learn and what
the program imports, but not tunewise.
"""

from __future__ import annotations

TARGET = {target!r}
COLUMNS = {columns}
CLASSES = {classes}
SEED, SECONDS = {seed}, {seconds}


def encoder():
    return encoder_of(COLUMNS)


# The program.
'''
MIDDLE = """

# What was found, and on what.
HYPERPARAMETERS = {hyperparameters}
SCORES = {scores}

# The rest is the same in every exported file.
"""
FOOTER = """

# The rows to train on: CSV, compressed, as text.
ROWS = {rows}

if __name__ == "__main__":
    raise SystemExit(main())
"""


class Over(TypedDict):
    """What the winner gains on a baseline: `value`, its 95 % interval from `low` to `high`, and on which rows."""

    over: str
    value: float
    low: float
    high: float
    where: str


class Scores(TypedDict):
    """What is known of how good a program is: its value, those of its folds, and what it gains."""

    metric: str
    value: float | None
    folds: list[float]
    gains: list[Over]


def export_table(
    about: Mapping[str, Any], gains: Mapping[str, Any], program: Program, trial: TrialRecord, *, file: str, rows: bool
) -> str:
    """The text of the file.

    Args:
        about: What is stored with the study.
        gains: What the winner gains on baselines, as stored; empty where nobody has looked, or of another trial.
        program: What is exported.
        trial: Its configuration and scores.
        file: Its name.
        rows: Whether it carries the rows to train on, where there are not too many.
    """
    recipe = TableRecipe.from_dict(about["data"])
    carried = carried_rows(recipe, about["fingerprint"]) if rows else ""
    scores = scores_of(about, gains, trial)
    header = HEADER.format(
        title=quoted(program.reason or f"Program {program.number} of a study.", 100),
        model=quoted(program.model or "unknown", 60),
        scores="\n".join(sentences(scores)),
        file=Path(file).name,
        rows=f"It carries the {about['rows']} rows that it is trained on: whoever has the file has them.\n"
        if carried
        else "It carries no rows: name the table to train on with --train.\n",
        target=recipe.target,
        columns=pretty(about["columns"]),
        classes=pretty(about["classes"]),
        seed=about["seed"],
        seconds=min(about["limits"]["wall_s"], about["limits"]["cpu_s"]) / recipe.folds,
    )
    middle = MIDDLE.format(hyperparameters=pretty(own_names(trial.configuration)), scores=pretty(scores))
    rest = joined(["tabular", "standalone_table"]).removeprefix("from __future__ import annotations\n")
    rest = rest.replace("def encoder(columns", "def encoder_of(columns")
    lines = [carried[at : at + WIDTH] for at in range(0, len(carried), WIDTH)]
    text = "(\n" + "".join(f"    {line!r}\n" for line in lines) + ")" if lines else '""'
    code = without_future(program.code).strip("\n")
    return f"{header}{code}\n{middle}{rest.strip(chr(10))}\n{FOOTER.format(rows=text)}"


def quoted(text: str, most: int) -> str:
    """A text that can stand in a docstring."""
    return clip(text, most).replace("\\", "/").replace('"', "'")


def scores_of(about: Mapping[str, Any], gains: Mapping[str, Any], trial: TrialRecord) -> Scores:
    """What is known of how good it is."""
    folds = folds_told(trial.extra)
    return {
        "metric": about["told_metric"],
        "value": trial.value,
        "folds": list(folds),
        "gains": list(gains.get("over", [])) if gains.get("trial") == trial.number else [],
    }


def sentences(scores: Scores) -> list[str]:
    """The scores in words."""
    folds = scores["folds"]
    mean = math.fsum(folds) / len(folds)
    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in folds) / (len(folds) - 1))
    chosen = f"{scores['metric']}: {scores['value']:.6g} on the {len(folds)} folds that it was chosen by"
    gained = (
        f"Less than {gain['over']} by {gain['value']:.4g} (95 % interval {gain['low']:.4g} to {gain['high']:.4g}) on "
        f"{gain['where']}."
        for gain in scores["gains"]
    )
    return [f"{chosen} (standard deviation between folds {spread:.2g}).", *gained]


def carried_rows(recipe: TableRecipe, fingerprint: str) -> str:
    """The table as compressed text; empty, with a warning, where it is gone, has changed or is too large."""
    try:
        table = load_table(recipe)
    except StudyError as error:
        logger.warning("The exported file carries no rows: %s", error)
        return ""
    if table.fingerprint != fingerprint:
        logger.warning("The exported file carries no rows: %s has changed since the study.", recipe.path)
        return ""
    text = base64.b85encode(lzma.compress(csv_of(table).encode(), preset=6)).decode()
    if len(text) > MOST_CARRIED:
        logger.warning("The exported file carries no rows: there are too many. Give it --train.")
        return ""
    return text


def csv_of(table: Table) -> str:
    """Columns and target as they are read again."""
    frame = table.frame.copy()
    named = [table.classes[int(code)] for code in table.truth] if table.classes else table.truth
    frame[table.recipe.target] = named
    return str(frame.to_csv(index=False))
