"""Options and fixtures of the test suite; and its presence lets every test import what lies beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.whole_paths import InProcess

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--remake-golden", action="store_true", help="write tests/golden/*.txt anew; read the difference")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compares a text with `tests/golden/<name>.txt`, or writes it there with `--remake-golden`."""

    def check(name: str, text: str) -> None:
        file = GOLDEN / f"{name}.txt"
        if request.config.getoption("--remake-golden"):
            file.write_text(text + "\n", "utf-8")
        assert file.read_text("utf-8") == text + "\n", "the prompt has changed: if meant, run pytest --remake-golden"

    return check


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> InProcess:
    """The command line, in this process, 80 columns wide."""
    monkeypatch.setenv("COLUMNS", "80")
    return InProcess(monkeypatch, capsys)
