"""An accessibility audit of every page that tunewise shows: nothing that axe calls serious or critical."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import optuna
import pytest
from axe_playwright_python.sync_playwright import Axe

from support.browser_visits import DESK, PATIENCE_S, PHONE, Open, Visit
from support.programs import RIDGE
from support.talks import said, talk
from support.talks import study as svc
from support.whole_paths import command
from tunewise import attributes
from tunewise.assistant.subject import Subject
from tunewise.optuna_private import storage_of
from tunewise.report import compare, report
from tunewise.study.storage import open_storage
from tunewise.testing.studies import sample_study

SIZES = pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
GRAVE = ("serious", "critical")
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def findings(tab: Visit) -> list[str]:
    """What axe objects to in the page as it stands, an element a line.

    What is drawn inside a figure is left out: a figure is a picture, which has its name and its caption.
    """
    tab.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    violations: list[dict[str, Any]] = Axe().run(tab.page, {"exclude": [[".main-svg"]]}).response["violations"]
    return [
        f"{one['impact']} {one['id']} {node['html'][:200]} {node['failureSummary']}"
        for one in violations
        for node in one["nodes"]
    ]


def discussed() -> optuna.Study:
    """A study with learning curves, failures, programs, and a conversation."""
    study = svc()
    for number, objection in ((1, ""), (2, "It imports what is not allowed.")):
        program = {"number": number, "kind": "draft", "code": RIDGE, "reason": "Simple first.", "objection": objection}
        study.set_user_attr(f"{attributes.PROGRAM}{number}", program)
    said(talk(["Trial 1 is best [trial 1]."], Subject(study))[0], "Which is best?")
    return study


def several() -> optuna.Study:
    """Two objectives, and a constraint that some trials violate."""
    study = optuna.create_study(
        study_name="two objectives",
        directions=["minimize", "maximize"],
        sampler=optuna.samplers.RandomSampler(seed=1),
    )
    study.set_metric_names(["error", "speed"])

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        width = trial.suggest_float("width", 0.1, 10)
        trial.set_constraint("memory", width - 8)
        return width, width + trial.suggest_float("bias", 0, 5)

    study.optimize(objective, n_trials=25)
    return study


PAGES: Mapping[str, Callable[[], str]] = {
    "auto": lambda: report(sample_study(60, seed=5), address="letters.yaml"),
    "programs": lambda: report(discussed()),
    "objectives": lambda: report(several()),
    "empty": lambda: report(optuna.create_study(study_name="empty")),
    "compared": lambda: compare([svc(), svc(name="other")]),
}


@SIZES
@pytest.mark.parametrize("kind", PAGES)
def test_a_report_has_no_finding(kind: str, size: tuple[int, int], visit: Open, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(PAGES[kind](), "utf-8")
    tab = visit(file, size=size)
    tab.scroll_through()
    for scheme in SCHEMES:
        tab.page.emulate_media(color_scheme=scheme)
        assert findings(tab) == [], scheme


@pytest.fixture(scope="module")
def study() -> optuna.Study:
    """A study with everything in it."""
    return sample_study(30, seed=5)


@pytest.fixture(scope="module")
def dashboard(study: optuna.Study, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address in the dashboard."""
    journal = tmp_path_factory.mktemp("dashboard") / "study.journal"
    optuna.copy_study(
        from_study_name=study.study_name, from_storage=storage_of(study), to_storage=open_storage(journal)
    )
    words, environment = command("dashboard", journal, "--port", "0", "--no-open")
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.kill()


@SIZES
@pytest.mark.parametrize(
    ("place", "shown"),
    [
        ("/../..", "letters"),
        ("", "Study Artifacts"),
        ("/analytics", "Slice"),
        ("/trials?numbers=2", "Proposed by"),
        ("/trials?numbers={failed}", "CUDA out of memory"),
        ("/note", "who proposed what"),
    ],
)
def test_a_page_of_the_dashboard_has_no_grave_finding(
    place: str, shown: str, size: tuple[int, int], study: optuna.Study, dashboard: str, visit: Open
) -> None:
    failed = next(trial.number for trial in study.trials if trial.state.name == "FAIL")
    tab = visit(dashboard + place.format(failed=failed), size=size)
    tab.page.get_by_text(shown).first.wait_for()
    for scheme in SCHEMES:
        tab.page.emulate_media(color_scheme=scheme)
        ends = time.monotonic() + PATIENCE_S
        while grave := [said for said in findings(tab) if said.startswith(GRAVE)]:
            assert time.monotonic() < ends, (scheme, grave)  # what React draws is completed a moment later


def test_the_dashboard_shows_no_button_that_is_refused(dashboard: str, visit: Open) -> None:
    tab = visit(dashboard)
    tab.page.get_by_text("Study Artifacts").wait_for()
    assert tab.page.get_by_label("download artifact").is_visible()
    for name in ("delete artifact", "Upload a New File"):
        assert not tab.page.get_by_label(name).or_(tab.page.get_by_text(name)).first.is_visible()
    tab.page.goto(dashboard.partition("/studies/")[0])
    tab.page.get_by_text("letters").first.wait_for()
    for name in ("rename study", "delete study", "Create"):
        hidden = tab.page.get_by_label(name).or_(tab.page.get_by_text(name, exact=True))
        assert hidden.count() == 1, "optuna-dashboard calls it otherwise now"
        assert not hidden.is_visible()
