"""optuna-dashboard as a person meets it through tunewise: notes are there as text, the report opens from its link."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest

from support.browser_visits import Open, Picture
from support.whole_paths import start
from tunewise import attributes
from tunewise.study.storage import open_storage

EVIL = (
    '<img src=x onerror=alert(1)><script>alert(2)</script> [link](javascript:alert(3)) <a href="javascript:alert(4)">'
)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[str]:
    """The address of the page of a study whose words are hostile."""
    journal = tmp_path / "study.journal"
    study = optuna.create_study(study_name=f"toy {EVIL}", storage=open_storage(journal))

    def objective(trial: optuna.Trial) -> float:
        trial.set_user_attr(attributes.PROPOSAL, {"source": "model", "reason": f"because {EVIL}"})
        return trial.suggest_float("x", 0, 1)

    study.optimize(objective, n_trials=6)
    process: subprocess.Popen[str] = start("dashboard", journal, "--port", "0", "--no-open")
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.kill()
    process.communicate()


def test_a_trial_shows_its_note_and_the_link_opens_the_report(page: str, visit: Open, picture: Picture) -> None:
    tab = visit(f"{page}/trials?numbers=2")
    tab.page.get_by_text("Proposed by model", exact=True).wait_for()
    assert tab.page.get_by_text("because <img src=x onerror=alert(1)>").count() >= 1
    assert tab.page.locator("img[src=x], a[href^=javascript]").count() == 0
    picture(tab.page, "dashboard-trial", whole=False)
    tab.page.goto(f"{page}/note")
    tab.page.get_by_role("link", name="Report").click()
    tab.page.get_by_text("tunewise report", exact=True).wait_for()
    tab.scroll_through()
    root = page.partition("/dashboard/")[0]
    assert [url for url in tab.requests if not url.startswith((root, "data:", "blob:"))] == []
    assert [said for said in tab.complaints if "alert" in said or "dialog" in said] == []
