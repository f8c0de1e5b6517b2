"""What tests of whole paths share: the command line in this process or in its own, and replies that a server notes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

import tunewise.cli
from support.waiting import PATIENCE_S
from tunewise.space import SearchSpace
from tunewise.testing.server import Behaviour, Exchange, Received, reply

STARTED: list[subprocess.Popen[str]] = []
SRC = Path(tunewise.cli.__file__).parents[2]
SPACE = {"C": {"type": "float", "low": 0.01, "high": 100.0, "log": True}, "n": {"type": "int", "low": 1, "high": 60}}


def space() -> SearchSpace:
    """Two hyperparameters without a default."""
    return SearchSpace.from_dict(SPACE)


def nth(k: int) -> dict[str, Any]:
    """A configuration for each k from 0 to 59, none near another."""
    return {"C": 0.02 + k, "n": k + 1}


class Answers:
    """Behaviours that note what was really sent, in the order of sending."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def __call__(self, text: str, **more: Any) -> Behaviour:
        """A reply that is noted when it is played."""

        def say(_: Mapping[str, Any]) -> str:
            self.sent.append(text)
            return text

        return reply(say, **more)


def answering(propose: Callable[[int], Mapping[str, Any]] = nth) -> Behaviour:
    """A model that always proposes something new, told apart by how often it was asked."""

    def play(exchange: Exchange, received: Received) -> None:
        turn = len(exchange.fault_server.received) - 1
        reply(json.dumps(propose(turn)))(exchange, received)

    return play


def write_study(folder: Path, *, objective: str | None = None, **parts: Any) -> Path:
    """A study file in `folder`, with a Python objective when one is given as source; the model alone proposes."""
    if objective is not None:
        (folder / "objective.py").write_text(objective)
        parts = {"evaluate": {"python": "objective.py:objective"}, **parts}
    file = folder / "study.yaml"
    file.write_text(yaml.safe_dump({"space": SPACE, "proposer": "compressed", **parts}, sort_keys=False))
    return file


OBJECTIVE = "def objective(configuration):\n    return (configuration['C'] - 3) ** 2 + configuration['n'] / 60\n"


class Ran:
    """How a command ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    def __repr__(self) -> str:
        return f"exit code {self.code}\n--- out\n{self.out}\n--- err\n{self.err}"


def command(*arguments: object, **env: str) -> tuple[list[str], dict[str, str]]:
    """The command line and environment of `tunewise` as a process."""
    environment = {**os.environ, "PYTHONPATH": str(SRC), "OMP_NUM_THREADS": "1", "COLUMNS": "80", **env}
    code = "from tunewise.cli import main; main()"
    return [sys.executable, "-c", code, *map(str, arguments)], environment


def run(*arguments: object, given: str = "", cwd: Path | None = None, **env: str) -> Ran:
    """`tunewise` in a process of its own."""
    words, environment = command(*arguments, **env)
    done = subprocess.run(
        words, env=environment, input=given, capture_output=True, text=True, timeout=PATIENCE_S, cwd=cwd, check=False
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def start(*arguments: object, **env: str) -> subprocess.Popen[str]:
    """The same, without waiting for it; it ends with the test at the latest, whatever becomes of that."""
    words, environment = command(*arguments, **env)
    STARTED.append(subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
    return STARTED[-1]


def end_started() -> None:
    """End what was started, and close its pipes."""
    while STARTED:
        with STARTED.pop() as process:
            process.kill()


class InProcess:
    """`tunewise` in this process, through the same `main`: fast."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *arguments: object) -> Ran:
        """Run it; errors must not come out as exceptions."""
        self._capsys.readouterr()
        self._monkeypatch.setattr(sys, "argv", ["tunewise", *map(str, arguments)])
        try:
            tunewise.cli.main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        else:
            code = 0
        said = self._capsys.readouterr()
        return Ran(code, said.out, said.err)


def assert_paragraph(ran: Ran, code: int, *words: str) -> None:
    """An error is one paragraph on standard error, with a code, and no traceback."""
    assert ran.code == code, ran
    assert "Traceback" not in ran.err, ran
    line = ran.err.strip().splitlines()[-1]
    assert line.startswith("tunewise: "), ran
    for word in words:
        assert word in line, (word, ran)


def last_message(request: Received) -> str:
    """What the server was told last."""
    return str(request.json["messages"][-1]["content"])


def sources(trials: Sequence[Any]) -> list[str]:
    """Where each trial says that it came from."""
    return [trial.source for trial in trials]
