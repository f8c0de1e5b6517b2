"""What every backend does for a program that means well, and how it says what went wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from support.backends import BACKENDS
from support.hostile_witness import backends
from support.waiting import until
from tunewise.errors import SandboxUnavailable, UsageError
from tunewise.sandbox import kernel, probe
from tunewise.sandbox.base import Limits, Sandbox
from tunewise.sandbox.bubblewrap import BubblewrapSandbox
from tunewise.sandbox.landlock import LandlockSandbox
from tunewise.sandbox.unsafe import UnsafeSandbox
from tunewise.sandbox.warm import WarmSandbox

FIT = """
import numpy
from sklearn.ensemble import RandomForestRegressor
x = numpy.random.default_rng(0).random((40, 3))
model = RandomForestRegressor(5, n_jobs=2, random_state=0).fit(x, x[:, 0])
respond(round(model.score(x, x[:, 0]), 2))
"""


@pytest.fixture(scope="module", params=[*BACKENDS, "unsafe"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Any]:
    made = backends()[request.param]()
    yield made
    if hasattr(made, "close"):
        made.close()


def test_an_answer_comes_back(sandbox: Sandbox) -> None:
    sent = {"a": [1, 2.5, None, True, "é\n"], "b": {}}
    outcome = sandbox.run("respond(1)\nrespond(arguments)", arguments=sent)
    assert (outcome.result, outcome.error) == (sent, "")


def test_it_works_in_a_folder_of_its_own_that_is_gone_afterwards(sandbox: Sandbox) -> None:
    program = """
