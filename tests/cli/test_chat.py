"""`tunewise chat` as people use it: in a terminal, in a pipe, with real servers on loopback."""

from __future__ import annotations

import io
import json
import os
import pty
import select
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_urlsafe
from typing import Any
from urllib.parse import urlsplit

import optuna
import pytest
import yaml

from support.talks import RESULTS, SPACE, TASK, study
from support.waiting import PATIENCE_S
from support.whole_paths import InProcess, Ran, assert_paragraph, command
from tunewise import attributes
from tunewise.assistant import conversation
from tunewise.assistant.subject import Subject
from tunewise.cli.chat import space_writer
from tunewise.cli.options import read
from tunewise.cli.talk import Terminal
from tunewise.llm import dialect
from tunewise.llm.embedded import find_weights, serve
from tunewise.llm.scripted import ScriptedModel
from tunewise.study.conversations import Conversations
from tunewise.study.storage import open_study
from tunewise.study.stored import StoredStudy
from tunewise.testing.server import Behaviour, FaultServer, reply, status, stream, tool_call

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

    def see(self, text: str, *, within_s: float = PATIENCE_S) -> None:
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
        """Press keys, not in the microseconds between a prompt and the wait for a line, where Python loses a Ctrl-C."""
        time.sleep(0.3)
        os.write(self._terminal, text.encode())

    def end(self) -> int:
        """Its exit code, after what it still has to say."""
        with suppress(OSError):
            while data := os.read(self._terminal, 65536):
                self.screen += data.decode(errors="replace")
        return self._process.wait(PATIENCE_S)

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
            person.type("What next?\ny\n")  # what is typed before the question for a yes is no answer to it
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
        assert len(Conversations(about).kept()) == 1
        assert (StoredStudy.read(about).totals.calls, StoredStudy.read(about).totals.failed_calls) == (7, 1)


