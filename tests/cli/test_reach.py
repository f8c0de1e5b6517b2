"""A server that is not there, or refuses the key, is found before anything was trained."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from support.whole_paths import InProcess, answering, assert_paragraph, write_study
from tunewise.errors import ModelUnavailable, ModelUnusable
from tunewise.llm.base import ChatRequest, Message
from tunewise.llm.cassette import RecordingModel
from tunewise.llm.openai import OpenAIModel
from tunewise.llm.resolve import reach
from tunewise.testing.exchange import Exchange, error_body
from tunewise.testing.server import FaultServer

TRAINED = "from pathlib import Path\ndef objective(c):\n    Path('trained').touch()\n    return c['C']\n"


@pytest.fixture
def nobody() -> str:
    """An address at which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{one.getsockname()[1]}/v1"


def listing(monkeypatch: pytest.MonkeyPatch, code: int, words: str) -> None:
    """Have servers answer so when they are asked for their models."""
    monkeypatch.setattr(Exchange, "do_GET", lambda self: self.send(code, error_body(words)))


@pytest.mark.parametrize("proposer", ["auto", "compressed"])
def test_a_server_that_is_not_there_is_found_before_the_first_trial(
    proposer: str, nobody: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: InProcess
) -> None:
    monkeypatch.chdir(tmp_path)
    file = write_study(tmp_path, objective=TRAINED, proposer=proposer)
    ended = cli("tune", file, "--model", "m", "--base-url", nobody)
    assert_paragraph(ended, 4, f"No server can be reached at {nobody}", "correct --base-url")
    assert ("Or leave out --model to go on without one." in ended.err) == (proposer == "auto")
    assert not Path("trained").exists()
    assert "trials" not in ended.out  # nothing has come of it yet
    named = write_study(tmp_path, objective=TRAINED, proposer="auto", model={"name": "m", "base_url": nobody})
    assert f"Or leave out model in {named}" in cli("tune", named).err


@pytest.mark.parametrize(("command", "words"), [("tune", "Or leave out --model"), ("bench", "--api-key-env")])
def test_a_key_that_is_refused_is_found_before_the_first_trial(
    command: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: InProcess
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody-else")
    file = write_study(tmp_path, objective=TRAINED, proposer="auto")
    with FaultServer(api_key="sk-right-key-of-mine") as server:
        named = ["--model", "m", "--base-url", server.base_url]
        bench: list[Any] = ["run", "branin", "--methods", "auto", "--budget", "2", "--records", "r.jsonl"]
        ended = cli(command, *([file] if command == "tune" else bench), *named)
        assert not server.received
    assert_paragraph(ended, 4, "refused the key", "OPENAI_API_KEY", words)
    assert "sk-of-somebody-else" not in ended.err
    assert not Path("trained").exists()


@pytest.mark.parametrize(
    ("code", "words"),
    [(404, "no such route"), (405, "no"), (500, "broken"), (403, "Missing scopes: api.model.read"), (429, "slow down")],
)
def test_a_server_that_lists_no_models_is_reached_all_the_same(
    code: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: InProcess
) -> None:
    listing(monkeypatch, code, words)
    file = write_study(tmp_path, objective=TRAINED, n_trials=2)
    monkeypatch.chdir(tmp_path)
    with FaultServer(then=answering()) as server:
        assert cli("tune", file, "-q", "--model", f"lists-{code}", "--base-url", server.base_url).code == 0


def test_a_study_that_is_complete_needs_no_server(nobody: str, tmp_path: Path, cli: InProcess) -> None:
    file = write_study(tmp_path, objective=TRAINED, n_trials=2)
    with FaultServer(then=answering()) as server:
        assert cli("tune", file, "-q", "--model", "m", "--base-url", server.base_url).code == 0
    assert cli("tune", file, "-q", "--model", "m", "--base-url", nobody).code == 0


def test_a_server_that_was_reached_and_is_gone_later_may_come_back(tmp_path: Path) -> None:
    with FaultServer() as server:
        model = OpenAIModel("m", base_url=server.base_url, max_retries=0)
        reach(RecordingModel(model, tmp_path / "a.cassette"))
    with pytest.raises(ModelUnavailable):
        model.complete(ChatRequest(messages=(Message("user", "?"),)))
    with pytest.raises(ModelUnusable, match="No server can be reached"):
        reach(model)
