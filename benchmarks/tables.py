"""Programs for three tables, as a capable reader wrote them, replayed; writes docs/results/generate.

    python benchmarks/tables.py --data-dir FOLDER                          # replay, train, judge, write the pages
    python benchmarks/tables.py --data-dir FOLDER --only diabetes          # one table
    python benchmarks/tables.py --data-dir FOLDER --model gpt-5 --out mine # ask a model; taxi too

FOLDER holds `credit-g.csv` of the HPOBench data sets and `nyc_green_2023`, as for `tunewise bench`; diabetes comes with
scikit-learn. The replies of the reader lie in `benchmarks/tables`, compressed; the training is real.
"""

from __future__ import annotations

import argparse
import csv
import lzma
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import optuna

from tunewise.bench.problems.taxi import find_trips
from tunewise.cli.options import quiet_optuna
from tunewise.codegen.baseline import Gain, best_of
from tunewise.codegen.export import export_program
from tunewise.codegen.extras import folds_told
from tunewise.codegen.generate import Generation, GenerationOptions
from tunewise.codegen.runtime import sandbox_for
from tunewise.codegen.sampler import SearchOptions
from tunewise.codegen.table import Table, TableRecipe, load_table
from tunewise.codegen.table_baseline import TableBaseline, table_baselines
from tunewise.codegen.taxi import PICKUP, TARGET, load_taxi
from tunewise.codegen.tree import Tree
from tunewise.history import History
from tunewise.llm.base import ChatModel
from tunewise.llm.cassette import ReplayingModel
from tunewise.llm.resolve import resolve_model
from tunewise.sandbox.base import Limits, Sandbox

HERE = Path(__file__).parent
CASSETTES = HERE / "tables"
PAGES = HERE.parent / "docs" / "results" / "generate"
TRIALS, PATIENCE = 8, 1
LIMITS = Limits(wall_s=1200, cpu_s=300)
"""Of an evaluation; a machine may have other work, too."""
READER = "Answered by a capable reader."
NOTE = """
Losses of winners are those of the folds that chose them, so they flatter. The gain does not: it is the mean of paired
differences over folds on which no trial was scored (rows shuffled anew twice; by time, later ones), with the corrected
95 % interval of Nadeau and Bengio. Both are of one run: another run, or another reader, writes other programs. The
table is old and public: whoever writes the programs may have read about it.
""".strip()
BLOCK = "import sys\nsys.modules['tunewise'] = None\n"
"""Of a `sitecustomize`: whoever imports tunewise fails."""


def diabetes(_: Path, folder: Path) -> TableRecipe:
    """442 patients, and how far their disease went on in a year."""
    from sklearn.datasets import load_diabetes

    path = folder / "diabetes.csv"
    load_diabetes(as_frame=True, scaled=False).frame.to_csv(path, index=False)
    return TableRecipe(path=str(path), target="target")


def taxi(data: Path, folder: Path) -> TableRecipe:
    """20,000 taxi trips, and the logarithm of their seconds; folds by time."""
    import pyarrow.parquet

    path = folder / "taxi.parquet"
    pyarrow.parquet.write_table(load_taxi(find_trips(data)), path)
    return TableRecipe(path=str(path), target=TARGET, time=PICKUP, rows=20_000)


def credit(data: Path, _: Path) -> TableRecipe:
    """1,000 borrowers, good and bad; the area under the curve, as bad ones are fewer."""
    return TableRecipe(path=str(data / "credit-g.csv"), target="class", metric="roc_auc")


TABLES: Mapping[str, Callable[[Path, Path], TableRecipe]] = {"diabetes": diabetes, "taxi": taxi, "credit-g": credit}


@dataclass(frozen=True, kw_only=True)
class Played:
    """What came of a table.

    Attributes:
        name: Of the table.
        table: The data.
        baselines: What a person would try first.
        study: Of programs.
        gains: Of the winner: over gradient boosting, and over the best of the baselines where that is another one.
        alone: What the exported file printed in an empty folder.
    """

    name: str
    table: Table
    baselines: Sequence[TableBaseline]
    study: optuna.Study
    gains: Sequence[Gain]
    alone: str


