"""Options and fixtures of the test suite; and its presence lets every test import `support`."""

from __future__ import annotations

import signal
import weakref
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path

import hypothesis
import optuna
import pytest

from support.bounds import bounded
from support.waiting import Leap
from support.whole_paths import InProcess, end_started
from tunewise import secrets

hypothesis.settings.register_profile(
    "tunewise", deadline=None, max_examples=40, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile(
    "fuzz", hypothesis.settings.get_profile("tunewise"), max_examples=3_000, print_blob=True
)
hypothesis.settings.load_profile("tunewise")  # no outcome depends on how fast the machine is

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--remake-golden", action="store_true", help="write tests/golden/*.txt anew; read the difference")


def pytest_configure() -> None:
    """Make what tests rest on so.

    A shell that runs the tests in the background has programs ignore Ctrl-C, and so would those that tests interrupt.
    Databases that a test opens by Optuna alone are closed with their storage: Python 3.13 warns otherwise.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in ("__init__", "__setstate__"):
        setattr(optuna.storages.RDBStorage, name, closing(getattr(optuna.storages.RDBStorage, name)))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Every example of a fuzz test is bounded, whoever wrote it."""
    if item.get_closest_marker("fuzz") and (handle := getattr(getattr(item, "obj", None), "hypothesis", None)):
        handle.inner_test = bounded(handle.inner_test)


def closing(made: Callable[..., None]) -> Callable[..., None]:
    """A way to make a storage whose connections are closed when it is collected."""

    @wraps(made)
    def wrapped(storage: optuna.storages.RDBStorage, *args: object, **kwargs: object) -> None:
        made(storage, *args, **kwargs)
        weakref.finalize(storage, storage.engine.dispose)

    return wrapped


@pytest.fixture(autouse=True)
def no_secret_of_another_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test hands over as a secret is none in the next."""
    monkeypatch.setattr(secrets, "remembered", set())


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    """A test that fails leaves nothing that lets others fail."""
    yield
    end_started()


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What this machine's user has measured of models changes no test."""
    monkeypatch.setenv("TUNEWISE_HOME", str(tmp_path_factory.getbasetemp() / "home"))


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


@pytest.fixture
def leap(monkeypatch: pytest.MonkeyPatch) -> Leap:
    """A clock that leaps when something has happened, in place of this process's `time.monotonic`."""
    clock = Leap()
    monkeypatch.setattr("time.monotonic", clock.monotonic)
    return clock
