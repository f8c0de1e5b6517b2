"""Everything at once, small: every method, a simulated model behind a real server, the report."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from support.whole_paths import InProcess, assert_paragraph, run
from tunewise.bench.records import read_runs
from tunewise.bench.report import write_report
from tunewise.bench.suites import suites
from tunewise.testing.server import FaultServer, answers
from tunewise.testing.simulated import rambler

METHODS = "random,default+random,tpe,default+tpe-4,cmaes,default+gp,gp,compressed,chat+reasoning,llm-then-bo,auto"
FEW = "random,tpe,default+gp,compressed,auto"
SHORT = ("branin", "svm:credit-g")


def fill(records: Path, problems: Sequence[str], methods: str, seeds: int) -> None:
    """Let methods run on some problems, and check what they wrote."""
    with FaultServer(then=answers(rambler(seed=1))) as server:
        words = ["--methods", methods, "--model", "simulated", "--base-url", server.base_url, "--records", records]
        size = ["--budget", "12", "--seeds", seeds, "--pool", 40, "--jobs", 2]
        ran = run("bench", "run", ",".join(problems), *words, *size, OPENAI_API_KEY="none")
        asked = len(server.received)
    assert ran.code == 0, ran
    runs = read_runs([records])
    assert len({key.problem for key in runs}) == len(problems)
    assert {(key.method, len(run.steps)) for key, run in runs.items() if key.method != "random"} == {
        (method, 12) for method in methods.split(",")[1:]
    }
    asking = {key: run for key, run in runs.items() if key.model}
    assert sum(step.calls for run in asking.values() for step in run.steps) == asked > 0
    sources = Counter(step.source for run in asking.values() for step in run.steps)
    assert sources["model"] > 0
    assert sources["surrogate"] > 0
    assert all(step.fallback for run in asking.values() for step in run.steps if step.source == "random")


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the runs of a few methods on a few problems."""
    file = tmp_path_factory.mktemp("smoke") / "smoke.jsonl"
    fill(file, SHORT, FEW, seeds=1)
    return file


@pytest.mark.long
def test_the_whole_smoke_suite(tmp_path: Path, cli: InProcess) -> None:
    fill(tmp_path / "smoke.jsonl", suites()["smoke"], METHODS, seeds=1)
    assert cli("bench", "report", tmp_path / "smoke.jsonl", "-o", tmp_path / "report").code == 0


@pytest.mark.long
def test_the_report_is_whole(records: Path, tmp_path: Path, cli: InProcess) -> None:
    folder = tmp_path / "report"
    wrote = cli("bench", "report", records, "-o", folder)
    assert wrote.code == 0, wrote
    text = (folder / "report.md").read_text()
    for target in re.findall(r"\]\(([^)]+)\)", text):
        assert (folder / target).stat().st_size > 100
    for line in ("GPT-4 Turbo, reasoning", "81.25 %", "| default+gp |", "## Landscapes", "Tokens, money"):
        assert line in text
    figures = sorted(path.name for path in (folder / "figures").glob("*.png"))
    assert [name for name in figures if name.startswith("landscape-")] == [
        "landscape-branin.png",
    ]
    assert len([name for name in figures if name.startswith("task-")]) == len(SHORT)
    task = (folder / "tasks/svm-credit-g.md").read_text()
    assert "what it said" in task
    page = (folder / "index.html").read_text()
    assert "<script" not in page
    assert not re.findall(r"(?:src|href)=\"(?!data:|#)", page)
    assert page.count("<figure>") == len(figures)


@pytest.mark.long
def test_the_short_report_holds_the_main_part_alone(records: Path, tmp_path: Path) -> None:
    assert write_report([records], tmp_path / "classical.md") == [tmp_path / "classical.md"]
    text = (tmp_path / "classical.md").read_text()
    assert "## Each task" not in text
    assert "classical/regret-tasks.svg" in text
    assert (tmp_path / "classical/regret-tasks.svg").exists()
    assert not list((tmp_path / "classical").glob("task-*"))


@pytest.mark.long
def test_a_report_is_the_same_each_time(records: Path, tmp_path: Path) -> None:
    write_report([records], tmp_path / "a.md")
    first = {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()}
    write_report([records], tmp_path / "a.md")
    assert {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()} == first


def test_what_a_report_cannot_be_made_of_is_said(records: Path, tmp_path: Path, cli: InProcess) -> None:
    assert_paragraph(cli("bench", "report", tmp_path / "none.jsonl"), 2, "cannot be read", "none.jsonl")
    (tmp_path / "empty").touch()
    assert_paragraph(cli("bench", "report", tmp_path / "empty"), 2, "holds no whole run")
    without = [line for line in records.read_text().splitlines() if '"method":"random"' not in line]
    (tmp_path / "poor").write_text("\n".join(without) + "\n")
    assert_paragraph(cli("bench", "report", tmp_path / "poor", "-o", tmp_path / "r"), 2, "no random configurations")
    (tmp_path / "file").touch()
    ran = cli("bench", "report", records, "-o", tmp_path / "file")
    assert_paragraph(ran, 2, "cannot be written")
    (tmp_path / "README.md").write_text("# Something else\n")
    ran = cli("bench", "report", records, "-o", tmp_path / "README.md")
    assert_paragraph(ran, 2, "is not overwritten")


def test_a_reason_cannot_break_the_page(records: Path, tmp_path: Path) -> None:
    hostile = {"reason": "<img src=x onerror=alert(1)> | [a](b) `c`\u0007"}
    steps = [json.loads(line) for line in records.read_text().splitlines()]
    one = [json.dumps(step | hostile) for step in steps if step["problem"] == "svm:credit-g"]
    (tmp_path / "h.jsonl").write_text("\n".join(one) + "\n")
    write_report([tmp_path / "h.jsonl"], tmp_path / "r")
    page = (tmp_path / "r/index.html").read_text()
    assert "<img src=x" not in page
    assert "&lt;img src=x" in page
    task = (tmp_path / "r/tasks/svm-credit-g.md").read_text()
    assert "<img" not in task
    assert "\\[a](b)" in task
    assert not re.search(r"(?<!\\)\[a\]", task)