@pytest.mark.long
def test_an_earlier_conversation_is_offered_and_ctrl_c_twice_ends(file: Path, cli: InProcess) -> None:
    with FaultServer([reply("first answer"), reply("second answer")]) as server:
        options = ("chat", file.name, "--base-url", server.base_url)
        once(cli, server, file, "--once", "What is a margin?")
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


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A journal of one trial: a small model reads it in seconds."""
    study(tmp_path / "svc.journal", results=RESULTS[:1])
    return tmp_path / "svc.journal"


def talk_and_stop(journal: Path, *options: object, free: bool) -> None:
    """A session with a real model: it is stopped in the middle of an answer, and ended."""
    with session("chat", journal.name, *options, cwd=journal.parent) as person:
        person.see("Attached: study svc (1 trials)")
        person.see("> ")
        person.type("Tell me everything about support vector machines, in very many words.\n")
        person.see("many words.\r\n")
        for _ in range(3):  # words of the answer
            person.see(" ", within_s=120)
        person.type("\x03")
        person.see("stopped; what came is kept")
        person.see("> ")
        person.type("\x04")
        person.see(": 1, $0. Kept with the study" if free else ": 1, cost unknown. Kept with the study")
        assert person.end() == 0
    about = Conversations(open_study(journal))
    question, answer = about.turns(about.kept()[0].id)
    assert (question.interrupted, answer.interrupted) == (False, True)
    assert 2 <= len(answer.message.content.split()) < 300


@pytest.mark.long
def test_the_embedded_model_in_a_terminal_and_in_a_pipe(
    small: Path, cli: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk_and_stop(small, "--model", "embedded", free=True)
    monkeypatch.setattr(conversation, "MAX_OUTPUT", 12)
    monkeypatch.setattr("sys.stdin", io.StringIO("Which trial is best?\n"))
    ran = cli("chat", small, "--model", "embedded")
    assert (ran.code, len(ran.out.split()) > 3) == (0, True), ran


@pytest.mark.long
def test_a_real_server_with_tools_in_a_terminal_then_once_and_resumed(
    small: Path, cli: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = token_urlsafe(32)
    real = serve(find_weights(None), key=key, threads=1, context_tokens=4096)
    monkeypatch.setenv("REAL_SERVER_KEY", key)
    address = f"http://127.0.0.1:{urlsplit(real.listening_address).port}/v1"
    options = ("--model", "smol", "--base-url", address, "--api-key-env", "REAL_SERVER_KEY")
    talk_and_stop(small, *options, free=False)
    monkeypatch.setattr(conversation, "MAX_OUTPUT", 12)
    tape = small.with_name("tape.jsonl")
    ran = cli("chat", small, *options, "--resume", "--once", "Which trial is best?", "--record", tape)
    assert (ran.code, len(ran.out.split()) > 3) == (0, True), ran
    request = json.loads(tape.read_text().splitlines()[1])["request"]
    assert "best" in [tool["name"] for tool in request["tools"]]
    assert [m["role"] for m in request["messages"]] == ["system", "user", "assistant", "user"]
    assert dialect.recall(address, "smol").tools  # the server has taken them
    about = open_study(small)
    assert len(Conversations(about).turns(Conversations(about).kept()[0].id)) == 4
    assert key not in small.read_text() + tape.read_text()


def once(cli: InProcess, server: FaultServer, *arguments: object) -> Ran:
    """A command with a server."""
    return cli("chat", *arguments, "--model", "test-model", "--base-url", server.base_url)


def test_once_prints_the_answer_alone(file: Path, cli: InProcess) -> None:
    with FaultServer([reply("", tool_calls=[BEST]), reply("Trial 1 [trial 1].\x1b[31m")]) as server:
        ran = once(cli, server, file, "--once", "What is best?")
    assert (ran.code, ran.out) == (0, "Trial 1 [trial 1].\n")
    assert "looks up: best" in ran.err


def test_without_a_study_a_log_and_a_script_are_read(tmp_path: Path, cli: InProcess) -> None:
    (tmp_path / "a.log").write_text("step 1 loss: nan\n")
    (tmp_path / "a.py").write_text("import torch\nAdam(lr=0.1)\n")
    files = ("--log", tmp_path / "a.log", "--file", tmp_path / "a.py", "--file", tmp_path / "a.py")
    with FaultServer([reply("Lower it [script 2].")]) as server:
        assert once(cli, server, *files, "--once", "Why?").out == "Lower it [script 2].\n"
        rules, data = (m["content"] for m in server.received[0].json["messages"])
    assert "learning rate: 0.1 [script 2]" in rules
    assert "script2 2| Adam(lr=0.1)" in data


def test_a_pipe_asks_line_by_line_and_cannot_say_yes(
    file: Path, cli: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("What next?\n\nyes\n"))
    behaviours = [reply("", tool_calls=[PROPOSE]), reply("Shown."), reply("You are welcome.")]
    with FaultServer(behaviours) as server:
        ran = once(cli, server, file)
    assert ran.code == 0, ran
    assert ran.out == "Shown.\nYou are welcome.\n"
    assert "only a person at a terminal can say yes" in ran.err
    assert len(open_study(file.with_suffix(".journal")).trials) == 6


def test_a_server_without_tools_works_too(file: Path, cli: InProcess) -> None:
    refusing = status(400, "this model does not support tools")
    with FaultServer([refusing, reply("Trial 1 [trial 1].")]) as server:
        ran = once(cli, server, file, "--once", "What is best?")
        assert "Best: trial 1" in server.received[1].json["messages"][1]["content"]
        assert "tools" not in server.received[1].json
    assert ran.out == "Trial 1 [trial 1].\n"


def test_a_server_that_drops_tools_without_a_word_answers_from_the_digest(file: Path, cli: InProcess) -> None:
    def knows(request: Mapping[str, Any]) -> str:
        """Like a chat template without tools: nothing is left of them, and the words are all there is."""
        words = request["messages"][-1]["content"] + request["messages"][1]["content"]
        return "Trial 1, at 0.125 [trial 1]." if "Best: trial 1 (model)" in words else "I do not know."

    block = json.dumps({"configuration": NEXT, "reason": "between trials 1 and 4"})
    with FaultServer([reply(knows), reply(f"Try this.\n```propose\n{block}\n```")]) as server:
        ran = once(cli, server, file, "--once", "What is best?")
        assert (ran.code, ran.out) == (0, "Trial 1, at 0.125 [trial 1].\n"), ran
        assert "looks up" not in ran.err
        assert server.received[0].json["tools"]  # they were offered, and the server has said nothing about them
        assert "+ C: 30" in once(cli, server, file, "--once", "What next?").err


@pytest.mark.long
def test_a_session_is_recorded_replayed_listed_and_resumed(file: Path, cli: InProcess, tmp_path: Path) -> None:
    other = tmp_path / "copy"
    shutil.copytree(tmp_path, other, ignore=shutil.ignore_patterns("copy"))
    tape = tmp_path / "tape.jsonl"
    with FaultServer([reply("", tool_calls=[BEST]), reply("Trial 1 [trial 1].")], then=reply("So it is.")) as server:
        ran = once(cli, server, file, "--once", "What is best?", "--record", tape)
        assert cli("chat", other / file.name, "--once", "What is best?", "--replay", tape).out == ran.out
        assert cli("chat", other / file.name, "--once", "Else?", "--replay", tape).code == 4
        listed = cli("chat", file, "--list").out
        assert "4 messages  What is best?" in listed
        once(cli, server, file, "--once", "Really?", "--resume")
        once(cli, server, file, "--once", "Really?", "--conversation", listed.split()[0])
        roles = [[m["role"] for m in request.json["messages"]] for request in server.received[2:]]
    assert roles[0] == ["system", "user", "assistant", "tool", "assistant", "user"]
    assert roles[1] == [*roles[0], "assistant", "user"]


def test_what_a_study_file_says_has_no_power_over_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    evil = "x\x1b]0;owned\x07\x1b[31m\u202e"
    about = study(name=evil)
    turn: Any = {"message": {"role": "user", "content": evil}, "at": evil}
    about._storage.set_study_system_attr(about._study_id, f"{attributes.CHAT}{evil}:00000", turn)
    kept = Conversations(about).kept()
    terminal = Terminal(asks=True, person=True)
    terminal.list(kept)
    terminal.greet(Subject(about), ScriptedModel([]))
    assert terminal.choose(kept, resume=True) == evil
    shown = "".join(capsys.readouterr())
    assert shown.count("x\N{REPLACEMENT CHARACTER}") == 7
    assert not {"\x1b", "\x07", "\u202e"} & set(shown)


def test_a_changed_space_goes_into_a_file_beside_the_given_one(file: Path) -> None:
    before = file.read_text()
    written = space_writer(read(file))(SPACE)
    assert written == "Written to svc-2.yaml: `tunewise tune svc-2.yaml` goes on with the same study in the new space."
    assert file.read_text() == before
    changed = read(file.with_name("svc-2.yaml"))
    assert (changed.study_name, Path(changed.storage_address)) == ("svc", file.with_suffix(".journal"))
    assert "svc-3.yaml" in space_writer(read(file))(SPACE)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--once", "x"], 2, "No model was given"),
        (["--resume"], 2, "none is given"),
        (["--log", "-", "--model", "x"], 2, "Ask with --once"),
        (["none.journal"], 2, "does not exist"),
        (["~nobody-of-this-name/a.journal"], 2, "no place for a file: Could not determine home directory. Name"),
        (["--record", "a", "--replay", "b"], 2, "exclude each other"),
        (["--model", "manual", "--log", "none.log"], 2, "cannot be read"),
    ],
)
def test_wrong_use_is_a_paragraph(arguments: list[str], code: int, words: str, cli: InProcess) -> None:
    assert_paragraph(cli("chat", *arguments), code, words)


def test_a_cap_counts_the_whole_study(file: Path, cli: InProcess) -> None:
    with FaultServer([reply("one"), reply("two")]) as server:
        assert once(cli, server, file, "--once", "x", "--max-calls", "1").code == 0
        assert_paragraph(once(cli, server, file, "--once", "x", "--max-calls", "1"), 3, "max_calls = 1")
        assert "Calls to the model: 1;" in cli("show", file).out


def test_a_failing_server_ends_a_pipe_with_its_code(file: Path, cli: InProcess) -> None:
    with FaultServer([status(401, "bad key")]) as server:
        assert_paragraph(once(cli, server, file, "--once", "x"), 4, "refused the key")
