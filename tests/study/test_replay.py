"""A recorded study replays bit for bit without a network; anything that differs is said."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml

from support.whole_paths import Answers, InProcess, assert_paragraph, nth, write_study
from tunewise import attributes
from tunewise.study.storage import open_study
from tunewise.testing.server import FaultServer, not_json, refusal, status

OBJECTIVE = """
def objective(configuration):
    if configuration["n"] == 3:
        raise ValueError("three is too few")
    return {"value": configuration["C"] ** 2, "n": configuration["n"]}
"""


def trials_of(path: Path) -> list[dict[str, Any]]:
    """All that is stored about the trials, apart from when and how long the objective ran."""
    return [
        {
            "number": trial.number,
            "state": trial.state.name,
            "params": trial.params,
            "values": trial.values,
            "proposal": trial.user_attrs[attributes.PROPOSAL],
            "result": {k: v for k, v in trial.user_attrs["tunewise:result"].items() if k != "seconds"},
            "calls": {k: timeless(v) for k, v in trial.system_attrs.items() if k.startswith(attributes.CALL)},
        }
        for trial in open_study(path).get_trials()
    ]


def timeless(call: dict[str, Any]) -> dict[str, Any]:
    """A call; of one that failed, a cassette does not hold how long it took."""
    return {**call, "seconds": "any"} if call["error"] else call


@pytest.fixture
def recorded(tmp_path: Path, cli: InProcess, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a study that was recorded, with faults, and whose server is gone."""
    monkeypatch.setattr("openai._base_client.INITIAL_RETRY_DELAY", 0.01)
    say = Answers()
    good = [say(json.dumps(nth(k)) + " \N{GREEK SMALL LETTER GAMMA} and \x1b[31m red") for k in range(6)]
    unavailable = [status(503, retry_after=0.01)] * 5
    plan = [good[0], say("no idea"), good[1], good[2], *unavailable, not_json(), refusal(), good[3], good[4], good[5]]
    with FaultServer(plan) as server:
        price = {"input_usd_per_million": 2.5, "output_usd_per_million": 10}
        file = write_study(
            tmp_path,
            objective=OBJECTIVE,
            n_trials=8,
            model={"name": "recorded", "base_url": server.base_url, "price": price},
            task={"metric": "squared C"},
        )
        ran = cli("tune", file, "-q", "--record", tmp_path / "run.cassette")
        assert ran.code == 0, ran
        assert len(server.received) == len(plan)
    (tmp_path / "study.journal").rename(tmp_path / "recorded.journal")
    return file


@pytest.fixture
def offline(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The recorded study where whoever opens a connection fails."""

    def forbidden(*_: object) -> None:
        raise AssertionError("the network is out of bounds")

    monkeypatch.setattr(socket.socket, "connect", forbidden)
    monkeypatch.setattr(socket.socket, "connect_ex", forbidden)
    monkeypatch.setattr(socket, "getaddrinfo", forbidden)
    return recorded


def test_a_replay_is_the_recorded_study(offline: Path, cli: InProcess) -> None:
    folder = offline.parent
    ran = cli("tune", offline, "-q", "--replay", folder / "run.cassette")
    assert ran.code == 0, ran
    before, after = trials_of(folder / "recorded.journal"), trials_of(folder / "study.journal")
    assert after == before
    assert [t["number"] for t in after] == list(range(8))
    sources = [t["proposal"]["source"] for t in after]
    assert sources == ["model", "model", "model", "random", "random", "model", "model", "model"]
    assert [t["state"] for t in after].count("FAIL") == 1
    calls = [call for trial in after for call in trial["calls"].values()]
    assert len(calls) == 10
    assert sum(call["cost_usd"] or 0 for call in calls) > 0
    assert all(call["seconds"] > 0 and call["input_tokens"] == 40 for call in calls if not call["error"])
    again = cli("tune", offline, "-q", "--replay", folder / "run.cassette")
    assert again.code == 0  # there is nothing left to do


def test_an_interrupted_replay_goes_on(offline: Path, cli: InProcess) -> None:
    folder = offline.parent
    for calls in (1, 4, 6, 9):
        ended = cli("tune", offline, "-q", "--replay", folder / "run.cassette", "--max-calls", calls)
        assert_paragraph(ended, 3, f"max_calls = {calls}")
    assert cli("tune", offline, "-q", "--replay", folder / "run.cassette").code == 0
    before, after = trials_of(folder / "recorded.journal"), trials_of(folder / "study.journal")
    assert [t["params"] for t in after] == [t["params"] for t in before]


@pytest.mark.parametrize(
    ("part", "value", "word"),
    [
        ("task", {"metric": "cubed C"}, "cubed C"),
        ("n_trials", 9, "There are 9"),
        ("seed", 4, "seed was 0 when it was recorded, and is 4"),
        ("proposer", "chat", "messages was 2 long"),
        ("reasoning", True, "was"),
    ],
)
def test_a_changed_study_is_not_replayed(part: str, value: object, word: str, offline: Path, cli: InProcess) -> None:
    changed = yaml.safe_load(offline.read_text()) | {part: value}
    offline.write_text(yaml.safe_dump(changed, sort_keys=False))
    cassette = offline.parent / "run.cassette"
    ended = cli("tune", offline, "-q", "--replay", cassette)
    first = "Call 2" if part == "proposer" else "Call 1"  # without a history the two prompts are the same
    assert_paragraph(ended, 4, f"{first} is not in the cassette", word, "record again")


def test_a_changed_objective_is_not_replayed_to_the_end(offline: Path, cli: InProcess) -> None:
    source = offline.parent / "changed.py"
    source.write_text(OBJECTIVE.replace("** 2", "* 2"))
    changed = yaml.safe_load(offline.read_text()) | {"evaluate": {"python": "changed.py:objective"}}
    offline.write_text(yaml.safe_dump(changed, sort_keys=False))
    ended = cli("tune", offline, "-q", "--replay", offline.parent / "run.cassette")
    assert_paragraph(ended, 4, "Call 2 is not in the cassette", "4.0000e-04", "4.0000e-02")
    kept = open_study(offline.parent / "study.journal").get_trials()
    assert [t.state for t in kept] == [optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.WAITING]


def test_cassettes_that_cannot_be_used(tmp_path: Path, cli: InProcess) -> None:
    file = write_study(tmp_path, objective=OBJECTIVE, proposer="compressed", model="embedded")
    cassette = tmp_path / "x.cassette"
    assert_paragraph(cli("tune", file, "--record", cassette, "--replay", cassette), 2, "exclude each other")
    assert not cassette.exists()
    assert_paragraph(cli("tune", file, "--replay", cassette), 2, "x.cassette", "cannot be read")
    cassette.write_text("{}\n")
    assert_paragraph(cli("tune", file, "--replay", cassette), 2, "Line 1", "x.cassette")
    assert_paragraph(cli("tune", file, "--record", tmp_path / "no" / "x.cassette"), 2, "cannot be written")
    assert not (tmp_path / "study.journal").exists()
