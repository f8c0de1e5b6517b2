"""What was tried before becomes trials; what does not fit is told row by row."""

from __future__ import annotations

from pathlib import Path

import optuna
import pytest
from optuna.study import StudyDirection

from support.whole_paths import InProcess, assert_paragraph, write_study
from tunewise.history import History
from tunewise.study.storage import open_storage, open_study

MINIMIZE, MAXIMIZE = StudyDirection.MINIMIZE, StudyDirection.MAXIMIZE
OBJECTIVE = "def objective(c): return c['C']"
GOOD = [({"C": 0.5, "n": 3}, 0.25), ({"C": 2.0, "n": 7}, 0.75)]
TABLES = {
    "plain": "C,n,value\n0.5,3,0.25\n2.0,7,0.75\n",
    "mark and semicolons": "\ufeffC;n;value\n0.5;3;0.25\n2.0;7;0.75\n",
    "decimal commas": "C;n;value\n0,5;3;0,25\n2,0;7;7,5e-1\n",
    "tabs": "C\tn\tvalue\n0.5\t3\t0.25\n2.0\t7\t0.75\n",
    "MLflow": "run_id,params.C,params.n,metrics.value\na,0.5,3,0.25\nb,2.0,7,0.75\n",
    "Optuna": "number,value,params_C,params_n,state\n0,0.25,0.5,3,COMPLETE\n1,0.75,2.0,7,COMPLETE\n",
    "more than needed": 'Name,n,C,note,value\nx,3,0.5,"a, b",0.25\n\ny,7,2,,0.75\n',
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_study(tmp_path, objective=OBJECTIVE, proposer="random", n_trials=4)


def kept(file: Path) -> list[tuple[object, object]]:
    return [(t.configuration, t.value) for t in History.from_study(open_study(file.with_suffix(".journal")))]


@pytest.mark.parametrize("name", TABLES)
def test_tables_by_anybody(name: str, file: Path, tmp_path: Path, cli: InProcess) -> None:
    (tmp_path / "t.csv").write_text(TABLES[name], "utf-8")
    ran = cli("import", tmp_path / "t.csv", "--study", file)
    assert ran.code == 0, ran
    assert ran.out.startswith("2 trials were imported, 0 rows were not.")
    assert kept(file) == GOOD
    again = cli("import", tmp_path / "t.csv", "--study", file)
    assert again.code == 1
    assert "row 1: the study has it already." in again.out
    assert kept(file) == GOOD
    assert cli("tune", file, "-q").code == 0
    assert len(kept(file)) == 4


def test_what_does_not_fit_is_told_row_by_row(file: Path, tmp_path: Path, cli: InProcess) -> None:
    rows = ["C,n,loss", "0.5,3,0.25", "x,3,1", "1e99,3,1", "0.5,3.5,1", "0.5,,1", "0.5,3,", "0.5,3,nan", "2.0,7,0.75"]
    (tmp_path / "t.csv").write_text("\n".join(rows))
    ran = cli("import", tmp_path / "t.csv", "--study", file, "--metric", "loss")
    assert ran.code == 0, ran
    assert ran.out.startswith("2 trials were imported, 6 rows were not.")
    for k in range(2, 8):
        assert f"\nrow {k}: " in ran.out
    assert kept(file) == GOOD


@pytest.mark.parametrize(
    ("name", "head", "row"),
    [
        ("a byte order mark", "\ufeffC,n,value", "{C},{n},{value}"),
        ("another separator", "C;n;value", "{C};{n};{value}"),
        ("other columns beside", "who,C,n,when,value", "me,{C},{n},today,{value}"),
        ("columns in another order", "value,n,C", "{value},{n},{C}"),
    ],
)
def test_text_in_numeric_columns_whatever_the_table_looks_like(
    name: str, head: str, row: str, file: Path, tmp_path: Path, cli: InProcess
) -> None:
    del name
    rows = [head, row.format(C=0.5, n=3, value=0.25), row.format(C="n/a", n=3, value=1)]
    rows += [
        row.format(C=1, n="many", value=1),
        row.format(C=1, n=3, value="error"),
        row.format(C=2.0, n=7, value=0.75),
    ]
    (tmp_path / "t.csv").write_text("\n".join(rows), "utf-8")
    ran = cli("import", tmp_path / "t.csv", "--study", file)
    assert ran.code == 0, ran
    assert ran.out.startswith("2 trials were imported, 3 rows were not.")
    for k, word in ((2, "n/a"), (3, "many"), (4, "error")):
        (line,) = (line for line in ran.out.splitlines() if line.startswith(f"row {k}: "))
        assert word in line
    assert kept(file) == GOOD


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "has no rows"),
        (b"C,n,value\n", "has no rows"),
        (b"a,b,value\n1,2,3\n", "There is no column for C"),
        (b"C,n,score\n1,2,3\n", "the metric"),
        (b"\xff\xfe\x00", "is not text in UTF-8"),
    ],
)
def test_tables_that_are_none(text: bytes, words: str, file: Path, tmp_path: Path, cli: InProcess) -> None:
    (tmp_path / "t.csv").write_bytes(text)
    assert_paragraph(cli("import", tmp_path / "t.csv", "--study", file), 2, words)
    assert_paragraph(cli("import", tmp_path / "no.csv", "--study", file), 2, "cannot be read")


