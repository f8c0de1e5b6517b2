"""`tunewise report` as a user meets it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from support.whole_paths import OBJECTIVE, InProcess, assert_paragraph, write_study


@pytest.fixture
def ran(tmp_path: Path, cli: InProcess, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study file with three random trials."""
    monkeypatch.chdir(tmp_path)
    file = write_study(tmp_path, objective=OBJECTIVE, proposer="random", n_trials=3)
    assert cli("tune", file).code == 0
    return file


def test_a_page_by_default(ran: Path, cli: InProcess) -> None:
    shown = cli("report", ran)
    assert shown.code == 0, shown
    assert shown.out.startswith("report.html (")
    assert Path("report.html").read_text("utf-8").startswith("<!doctype html>")
    assert cli("report", ran).code == 0, "a report may be overwritten"


def test_the_ending_chooses_the_format(ran: Path, cli: InProcess) -> None:
    assert cli("report", ran, "-o", "r.md").code == 0
    assert Path("r.md").read_text("utf-8").startswith("# study\n")
    assert cli("report", ran.with_suffix(".journal"), "-o", "r.json").code == 0
    assert len(json.loads(Path("r.json").read_text("utf-8"))["trials"]) == 3


def test_how_to_reproduce_it_can_be_pasted_into_a_shell(ran: Path, cli: InProcess) -> None:
    journal = ran.with_suffix(".journal").rename("a $(touch x).journal")
    shown = cli("report", journal, "--study-name", "study", "--format", "md")
    assert "tunewise show 'a $(touch x).journal' --study-name study\n" in shown.out


def test_standard_output(ran: Path, cli: InProcess) -> None:
    assert json.loads(cli("report", ran, "--format", "json").out)["study"] == "study"
    assert cli("report", ran, "--format", "md", "-o", "-").out.startswith("# study\n")


@pytest.mark.parametrize("target", ["study.yaml", "study.journal", "objective.py", "nowhere", "none/r.html"])
def test_nothing_else_is_overwritten(ran: Path, cli: InProcess, target: str) -> None:
    before = {file: file.read_bytes() for file in ran.parent.glob("*.*")}
    assert_paragraph(cli("report", ran, "-o", target), 2, "Name another file with -o.")
    assert {file: file.read_bytes() for file in before} == before


def test_a_study_that_ends_like_a_report_is_not_overwritten(ran: Path, cli: InProcess) -> None:
    journal = ran.with_suffix(".journal").rename("study.json")
    assert_paragraph(cli("report", journal, "-o", journal), 2, "is the study itself")


def test_a_study_that_does_not_exist(cli: InProcess, tmp_path: Path) -> None:
    assert_paragraph(cli("report", tmp_path / "none.journal", "-o", tmp_path / "r.html"), 2, "does not exist")
    assert not list(tmp_path.iterdir())


def test_without_plotly_the_way_out_is_said(ran: Path, cli: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotly", None)
    assert_paragraph(cli("report", ran), 2, "tunewise[report]", "--format md")
    assert cli("report", ran, "--format", "md").code == 0


def test_a_study_that_was_run_elsewhere_than_its_file_says(ran: Path, cli: InProcess) -> None:
    assert cli("tune", ran, "--storage", "mine.journal", "-q").code == 0
    ran.with_suffix(".journal").unlink()
    for words in ((ran, "--storage", "mine.journal"), ("--storage", "mine.journal"), ("mine.journal",)):
        assert cli("show", *words).code == 0
        assert len(json.loads(cli("report", *words, "--format", "json").out)["trials"]) == 3
    assert "tunewise show study.yaml --storage mine.journal\n" in (
        cli("report", ran.name, "--storage", "mine.journal", "--format", "md").out
    )
    assert_paragraph(cli("show", "mine.journal", "--storage", "other.journal"), 2, "Leave out one of them")
    assert_paragraph(cli("show"), 2, "Name a study file")
    assert_paragraph(cli("report", "-o", "mine.html", "--storage", "none.journal"), 2, "does not exist")


def test_a_study_that_nobody_named_is_called_after_its_file(ran: Path, cli: InProcess) -> None:
    ran.with_suffix(".journal").rename("first-try.journal")
    assert cli("report", "first-try.journal", "--format", "md").out.startswith("# first-try\n")
