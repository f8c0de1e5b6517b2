"""Secrets are planted wherever a study can meet one; nothing that the study leaves, shows or serves holds them."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from support.dashboard import fetch, served
from support.whole_paths import InProcess, last_message, nth, write_study
from tunewise.mcp.desk import Desk
from tunewise.mcp.server import make_server
from tunewise.testing.server import Exchange, FaultServer, Received, error_body, reply

KEY, ENV, HEADER, PASSWORD, WEBHOOK, COOKIE = (
    "opaque.Key.of.mine",
    "hunter2-of-the-environment",
    "dXNlcjpwYXNzd29yZC0x",
    "s3cret-of-the-database",
    "T0AAAAAA1/B0BBBBBB2/c0cccccc3",
    "sid-of-my-session",
)
SECRETS = (KEY, ENV, HEADER, PASSWORD, WEBHOOK, COOKIE)
MADE_UP = "sid-that-nobody-has-sent"
"""A reply is kept as it was: what is in it and nobody handed over is masked where it is shown, by its shape."""
SAID = (
    f"connecting to postgresql://me:{PASSWORD}@db/x failed; Authorization: Basic {HEADER}; "
    f"Cookie: sid={COOKIE}; see https://hooks.slack.com/services/{WEBHOOK}"
)
PROGRAM = f"""
import os, sys
print({SAID!r}, file=sys.stderr)
print("environment:", os.environ["WHATEVER"], file=sys.stderr)
if sys.argv[2] in ("2", "5"):
    raise RuntimeError("no access with " + os.environ["WHATEVER"] + "; " + {SAID!r})
print("loss:", sys.argv[2])
"""


def indiscreet(exchange: Exchange, received: Received) -> None:
    """A server that repeats what it was sent, its key and the prompt, in reasons and in errors."""
    turn = len(exchange.fault_server.received)
    sent = f"Cookie: sid={MADE_UP}\nyou sent {received.headers['authorization']} and {last_message(received)[-2000:]}"
    if turn == 4:
        exchange.send(400, error_body(sent))
    elif turn == 3:
        reply(f"No JSON, but {sent}")(exchange, received)
    else:
        reply(json.dumps({"reason": sent, "configuration": nth(turn), "note": sent}))(exchange, received)


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A study file whose model and program know all of them."""
    monkeypatch.setenv("ODD_NAME", KEY)
    (tmp_path / "train.py").write_text(PROGRAM)
    with FaultServer(then=indiscreet) as server:
        address = server.base_url.replace("://", f"://me:{PASSWORD}@")
        yield write_study(
            tmp_path,
            evaluate={"command": "python train.py {C} {n}", "env": {"WHATEVER": ENV}, "metric": "loss"},
            model={"name": "m", "base_url": address, "api_key_env": "ODD_NAME"},
            task={"facts": [f"the table lies behind postgresql://me:{PASSWORD}@db/x"]},
            n_trials=6,
        )


def assert_none(text: str, where: str, *, kept: bool = False) -> None:
    assert [secret for secret in (*SECRETS, *([] if kept else [MADE_UP])) if secret in text] == [], where


def test_no_secret_is_left_shown_or_served(study: Path, cli: InProcess, caplog: pytest.LogCaptureFixture) -> None:
    folder = study.parent
    with caplog.at_level(logging.DEBUG, "tunewise"):
        ran = cli("tune", study, "-v", "--record", folder / "tape.jsonl")
    assert ran.code == 0, ran
    assert "no access with ***" in ran.out + ran.err, "the secrets were met"
    assert_none(f"{ran}", "tune")
    assert_none(caplog.text, "log")
    for words in (("show",), ("show", "-v"), ("show", "--json"), ("prompt",), ("ask",)):
        assert_none(f"{cli(*words, study)}", " ".join(words))
    talk = cli("chat", study, "--once", f"What of {ENV}?")
    assert talk.code == 0, talk
    assert_none(f"{talk}", "chat")
    assert_none(f"{cli('chat', study, '--list')}", "chat --list")
    for form in ("html", "md", "json"):
        assert cli("report", study, "--output", folder / f"report.{form}").code == 0
    given = {study, folder / "train.py"}
    for file in folder.iterdir():
        if file not in given and file.is_file():
            kept = file.suffix in (".jsonl", ".journal")
            assert_none(file.read_text(errors="replace"), file.name, kept=kept)
    assert (folder / "tape.jsonl").exists()
    assert (folder / "study.journal").exists()

    async def session() -> None:
        async with Client(make_server(Desk([str(study)]), write=True)) as client:
            for tool in ("studies", "trials", "best", "failures", "effects", "space", "explain", "ask"):
                answer = await client.call_tool(tool, {})
                assert_none(f"{answer.content}", tool)
            for number in range(6):
                assert_none(f"{(await client.call_tool('trial', {'number': number})).content}", f"trial {number}")

    anyio.run(session)
    with served(study) as page:
        root, _, path = page.partition("/dashboard/")
        for name in (f"api/{path}", f"csv/{path.rpartition('/')[2]}", "api/studies"):
            assert_none(fetch(f"{root}/{name}")[1], name)