import os, tempfile
open("mine", "w").write("x")
respond([os.getcwd(), os.environ["HOME"], tempfile.gettempdir(), sorted(os.listdir()), open("data", "rb").read().hex()])
"""
    outcome = sandbox.run(program, files={"data": b"\0\xff"})
    assert outcome.error == ""
    place, home, temporary, names, data = outcome.result
    assert place == home == temporary
    assert (names, data) == (["data", "mine"], "00ff")
    assert not Path(place).exists()


def test_there_is_randomness(sandbox: Sandbox) -> None:
    program = "respond([len(open(f'/dev/{name}', 'rb').read(9)) for name in ('urandom', 'zero', 'null')])"
    assert sandbox.run(program).result == [9, 9, 0]


def test_files_can_be_imported(sandbox: Sandbox) -> None:
    outcome = sandbox.run("import model\nrespond(model.x)", files={"model.py": b"x = 7"})
    assert outcome.result == 7


@pytest.mark.parametrize("backend", sorted({*BACKENDS} - {"fork server"}))
def test_a_model_is_fitted(backend: str) -> None:
    outcome = backends()[backend]().run(FIT)
    assert (outcome.error, outcome.stderr) == ("", "")
    assert outcome.result > 0.8


def test_a_traceback_names_the_line(sandbox: Sandbox) -> None:
    outcome = sandbox.run("respond('before')\nx = 1\nprint('out')\nraise KeyError(f'a{x}')")
    assert outcome.error == "KeyError: 'a1'"
    assert outcome.result == "before"
    assert outcome.stdout == "out\n"
    assert 'File "program.py", line 4' in outcome.stderr
    assert "raise KeyError(f'a{x}')" in outcome.stderr
    assert "guest.py" not in outcome.stderr


def test_a_program_that_does_not_parse(sandbox: Sandbox) -> None:
    assert sandbox.run("x = (").error.startswith("SyntaxError")


def test_nothing_of_the_caller_is_in_the_environment(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "secret")
    outcome = sandbox.run("import os\nrespond(dict(os.environ))")
    assert "A_KEY" not in outcome.result
    assert outcome.result["PATH"] == "/usr/bin:/bin"


def test_of_output_the_end_is_kept(sandbox: Sandbox) -> None:
    outcome = sandbox.run("for i in range(10_000): print(i)", limits=Limits(output_kb=1))
    assert len(outcome.stdout) <= 1024
    assert outcome.stdout.endswith("9998\n9999\n")


def test_limits_end_a_program_in_time(sandbox: Sandbox) -> None:
    outcome = sandbox.run("respond(1)\nwhile True: pass", limits=Limits(wall_s=1))
    assert outcome.error == "The program exceeded its limit of 1 s and was ended."
    assert outcome.seconds < 5


def test_a_file_name_must_be_plain(sandbox: Sandbox) -> None:
    for name in ("../x", "a/b", "", "..", "a\0b"):
        with pytest.raises(UsageError, match="plain file name"):
            sandbox.run("", files={name: b""})


def test_arguments_must_be_json(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="JSON"):
        sandbox.run("", arguments=float("nan"))


def test_several_threads_run_programs(sandbox: Sandbox) -> None:
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda i: sandbox.run("respond(arguments)", arguments=i), range(12)))
    assert [outcome.result for outcome in outcomes] == list(range(12))


def test_no_descriptor_is_left(sandbox: Sandbox) -> None:
    sandbox.run("")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        sandbox.run("respond(1)")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_the_probe_passes_what_holds_and_names_what_does_not() -> None:
    assert all(
        probe.verdict(backend) == ""
        for backend in probe.BACKENDS
        if backend is LandlockSandbox or "bubblewrap" in BACKENDS
    )
    assert probe.find_sandbox().name in {"bubblewrap+seccomp", "landlock+seccomp"}
    assert "connect" in probe.probe(UnsafeSandbox())
    assert "read_outside" in probe.probe(UnsafeSandbox())


def test_a_warm_sandbox_is_tried_too() -> None:
    with probe.warm_sandbox() as warm:
        assert warm.run("respond(2)").result == 2


def test_without_any_backend_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(kernel, "landlock_abi", lambda: 3)
    probe.verdict.cache_clear()
    try:
        with pytest.raises(SandboxUnavailable) as error:
            probe.find_sandbox()
        with pytest.raises(SandboxUnavailable, match="ABI 3"):
            probe.warm_sandbox()
    finally:
        probe.verdict.cache_clear()
    for words in ("apt-get install bubblewrap", "Linux 6.7", "--unsafe-no-sandbox"):
        assert words in str(error.value)


def test_on_an_unknown_machine_there_is_no_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    for backend in (LandlockSandbox, BubblewrapSandbox, WarmSandbox):
        with pytest.raises(SandboxUnavailable, match="x86_64 and aarch64"):
            backend()


def test_no_sandbox_is_loud(caplog: pytest.LogCaptureFixture) -> None:
    assert probe.find_sandbox(unsafe=True).name == "none (unsafe)"
    assert "NO SANDBOX" in caplog.text


def test_a_warm_process_that_dies_is_replaced() -> None:
    others = fork_servers()
    with WarmSandbox(["json"]) as warm:
        (first,) = fork_servers() - others
        os.kill(first, signal.SIGKILL)
        assert warm.run("respond(1)").result == 1
        (second,) = fork_servers() - others
        threading.Timer(0.3, os.kill, (second, signal.SIGKILL)).start()
        outcome = warm.run("import time\ntime.sleep(600)")
        assert outcome.error == "The warm process ended in the middle of the run."
        assert warm.run("respond(2)").result == 2
    assert fork_servers() <= others


def fork_servers() -> set[int]:
    """Warm processes that are children of this one."""
    found = set()
    for pid in map(int, Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()):
        with suppress(OSError):
            line = Path(f"/proc/{pid}/cmdline").read_bytes()
            if b"tunewise.sandbox.fork_server" in line and b"State:\tZ" not in Path(f"/proc/{pid}/status").read_bytes():
                found.add(pid)
    return found


def test_a_warm_up_that_fails_is_told() -> None:
    with pytest.raises(SandboxUnavailable, match="ModuleNotFoundError: No module named 'not_there'"):
        WarmSandbox(["not_there"])
    with pytest.raises(SandboxUnavailable, match="ZeroDivisionError"):
        WarmSandbox(warm_up="1 / 0")
    with pytest.raises(SandboxUnavailable, match="1 threads are still running"):
        WarmSandbox(
            warm_up="import threading, time\nthreading.Thread(target=time.sleep, args=(9,), daemon=True).start()"
        )


def test_warm_children_share_what_was_imported_and_nothing_else() -> None:
    with WarmSandbox(["fractions"], warm_up="import builtins\nbuiltins.seen = []") as warm:
        program = "import sys\nrespond(['fractions' in sys.modules, list(seen)])\nseen.append(arguments)"
        assert warm.run(program, arguments="secret").result == [True, []]
        assert warm.run(program).result == [True, []]


OWNER = """
import sys, threading
from support.hostile_witness import backends
sandbox = backends()[sys.argv[1]]()
print("ready", flush=True)
sandbox.run("import time\\ntime.sleep(600)")
"""


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_program_ends_with_whoever_started_it(backend: str) -> None:
    tests = Path(__file__).parents[1]
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o711)
        owner = subprocess.Popen(
            [sys.executable, "-c", OWNER, backend],
            env={"PYTHONPATH": f"{tests.parent / 'src'}:{tests}", "PATH": os.environ["PATH"], "TMPDIR": place},
            stdout=subprocess.PIPE,
        )
        assert owner.stdout is not None
        owner.stdout.readline()
        until(lambda: working_in(place))
        owner.kill()
        owner.communicate()
        until(lambda: not working_in(place))


def working_in(place: str) -> list[str]:
    """Processes whose working directory lies in a folder."""
    found = []
    for process in Path("/proc").iterdir():
        with suppress(OSError):
            if process.name.isdecimal() and str((process / "cwd").readlink()).startswith(place):
                found.append(process.name)
    return found
