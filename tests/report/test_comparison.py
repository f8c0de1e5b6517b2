"""Studies beside each other."""

from __future__ import annotations

import json
from pathlib import Path

import optuna
import pytest

from support.report_pages import Page, assert_inert
from support.whole_paths import InProcess
from tunewise.report import compare
from tunewise.study.storage import open_storage

EVIL = "</script><script>alert(1)</script>"


def made(values: list[float], name: str, *, storage: Path | None = None, metric: str = "error") -> optuna.Study:
    """A study with these values."""
    study = optuna.create_study(study_name=name, storage=open_storage(storage) if storage else None)
    study.set_user_attr("tunewise:study", {"task": {"metric": metric}})
    for value in values:
        trial = study.ask()
        trial.suggest_float("x", 0, 1)
        study.tell(trial, value)
    return study


def test_who_is_ahead_after_how_many_trials() -> None:
    studies = [made([3.0, 2.0, 1.0], "slow"), made([2.5, 1.5], "quick")]
    text = compare(studies, form="md")
    assert "slow has the best error, 1, against 1.5 of quick." in text
    assert "different numbers of trials" in text
    rows = {line.split("|")[1].strip(): line.split("|")[2:4] for line in text.splitlines() if line.startswith("|")}
    assert [cell.strip() for cell in rows["best after 2"]] == ["2", "1.5"]
    assert [cell.strip() for cell in rows["best after 3"]] == ["1", ""]


def test_the_page_is_inert_and_draws_each_study() -> None:
    page = Page(compare([made([1.0, 0.5], EVIL), made([1.0, 0.7], "b"), made([], "empty")], form="html"))
    assert_inert(page)
    assert len(page.plots["progress"]["data"]) == 2


@pytest.mark.parametrize("form", ["html", "md"])
def test_different_metrics_are_not_compared(form: str) -> None:
    text = compare([made([1.0], "a"), made([1.0], "b", metric="loss")], form=form)  # type: ignore[arg-type]
    assert "They measure different things" in text.replace("&#58;", ":")


def test_the_command_compares(tmp_path: Path, cli: InProcess) -> None:
    for name in ("a", "b"):
        made([1.0, 0.5], "same name", storage=tmp_path / f"{name}.journal")
    ran = cli("report", tmp_path / "a.journal", tmp_path / "b.journal", "-o", tmp_path / "c.json")
    assert ran.code == 0, ran
    assert json.loads((tmp_path / "c.json").read_text()).keys() == {"same name (A)", "same name (B)"}
