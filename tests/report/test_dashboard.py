"""`tunewise dashboard` as a process: what it serves, what it refuses, and what it leaves behind, which is nothing."""

from __future__ import annotations

import json
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import create_trial

from support.dashboard import fetch, served
from support.waiting import PATIENCE_S, until, written
from support.whole_paths import InProcess, assert_paragraph, start
from tunewise import attributes
from tunewise.record import Decision, Expected, Proposal
from tunewise.study.storage import open_storage

EVIL = "<img src=x onerror=alert(1)> [link](javascript:alert(2)) sk-abcdefghijklmnopqrstuvwx12"


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A study with a model's trial, a failure, a damaged trial, and a note of a person's."""
    file = tmp_path / "study.journal"
    study = optuna.create_study(study_name=f"toy {EVIL}", storage=open_storage(file))
    study.add_trial(
        create_trial(value=1.0, user_attrs={attributes.PROPOSAL: {"source": "model", "reason": f"warm {EVIL}"}})
    )
    failed = {
        attributes.PROPOSAL: {"source": "random", "fallback": "no reply"},
        attributes.RESULT: {"error": "out of memory"},
    }
    study.add_trial(create_trial(state=optuna.trial.TrialState.FAIL, user_attrs=failed))
    study.add_trial(create_trial(value=2.0, user_attrs={attributes.PROPOSAL: ["no mapping"]}))
    study.add_trial(create_trial(value=3.0, user_attrs={attributes.PROPOSAL: {"source": "default"}}))
    trial = study.get_trials()[3]._trial_id
    study._storage.set_study_system_attr(study._study_id, f"dashboard:{trial}:note_ver", 4)
    study._storage.set_study_system_attr(study._study_id, f"dashboard:{trial}:note_str:0", "my own words")
    return file


@pytest.mark.long
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


@pytest.mark.long
def test_attributes_are_told_in_words_and_the_metric_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "study.journal"
    study = optuna.create_study(storage=open_storage(file))
    study.set_user_attr(attributes.STUDY, {"task": {"metric": "test error", "model": "SVC"}, "space": {}})
    decision = Decision(credit=0.5, expected=Expected(mean=0.2, std=0.1))
    proposal = Proposal(source="model", reason="because", decision=decision)
    study.add_trial(create_trial(value=1.0, user_attrs={attributes.PROPOSAL: proposal.to_dict(), "mine": 3}))
    with served(file) as page:
        detail = json.loads(fetch(page.replace("/dashboard/", "/api/"))[1])
    shown = {attr["key"]: attr["value"] for attr in detail["trials"][0]["user_attrs"]}
    assert shown == {
        "proposed by": "model",
        "reason": "because",
        "credit of the model": "50%",
        "the surrogate expected here": "0.2 +/- 0.1",
        "mine": "3",
    }
    assert detail["objective_names"] == ["test error"]
    assert {attr["key"] for attr in detail["user_attrs"]} == {"task: metric", "task: model"}


@pytest.mark.long
def test_a_trial_that_comes_later_has_its_note(journal: Path) -> None:
    with served(journal) as page:
        root, _, path = page.partition("/dashboard/")
        assert len(json.loads(fetch(f"{root}/api/{path}")[1])["trials"]) == 4
        study = optuna.load_study(study_name=None, storage=open_storage(journal))
        study.ask().set_user_attr(attributes.PROPOSAL, {"source": "repair", "repairs": ["x was 2"]})
        until(lambda: len(json.loads(fetch(f"{root}/api/{path}")[1])["trials"]) == 5)
        trials = json.loads(fetch(f"{root}/api/{path}")[1])["trials"]
        assert trials[4]["note"]["body"] == "Proposed by **repair**\n\nrepaired: x was 2"


def test_secrets_reach_no_answer_of_the_dashboard(tmp_path: Path) -> None:
    known, named, address = "sk-abcdefghijklmnopqrstuvwx12", "hunter2-hunter2", "postgresql://me:s3cretpass@db/x"
    planted = f"correct-horse {known} {address}"
    file = tmp_path / "study.journal"
    study = optuna.create_study(study_name=f"toy {planted}", storage=open_storage(file))
    attrs = {"words": planted, "deep": [{planted: planted}], "api_key": named, "loss": 0.5, "options": {"token": named}}
    for key, value in attrs.items():
        study.set_user_attr(key, value)
    study._storage.set_study_system_attr(study._study_id, "dashboard:note_ver", 1)
    study._storage.set_study_system_attr(study._study_id, "dashboard:note_str:0", planted)
    study.set_metric_names([planted])
    space = {
        "kind": optuna.distributions.CategoricalDistribution([planted, "b", None]),
        planted: optuna.distributions.FloatDistribution(0, 1),
    }
    for number, kind in enumerate((planted, "b", None)):
        params = {"kind": kind, planted: number / 3}
        proposal = {"source": "model", "reason": planted}
        call = {"tunewise:call:0": {"key": "k", "model": "m", "prompt": "the whole prompt", "text": planted}}
        study.add_trial(
            create_trial(
                value=float(number),
                params=params,
                distributions=space,
                user_attrs={**attrs, attributes.PROPOSAL: proposal},
                system_attrs={"fixed_params": params, **call},
            )
        )
    study.enqueue_trial({"kind": planted}, user_attrs=attrs)
    before = file.read_bytes()
    with served(file, MY_PASSWORD="correct-horse") as page:
        root = page.partition("/dashboard/")[0]
        pages = ["api/studies", "api/studies/0", "csv/0", "api/studies/0/param_importances"]
        answers = {path: fetch(f"{root}/{path}") for path in [*pages, "api/studies/0/plot/slice"]}
    assert {status for status, _ in answers.values()} == {200}
    for path, (_, text) in answers.items():
        for secret in ("correct-horse", known, named, "s3cretpass", "the whole prompt"):
            assert secret not in text, (path, secret)
    detail = json.loads(answers["api/studies/0"][1])
    assert detail["name"].startswith("toy *** *** postgresql://***@db/x")
    shown = {attr["key"]: attr["value"] for attr in detail["trials"][1]["user_attrs"]}
    assert (shown["api_key"], shown["options"], shown["loss"]) == ("***", '{"token": "***"}', "0.5")
    kinds = [trial["params"][0]["param_external_value"] for trial in detail["trials"][:3]]
    assert kinds == ["*** *** postgresql://***@db/x", "b", "None"]
    assert file.read_bytes() == before


@pytest.mark.long
def test_the_best_trial_of_the_dashboard_meets_the_constraints(tmp_path: Path) -> None:
    file = tmp_path / "study.journal"
    study = optuna.create_study(storage=open_storage(file))
    for value, limit in ((3.0, -1.0), (1.0, 2.0), (2.0, 0.0)):
        trial = study.ask()
        trial.set_constraint("memory", limit)
        study.tell(trial, value)
    with served(file) as page:
        detail = json.loads(fetch(page.replace("/dashboard/", "/api/"))[1])
    assert [trial["number"] for trial in detail["best_trials"]] == [2]


@pytest.mark.long
def test_other_studies_of_the_storage_are_not_shown(journal: Path) -> None:
    optuna.create_study(study_name="other", storage=open_storage(journal))
    process = start("dashboard", journal, "--study-name", "other", "--port", "0", "--no-open")
    try:
        assert process.stdout is not None
        root, _, _ = process.stdout.readline().partition("/dashboard/")
        listed = json.loads(fetch(f"{root}/api/studies")[1])["study_summaries"]
        assert [study["study_name"] for study in listed] == ["other"]
        for path in ("api/studies/0", "csv/0", "api/studies/0/param_importances"):
            assert fetch(f"{root}/{path}")[0] == 404
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


@pytest.mark.long
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
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert written(log) == page
