"""A study in a notebook: what it shows, in a real kernel too, and the tutorials run as they stand."""

from __future__ import annotations

import shutil
from html.parser import HTMLParser
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from support.waiting import PATIENCE_S
from support.whole_paths import SRC, space
from tunewise import TuneOptions, tune
from tunewise.evaluate.run import Run
from tunewise.history import History
from tunewise.study import notebook

TUTORIALS = SRC.parent / "docs" / "tutorials"


def objective(configuration: dict[str, Any], run: Run) -> float:
    if run.trial == 3:
        raise RuntimeError("<script>alert(1)</script>")
    run.report(configuration["C"], 0)
    return float(configuration["C"])


def test_it_is_shown_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    pages: list[str] = []
    monkeypatch.setattr(notebook, "shown_in_cell", lambda: pages.append)
    study = tune(objective, space(), proposer="random", n_trials=5, options=TuneOptions(live=True))
    assert "trial 0 (random) runs" in pages[0]
    assert "trial 0, step 0: " in pages[1]
    assert "1 of 5 trials" in pages[2]
    last = pages[-1]
    assert f"5 of 5 trials, best loss {study.best_value:.6g} in trial {study.best_trial.number} (random)" in last
    assert "runs" not in last
    pages.clear()
    tune(objective, space(), proposer="random", n_trials=2)
    assert pages == []  # nobody looks outside of a notebook


def test_a_study_shows_itself_and_nothing_in_it_runs(tmp_path: Path) -> None:
    study = tune(objective, space(), proposer="random", n_trials=30, storage=tmp_path / "s.journal")
    page = study._repr_html_()
    assert "<script" not in page

    class Tags(HTMLParser):
        rows = dots = 0

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            self.rows += tag == "tr"
            self.dots += tag == "circle"

    parser = Tags()
    parser.feed(page)
    assert parser.dots == 29
    assert notebook.ROWS + 1 <= parser.rows <= notebook.ROWS + 2  # the head, the latest, and perhaps the best
    assert f"<td><b>{study.best_trial.number}</b></td>" in page


def test_an_empty_study_shows_itself() -> None:
    assert "0 of 0 trials" in notebook.html_of(History(), name="<b>", metric="error")
    assert "<b><b></b>" not in notebook.html_of(History(), name="<b>", metric="error")


FIRST = "first-study.ipynb"
OTHERS = sorted(path.name for path in TUTORIALS.glob("*.ipynb") if path.name != FIRST)


@pytest.mark.long
@pytest.mark.parametrize("file", [FIRST, *OTHERS])
def test_tutorials_run_in_a_kernel(file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ipykernel", reason="there is no kernel: pip install 'tunewise[notebook]'")
    client = pytest.importorskip("nbclient", reason="nbclient is missing: pip install 'tunewise[notebook]'")
    nbformat = pytest.importorskip("nbformat", reason="nbformat is missing: pip install 'tunewise[notebook]'")
    shutil.copytree(TUTORIALS, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("PYTHONPATH", str(SRC))
    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # a kernel that sees it has no standard error, which MCP's SDK needs
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    committed = nbformat.read(TUTORIALS / file, as_version=4)
    book = nbformat.read(tmp_path / file, as_version=4)
    client.NotebookClient(
        book, timeout=PATIENCE_S, resources={"metadata": {"path": str(tmp_path)}}, kernel_name="python3"
    ).execute()
    for before, after in zip(committed.cells, book.cells, strict=True):
        assert shown(before) == shown(after), after.source


def shown(cell: Any) -> list[str]:
    """Which outputs a cell has, what is printed in pieces as one; what a kernel says on standard error aside."""
    outputs = [each for each in cell.get("outputs", ()) if each.get("name") != "stderr"]
    return [kind for kind, _ in groupby(f"{each.output_type} {sorted(each.get('data', ()))}" for each in outputs)]