def test_another_study(file: Path, tmp_path: Path, cli: InProcess) -> None:
    study = optuna.create_study(storage=f"sqlite:///{tmp_path}/earlier.db")
    for configuration, value in GOOD:
        study.enqueue_trial(configuration)
        trial = study.ask()
        trial.suggest_float("C", 0.1, 10)
        trial.suggest_int("n", 1, 100)
        study.tell(trial, value)
    ran = cli("import", f"sqlite:///{tmp_path}/earlier.db", "--study", file)
    assert ran.code == 0, ran
    assert kept(file) == GOOD


ODD = {
    "a pruned run": ("C,n,state,value\n0.5,3,PRUNED,0.1\n", "row 1: its state is PRUNED"),
    "a crashed run": ("config.C,config.n,State,summary.value\n0.5,3,crashed,0.1\n", "row 1: its state is crashed"),
    "a column twice": ("C,n,value,value\n0.5,3,0.1,0.9\n", "row 1: the column value stands twice"),
    "too few cells": ("C,n,value\n0.5,3\n", "row 1: value is empty"),
    "too many cells": ("C,n,value\n0.5,3,0.1,x\n", "row 1: it has 4 cells and the table 3 columns"),
    "a percentage": ("C,n,value\n0.5,3,50%\n", "row 1: value = 50% is not a finite number"),
    "an open quote": ('C,n,value\n0.5,"3,0.1\n2,4,0.3\n', "row 1: value is empty"),
}


@pytest.mark.parametrize("name", ODD)
def test_a_row_that_would_be_misread_is_told(name: str, file: Path, tmp_path: Path, cli: InProcess) -> None:
    table, said = ODD[name]
    (tmp_path / "t.csv").write_text(table)
    ran = cli("import", tmp_path / "t.csv", "--study", file)
    assert ran.code == 1
    assert said in ran.out
    assert kept(file) == []


def test_a_hyperparameter_may_be_called_state(tmp_path: Path, cli: InProcess) -> None:
    space = {"state": {"type": "categorical", "choices": ["ca", "ny"]}}
    file = write_study(tmp_path, objective=OBJECTIVE, proposer="random", n_trials=4, space=space)
    (tmp_path / "t.csv").write_text("sep=;\nstate;value\nca;0,5\n")
    assert cli("import", tmp_path / "t.csv", "--study", file).code == 0
    assert kept(file) == [({"state": "ca"}, 0.5)]


@pytest.mark.parametrize("directions", [(MAXIMIZE,), (MINIMIZE, MINIMIZE)])
def test_a_study_whose_values_mean_something_else_is_refused(
    directions: tuple[StudyDirection, ...], file: Path, tmp_path: Path, cli: InProcess
) -> None:
    address = str(tmp_path / "old.journal")
    study = optuna.create_study(storage=open_storage(address), study_name="old", directions=directions)
    study.optimize(lambda t: [t.suggest_float("C", 0.1, 1), t.suggest_int("n", 1, 9)][: len(directions)], n_trials=1)
    ran = cli("import", address, "--study", file)
    assert_paragraph(ran, 2, "The study old")
    assert not file.with_suffix(".journal").exists()


def test_bytes_that_are_no_text_are_no_table(file: Path, tmp_path: Path, cli: InProcess) -> None:
    for number, encoding in enumerate(("utf-16", "utf-16-le", "utf-32")):
        (tmp_path / f"{number}.csv").write_bytes(TABLES["plain"].encode(encoding))
        assert_paragraph(cli("import", tmp_path / f"{number}.csv", "--study", file), 2, "is not text in UTF-8")
    (tmp_path / "t.csv.gz").write_bytes(b"\x1f\x8b\x08" + bytes(9))
    assert_paragraph(cli("import", tmp_path / "t.csv.gz", "--study", file), 2, "A table ends in .csv, .tsv, .txt.")
