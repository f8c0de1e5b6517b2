"""What a killed process leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tunewise.cli.signals import terminate_as_interrupt
from tunewise.sandbox.folder import claimed_folder, clear_leftovers, work_folder
from tunewise.sandbox.launch import PACKAGE

OWNER = """
import sys
from tunewise.sandbox.folder import work_folder
with work_folder({"train_x.npy": b"secret"}, uid=None) as folder:
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_what_a_killed_process_left_goes_at_the_next_start_and_nothing_else(temporary: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER],
        env={"PYTHONPATH": str(PACKAGE.parent), "TMPDIR": str(temporary)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert owner.stdout is not None
    left = Path(owner.stdout.readline().strip())
    (temporary / "tunewise-sandbox-file").write_text("x")
    (temporary / "tunewise-sandbox-link").symlink_to(left)
    clear_leftovers()
    assert (left / "train_x.npy").read_bytes() == b"secret"  # its owner lives

    owner.kill()
    owner.communicate()
    with claimed_folder() as mine:
        clear_leftovers()
        assert not left.exists()
        assert Path(mine).exists()
    assert sorted(path.name for path in temporary.iterdir()) == ["tunewise-sandbox-file", "tunewise-sandbox-link"]


def test_a_folder_is_gone_after_an_error(temporary: Path) -> None:
    with pytest.raises(ZeroDivisionError), work_folder({"a": b""}, uid=None):
        raise ZeroDivisionError
    assert list(temporary.iterdir()) == []


def test_a_closed_terminal_ends_a_run_as_ctrl_c_does() -> None:
    ignored = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # by whoever started the tests under nohup
    before = signal.getsignal(signal.SIGHUP)
    for number in (signal.SIGHUP, signal.SIGTERM):
        with pytest.raises(KeyboardInterrupt), terminate_as_interrupt():
            os.kill(os.getpid(), number)
    assert signal.getsignal(signal.SIGHUP) == before
    signal.signal(signal.SIGHUP, ignored)