def play(name: str, model: ChatModel, sandbox: Sandbox, *, data: Path, folder: Path) -> Played:
    """Run one table from the baselines to the exported file."""
    table = load_table(TABLES[name](data, folder))
    usual = table_baselines(table)
    options = GenerationOptions(
        trials=TRIALS,
        limits=LIMITS,
        search=SearchOptions(patience=PATIENCE),
    )
    generation = Generation(table, sandbox=sandbox, model=model, options=options, baselines=usual)
    study = generation.run(name=name)
    gains = generation.gains(study, list(dict.fromkeys([usual[-1], best_of(usual)])))
    return Played(name=name, table=table, baselines=usual, study=study, gains=gains, alone=alone(study, table))


def alone(study: optuna.Study, table: Table) -> str:
    """Copy the exported file alone into an empty folder, and have it predict a file without the target there."""
    with tempfile.TemporaryDirectory() as empty, tempfile.TemporaryDirectory() as block:
        Path(block, "sitecustomize.py").write_text(BLOCK)
        Path(empty, "best.py").write_text(export_program(study, file="best.py"))
        table.frame.head(100).to_csv(Path(empty, "test.csv"), index=False)
        command = [sys.executable, "best.py", "predict", "test.csv", "--out", "submission.csv"]
        environment = {**os.environ, "PYTHONPATH": block}
        done = subprocess.run(command, cwd=empty, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            return f"failed: {done.stderr.strip()[-300:]}"
        with Path(empty, "submission.csv").open() as file:
            rows = len(list(csv.reader(file))) - 1
        size = Path(empty, "best.py").stat().st_size // 1024
        return f"{size} KiB; `{' '.join(command[1:])}` wrote {rows} predictions"


def page(one: Played, who: str) -> str:
    """The result as Markdown."""
    lines = [
        f"# Programs for a table: {one.name}",
        "",
        f"Written by `python benchmarks/tables.py --data-dir DATA --only {one.name}`; not edited by hand.",
        "",
        f"{who} {TRIALS} evaluations, one run. What is printed is a loss: smaller is better.",
        "",
        NOTE,
        *section(one),
        "",
    ]
    return "\n".join(lines)


def section(one: Played) -> list[str]:
    """One table in detail."""
    lines = ["", f"## {one.name}", "", f"{TABLES[one.name].__doc__}", ""]
    lines += [f"- {baseline}" for baseline in one.baselines]
    lines += [f"- {gain}" for gain in one.gains]
    lines += [f"- The exported file, alone in an empty folder: {one.alone}.", "", "| trial | from | loss | folds |"]
    lines += ["|---|---|---|---|"]
    for trial in History.from_study(one.study):
        folds = ", ".join(f"{value:.4g}" for value in folds_told(trial.extra))
        outcome = f"{trial.value:.4g}" if trial.value is not None else f"failed: {trial.error[:80]}"
        lines.append(f"| {trial.number} | {trial.source} | {outcome} | {folds} |")
    tree = Tree.from_study(one.study)
    return [*lines, "", "```text", *tree.lines(), "```"]


def tape(name: str) -> Path:
    """Where the reader's replies lie; there are none for taxi yet."""
    return CASSETTES / f"{name}.cassette.xz"


def recorded(name: str, folder: Path) -> ChatModel:
    """The reader, replayed."""
    path = folder / f"{name}.cassette"
    path.write_bytes(lzma.decompress(tape(name).read_bytes()))
    return ReplayingModel(path, loose=True)


def main() -> None:
    """Play the tables, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--only", choices=TABLES)
    parser.add_argument("--model", help="ask this one, in place of the recording")
    parser.add_argument("--out", type=Path, default=PAGES)
    given = parser.parse_args()
    quiet_optuna()
    asked = resolve_model(given.model) if given.model else None
    who = f"The programs were written by {given.model}." if given.model else READER
    names = [given.only] if given.only else [name for name in TABLES if asked or tape(name).exists()]
    with sandbox_for("table") as sandbox, tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for name in names:
            played = play(name, asked or recorded(name, folder), sandbox, data=given.data_dir, folder=folder)
            (given.out / f"{name}.md").write_text(page(played, who), "utf-8")


if __name__ == "__main__":
    main()
