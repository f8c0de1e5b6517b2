"""`tunewise dashboard` as a process, and what it answers."""

from __future__ import annotations

import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.waiting import PATIENCE_S
from support.whole_paths import start


@contextmanager
def served(journal: Path, **env: str) -> Iterator[str]:
    """The address of the study's page; Ctrl-C at the end, which must be quiet."""
    process = start("dashboard", journal, "--port", "0", "--no-open", **env)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE_S)
        assert (process.returncode, errors) == (0, "")
    finally:
        process.kill()
        process.communicate()


def fetch(address: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    """Status and text."""
    request = urllib.request.Request(address, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
