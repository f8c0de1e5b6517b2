"""`tunewise dashboard` as a process: what it serves, what it refuses, and what it leaves behind, which is nothing."""

from __future__ import annotations

import json
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import create_trial

from tunewise.history import PROPOSAL_KEY, RESULT_KEY
from tunewise.study.storage import open_storage
from whole_paths import InProcess, assert_paragraph, start

EVIL = "<img src=x onerror=alert(1)> [link](javascript:alert(2)) sk-abcdefghijklmnopqrstuvwx12"


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A study with a model's trial, a failure, a damaged trial, and a note of a person's."""
    file = tmp_path / "study.journal"
    study = optuna.create_study(study_name=f"toy {EVIL}", storage=open_storage(file))
    study.add_trial(create_trial(value=1.0, user_attrs={PROPOSAL_KEY: {"source": "model", "reason": f"warm {EVIL}"}}))
    failed = {PROPOSAL_KEY: {"source": "random", "fallback": "no reply"}, RESULT_KEY: {"error": "out of memory"}}
    study.add_trial(create_trial(state=optuna.trial.TrialState.FAIL, user_attrs=failed))
    study.add_trial(create_trial(value=2.0, user_attrs={PROPOSAL_KEY: ["no mapping"]}))
    study.add_trial(create_trial(value=3.0, user_attrs={PROPOSAL_KEY: {"source": "default"}}))
    trial = study.get_trials()[3]._trial_id
    study._storage.set_study_system_attr(study._study_id, f"dashboard:{trial}:note_ver", 4)
    study._storage.set_study_system_attr(study._study_id, f"dashboard:{trial}:note_str:0", "my own words")
    return file


@contextmanager
def served(journal: Path) -> Iterator[str]:
    """The address of the study's page; Ctrl-C at the end, which must be quiet."""
    process = start("dashboard", journal, "--port", "0", "--no-open")
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
        assert (process.returncode, errors) == (0, "")
    finally:
        process.kill()
        process.communicate()


def fetch(address: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    """Status and text."""
    request = urllib.request.Request(address, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_notes_and_report_are_served_and_nothing_is_written(journal: Path) -> None:
    before = journal.read_bytes()
    with served(journal) as page:
        root, _, path = page.partition("/dashboard/")
        assert root.startswith("http://127.0.0.1:")
        assert "<html" in fetch(page)[1]
        detail: dict[str, Any] = json.loads(fetch(f"{root}/api/{path}")[1])
        notes = [trial["note"]["body"] for trial in detail["trials"]]
        assert notes[0].startswith("Proposed by **model**\n\nreason: warm &lt;img")
        assert "](javascript" not in notes[0].replace("\\]", "")
        assert "sk-abcdef" not in notes[0]
        assert notes[1] == "Proposed by **random**\n\nfallback: no reply\n\nerror: out of memory"
        assert notes[2:] == ["", "my own words"]
        (artifact,) = detail["artifacts"]
        assert f"/artifacts/0/{artifact['artifact_id']}" in detail["note"]["body"]
        status, report = fetch(f"{root}/artifacts/0/{artifact['artifact_id']}")
        assert (status, report[:15]) == (200, "<!doctype html>")
        for method in ("DELETE", "POST", "PUT"):
            assert fetch(f"{root}/api/{path}", method)[0] == 403
        assert fetch(f"{root}/api/studies", Host="evil.example")[0] == 403
        assert fetch(f"{root}/api/studies", Host=f"localhost:{page.split(':')[2].split('/')[0]}")[0] == 200
    assert journal.read_bytes() == before


def test_a_trial_that_comes_later_has_its_note(journal: Path) -> None:
    with served(journal) as page:
        root, _, path = page.partition("/dashboard/")
        assert len(json.loads(fetch(f"{root}/api/{path}")[1])["trials"]) == 4
        study = optuna.load_study(study_name=None, storage=open_storage(journal))
        study.ask().set_user_attr(PROPOSAL_KEY, {"source": "repair", "repairs": ["x was 2"]})
        ends = time.monotonic() + 20
        while len(trials := json.loads(fetch(f"{root}/api/{path}")[1])["trials"]) < 5:
            assert time.monotonic() < ends
            time.sleep(0.2)
        assert trials[4]["note"]["body"] == "Proposed by **repair**\n\nrepaired: x was 2"


def test_other_studies_of_the_storage_are_not_shown(journal: Path) -> None:
    optuna.create_study(study_name="other", storage=open_storage(journal))
    process = start("dashboard", journal, "--study", "other", "--port", "0", "--no-open")
    try:
        assert process.stdout is not None
        root, _, _ = process.stdout.readline().partition("/dashboard/")
        listed = json.loads(fetch(f"{root}/api/studies")[1])["study_summaries"]
        assert [study["study_name"] for study in listed] == ["other"]
    finally:
        process.kill()
        process.communicate()


def test_a_port_that_is_taken(journal: Path, cli: InProcess) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert_paragraph(cli("dashboard", journal, "--no-open", "--port", port), 2, f"port {port}", "--port 0")


def test_without_the_extra_the_way_out_is_said(journal: Path, cli: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna_dashboard", None)
    assert_paragraph(cli("dashboard", journal, "--no-open"), 2, "tunewise[dashboard]", "tunewise report")


def test_a_study_that_does_not_exist(tmp_path: Path, cli: InProcess) -> None:
    assert_paragraph(cli("dashboard", tmp_path / "none.journal", "--no-open"), 2, "does not exist")
    assert not list(tmp_path.iterdir())


def test_a_page_is_opened_unless_forbidden(journal: Path, tmp_path: Path) -> None:
    log = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > "{log}"\n')
    browser.chmod(0o755)
    process = start("dashboard", journal, "--port", "0", BROWSER=f"{browser} %s")
    assert process.stdout is not None
    page = process.stdout.readline().strip()
    fetch(page)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 0
    assert log.read_text() == page
