"""The report as a person meets it: opened from a file, without a network, on a desk and on a phone, day and night."""

from __future__ import annotations

import math
import time
from pathlib import Path

import optuna
import pytest

from support.browser_visits import PHONE, Open, Picture, Visit
from tunewise import attributes
from tunewise.report import report
from tunewise.testing.studies import sample_study

FIGURES = {
    *("progress", "effects", "parallel", "curves", "added", "credit", "spending"),
    *(f"surrogate-{k}{what}" for k in range(3) for what in ("", "-doubt")),
    *(f"slice-{k}" for k in range(5)),
}
EVIL = '</script><script>alert(1)</script><img src=x onerror=alert(2)><a href="javascript:alert(3)">\u202e'


@pytest.fixture(scope="module")
def study() -> optuna.Study:
    """Sixty trials, enough for everything that a report can show."""
    return sample_study(60, seed=5)


@pytest.fixture(scope="module")
def page_file(study: optuna.Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its report, made in time and small enough."""
    began = time.process_time()
    text = report(study, address="letters.yaml")
    assert time.process_time() - began < 5
    assert len(text.encode()) < 6_000_000
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(text, "utf-8")
    return file


def drawn(visit: Visit) -> dict[str, int]:
    """Marks in each figure."""
    visit.scroll_through()
    marks = ".point, .heatmaplayer image, .js-line, .contourlayer path, path.trace-line"
    counted: dict[str, int] = visit.page.evaluate(
        "marks => Object.fromEntries([...document.querySelectorAll('[data-plot]')]"
        ".map(p => [p.dataset.plot, p.querySelectorAll(marks).length]))",
        marks,
    )
    return counted


def assert_quiet(visit: Visit) -> None:
    """No complaint, and nothing loaded but the file."""
    assert visit.complaints == []
    assert [url for url in visit.requests if not url.startswith(("file:", "data:", "blob:"))] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_figure_is_drawn_and_nothing_is_asked_for(
    page_file: Path, visit: Open, picture: Picture, scheme: str
) -> None:
    tab = visit(page_file, scheme=scheme)
    marks = drawn(tab)
    assert set(marks) == FIGURES
    assert all(marks.values()), marks
    background = tab.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, background[4:-1].split(","))) < 150) == (scheme == "dark"), background
    picture(tab.page, f"desk-{scheme}")
    assert_quiet(tab)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_without_scrolling_sideways(
    page_file: Path, visit: Open, picture: Picture, scheme: str
) -> None:
    tab = visit(page_file, size=PHONE, scheme=scheme)
    assert all(drawn(tab).values())
    for _ in range(2):
        widest = tab.page.evaluate("Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)")
        assert widest <= PHONE[0]
        for summary in tab.page.locator("summary").all()[:3]:
            summary.click()
    picture(tab.page, f"phone-{scheme}")
    assert_quiet(tab)


def cells(tab: Visit, column: int) -> list[str]:
    """A column of the visible rows of the table."""
    shown: list[str] = tab.page.evaluate(
        "column => [...document.querySelectorAll('#table tbody tr')].filter(row => !row.hidden)"
        ".map(row => row.cells[column].textContent.trim())",
        column,
    )
    return shown


def test_rows_sort_by_click_and_by_key(page_file: Path, study: optuna.Study, visit: Open) -> None:
    tab = visit(page_file)
    heads = tab.page.locator("#table thead button")
    assert cells(tab, 0) == [str(t.number) for t in study.trials]
    heads.nth(2).click()
    values = [float(text) for text in cells(tab, 2) if text[0].isdigit()]
    finished = sorted(t.value for t in study.trials if t.state.name == "COMPLETE" and t.value is not None)
    assert values == pytest.approx(finished, rel=1e-5)
    assert not any(text[0].isdigit() for text in cells(tab, 2)[len(values) :]), "what has no value stands last"
    heads.nth(2).focus()
    tab.page.keyboard.press("Enter")
    assert [float(text) for text in cells(tab, 2)[: len(values)]] == pytest.approx(finished[::-1], rel=1e-5)
    assert not any(text[0].isdigit() for text in cells(tab, 2)[len(values) :])
    assert tab.page.locator("#table th[aria-sort]").count() == 1
    heads.nth(1).click()
    sources = [text.split()[-1] for text in cells(tab, 1)]
    assert sources == sorted(sources)
    assert_quiet(tab)


def test_rows_are_filtered_by_text_and_source(page_file: Path, study: optuna.Study, visit: Open) -> None:
    tab = visit(page_file)
    tab.page.fill("#filter", "OUT OF memory")
    assert set(cells(tab, 2)) == {"failed"}
    assert tab.page.text_content("#count") == f"{len(cells(tab, 0))} of {len(study.trials)} trials"
    tab.page.fill("#filter", "")
    tab.page.select_option("#source", "model")
    assert len(cells(tab, 1)) >= 2
    assert all(text.endswith("model") for text in cells(tab, 1))
    tab.page.select_option("#source", "")
    assert tab.page.text_content("#count") == f"{len(study.trials)} trials"


def test_the_theme_changes_by_its_button_and_the_figures_with_it(page_file: Path, visit: Open) -> None:
    tab = visit(page_file)
    tab.scroll_through()
    ink = "document.querySelector('[data-plot=progress]').layout.font.color"
    before = tab.page.evaluate(ink)
    tab.page.click("#theme")
    tab.until(f"{ink} !== '{before}'")
    assert tab.page.text_content("#theme") == "Light"
    assert_quiet(tab)


def test_the_tab_key_reaches_table_and_tools(page_file: Path, visit: Open) -> None:
    tab = visit(page_file)
    reached = set()
    for _ in range(60):
        tab.page.keyboard.press("Tab")
        reached.add(tab.page.evaluate("document.activeElement.id || document.activeElement.className"))
    assert {"skip", "theme", "filter", "source", "scroll"} <= reached


def test_a_hostile_study_shows_as_text(visit: Open, picture: Picture, tmp_path: Path) -> None:
    hostile = optuna.create_study(study_name=f"name {EVIL}")

    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float(f"x {EVIL}", 0, 1)
        trial.suggest_categorical("kind", [f"a {EVIL}", "b"])
        trial.set_user_attr(attributes.PROPOSAL, {"source": f"model {EVIL}", "reason": f"because {EVIL}"})
        trial.report(x, 0)
        return (x, math.inf, math.nan, -x)[trial.number % 4]

    hostile.optimize(objective, n_trials=12)
    file = tmp_path / "hostile.html"
    file.write_text(report(hostile), "utf-8")
    tab = visit(file)
    assert all(drawn(tab).values())
    assert tab.page.locator("img, a[href^=javascript]").count() == 0
    assert tab.page.evaluate("document.querySelectorAll('.plot a').length") == 0
    picture(tab.page, "hostile")
    assert_quiet(tab)


def two_objectives() -> optuna.Study:
    """Fast and good contradict each other."""
    study = optuna.create_study(study_name="two objectives", directions=["minimize", "maximize"])
    study.set_metric_names(["error", "speed"])
    study.sampler = optuna.samplers.RandomSampler(seed=1)
    study.optimize(lambda t: (w := t.suggest_float("w", 0.1, 10), w + t.suggest_float("b", 0, 5)), n_trials=25)
    return study


@pytest.mark.parametrize("kind", ["no trial", "one trial", "only failures", "two objectives"])
def test_a_strange_study_opens(kind: str, visit: Open, picture: Picture, tmp_path: Path) -> None:
    study = two_objectives() if kind == "two objectives" else optuna.create_study(study_name=kind)
    if kind == "one trial":
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    if kind == "only failures":
        study.optimize(lambda trial: 1 / (trial.suggest_int("x", 0, 9) * 0), n_trials=5, catch=ZeroDivisionError)
    file = tmp_path / "strange.html"
    file.write_text(report(study), "utf-8")
    tab = visit(file, size=PHONE)
    assert all(drawn(tab).values())
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    if kind == "two objectives":
        assert {"front", "contour"} <= set(drawn(tab))
    picture(tab.page, kind.replace(" ", "-"))
    assert_quiet(tab)
