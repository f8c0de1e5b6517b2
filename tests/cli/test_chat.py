"""`tunewise chat` as people use it: in a terminal, in a pipe, with real servers on loopback."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import optuna
import pytest
import yaml

from talks import SPACE, TASK, study
from tunewise.assistant.store import Conversations
from tunewise.study.storage import open_study
from tunewise.study.summary import summarize
from tunewise.testing.server import Behaviour, FaultServer, reply, stream, tool_call
from whole_paths import command, run

NEXT = {"C": 30.0, "gamma": 0.02, "cache": 200}
PROPOSE = tool_call("propose_configuration", {"configuration": NEXT, "reason": "between trials 1 and 4"})
BEST = tool_call("best", {})
TERMINAL = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "


class Session:
    """A program in a pseudo-terminal of its own, which Ctrl-C reaches as it does a person's."""

    def __init__(self, arguments: Sequence[object], cwd: Path) -> None:
        words, env = command(*arguments, TERM="xterm")
        words[2] = TERMINAL + words[2]
        self._terminal, theirs = pty.openpty()
        self._process = subprocess.Popen(
            words, env=env, cwd=cwd, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        )
        os.close(theirs)
        self.screen = ""
        self._seen = 0

    def see(self, text: str, *, within_s: float = 60.0) -> None:
        """Wait until a text appears behind what was seen before."""
        until = time.monotonic() + within_s
        while text not in self.screen[self._seen :]:
            left = until - time.monotonic()
            assert left > 0, f"{text!r} did not appear in:\n{self.screen}"
            if select.select([self._terminal], [], [], left)[0]:
                data = b""
                with suppress(OSError):  # the program has ended
                    data = os.read(self._terminal, 65536)
                assert data, f"it ended without {text!r}:\n{self.screen}"
                self.screen += data.decode(errors="replace")
        self._seen = self.screen.index(text, self._seen) + len(text)

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._terminal, text.encode())

    def end(self) -> int:
        """Its exit code, after what it still has to say."""
        with suppress(OSError):
            while data := os.read(self._terminal, 65536):
                self.screen += data.decode(errors="replace")
        return self._process.wait(30)

    def close(self) -> None:
        """Leave nothing behind."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._terminal)


@contextmanager
def session(*arguments: object, cwd: Path) -> Iterator[Session]:
    opened = Session(arguments, cwd)
    try:
        yield opened
    finally:
        opened.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A study file whose study has six trials."""
    study(tmp_path / "svc.journal")
    path = tmp_path / "svc.yaml"
    spec = {
        "task": {key: value for key, value in TASK.to_dict().items() if key not in ("budget",)},
        "space": SPACE.to_dict(),
        "evaluate": {"command": "true"},
        "model": "test-model",
    }
    path.write_text(yaml.safe_dump(spec, sort_keys=False))
    return path


def test_a_whole_session_in_a_terminal(file: Path) -> None:
    endless = stream([f"word{k} " for k in range(20_000)], pause_s=0.01)
    behaviours: list[Behaviour] = [
        reply("", tool_calls=[BEST]),
        reply("Trial 1 is best [trial 1].\x1b]0;owned\x07 See trial 77."),
        endless,
        reply("", tool_calls=[PROPOSE]),
        reply("Nothing was queued."),
        reply("", tool_calls=[PROPOSE]),
        reply("It is queued."),
    ]
    with FaultServer(behaviours) as server:
        options = ("chat", file.name, "--model", "test-model", "--base-url", server.base_url)
        with session(*options, cwd=file.parent) as person:
            person.see("Attached: study svc (6 trials)")
            person.see("> ")
            person.type("What is best?\n")
            person.see("looks up: best")
            person.see("Trial 1 is best [trial 1]. See trial 77.")
            person.see("cites trial 77, which does not exist")
            person.see("> ")
            person.type("Why?\n")
            person.see("word3 ")
            assert not server.hung_up.is_set()
            person.type("\x03")
            person.see("stopped; what came is kept")
            assert server.hung_up.wait(5)
            person.see("> ")
            person.type("What next?\n")
            person.see("+ C: 30")
            person.see("It costs 1 trial")
            person.see("Do it? [y/N] ")
            person.type("\n")
            person.see("Nothing was changed.")
            person.see("> ")
            assert len(open_study(file.with_suffix(".journal")).trials) == 6
            person.type("Do it then.\n")
            person.see("[y/N] ")
            person.type("y\n")
            person.see("It is queued.")
            person.see("> ")
            person.type("\x04")
            person.see("Kept with the study")
            assert person.end() == 0
            assert "\x1b]0;" not in person.screen
        assert {tool["function"]["name"] for tool in server.received[0].json["tools"]} >= {"trials", "near", "best"}
        assert "word3 " in server.received[3].json["messages"][-2]["content"]
        about = open_study(file.with_suffix(".journal"))
        assert (about.trials[6].state, about.trials[6].system_attrs["fixed_params"]) == (
            optuna.trial.TrialState.WAITING,
            NEXT,
        )
        (kept,) = Conversations(about).kept()
        assert (summarize(about).totals.calls, summarize(about).totals.failed_calls) == (7, 1)


def test_an_earlier_conversation_is_offered_and_ctrl_c_twice_ends(file: Path) -> None:
    with FaultServer([reply("first answer"), reply("second answer")]) as server:
        options = ("chat", file.name, "--base-url", server.base_url)
        assert run(*options, "--once", "What is a margin?", cwd=file.parent).out == "first answer\n"
        with session(*options, cwd=file.parent) as person:
            person.see("There is an earlier conversation")
            person.see("What is a margin?")
            person.see("[y/N] ")
            person.type("y\n")
            person.see("> ")
            person.type("And a kernel?\n")
            person.see("second answer")
            person.see("> ")
            person.type("\x03")
            person.see("Ctrl-C again")
            person.see("> ")
            person.type("\x03")
            assert person.end() == 0
        assert [m["content"] for m in server.received[1].json["messages"]][2:] == ["first answer", "And a kernel?"]


def test_the_embedded_model_in_a_terminal(file: Path) -> None:
    options = ("chat", file.name, "--model", "embedded")
    with session(*options, cwd=file.parent) as person:
        person.see("it costs nothing")
        person.see("> ")
        person.type("Tell me everything about support vector machines, in very many words.\n")
        person.see("> ", within_s=1) if False else None
        person.see(" the ", within_s=120)
        person.type("\x03")
        person.see("stopped; what came is kept")
        person.see("> ")
        person.type("\x04")
        person.see("cost $0")
        assert person.end() == 0
    kept = Conversations(open_study(file.with_suffix(".journal"))).kept()[0]
    question, answer = Conversations(open_study(file.with_suffix(".journal"))).turns(kept.id)
    assert (question.interrupted, answer.interrupted) == (False, True)
    assert " the " in answer.message.content
