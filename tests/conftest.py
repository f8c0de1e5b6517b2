"""Fixtures of the tests of whole paths; and its presence lets every test import what lies beside it."""

import pytest

from whole_paths import InProcess


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> InProcess:
    """The command line, in this process, 80 columns wide."""
    monkeypatch.setenv("COLUMNS", "80")
    return InProcess(monkeypatch, capsys)
