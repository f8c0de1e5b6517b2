"""`tunewise generate`, `show` and `export` as a user meets them, against a server on loopback."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.programs import RIDGE, TREES_REGRESSOR, fenced
from support.whole_paths import InProcess, Ran, assert_paragraph
from tunewise.errors import SandboxUnavailable
from tunewise.sandbox.base import Sandbox
from tunewise.sandbox.unsafe import UnsafeSandbox
from tunewise.testing.server import Exchange, FaultServer, Received, rejects, reply, tool_call


@pytest.fixture
def generate(
    cli: InProcess, houses: Path, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ran]:
    """The command on the houses, in a sandbox that is warm already."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "k")

    @contextmanager
    def warm(contract: str, *, unsafe: bool) -> Iterator[Sandbox]:
        yield UnsafeSandbox() if unsafe else sandbox

    monkeypatch.setattr("tunewise.codegen.runtime.sandbox_for", warm)

    def run(server: FaultServer, *more: object) -> Ran:
        goal = ("--target", "price", "--task", "regression", "--drop", "dear", "--contract", "sklearn")
        return cli("generate", houses, *goal, "--model", "m", "--base-url", server.base_url, *more)

    return run


@pytest.mark.long
def test_from_the_table_to_the_winner(generate: Callable[..., Ran], cli: InProcess, tmp_path: Path) -> None:
    called = tool_call("make_estimator", {"depth": 4, "learning_rate": 0.2})
    replies = [
        reply(fenced("import os")),
        reply(fenced(TREES_REGRESSOR, "Trees.")),
        reply("Deeper.", tool_calls=[called]),
    ]
    with FaultServer(replies) as server:
        first = generate(server, "--n-trials", 1)
        assert first.code == 0, first
        second = generate(server, "--n-trials", 2, "--export", "best.py", "--proposer", "compressed")
        assert second.code == 0, second
    assert "p2.depth=3" in first.err
    assert "gradient boosting: validation loss" in first.err
    assert "Gain on the test rows: " in first.out
    assert "p2 repair: best" in second.out
    assert "Winner written to best.py" in second.out
    assert [tool["function"]["name"] for tool in server.received[-1].json["tools"]] == ["make_estimator"]
    shown = cli("show", "houses.journal")
    assert "p1 draft: refused. The program breaks the contract" in shown.out
    assert "   └ p2 repair: best" in shown.out
    everything = json.loads(cli("show", "houses.journal", "--json").out)
    assert [(p["number"], p["parent"]) for p in everything["programs"]] == [(1, None), (2, 1)]
    assert everything["trials"][1]["configuration"] == {"p2.depth": 4, "p2.learning_rate": 0.2}
    page = cli("report", "houses.journal", "-o", "-")
    assert "What the model wrote" in page.out
    assert "HistGradientBoostingRegressor" in page.out
    notes = cli("report", "houses.journal", "--format", "md", "-o", "-")
    assert "## Programs" in notes.out
    assert cli("export", "houses.journal", "-o", "again.py").code == 0
    assert Path("again.py").read_text().replace("again.py", "best.py") == Path("best.py").read_text()
    done = subprocess.run([sys.executable, "best.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    best = min(trial["value"] for trial in everything["trials"])
    assert f"validation: {best:.9g} (was {best:.9g})" in done.stdout


def test_no_secret_that_a_server_repeats_is_exported(
    generate: Callable[..., Ran], cli: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "opaque.Key.of.mine")

    def answer(exchange: Exchange, received: Received) -> None:
        code = f"# You sent {received.headers['authorization']}\n{RIDGE.strip()}"
        reply(fenced(code, idea=f"{received.headers['authorization']}"))(exchange, received)

    with FaultServer(then=rejects("tools", otherwise=answer)) as server:
        options = ("--n-trials", 1, "--api-key-env", "OPENAI_API_KEY", "--export", "best.py")
        assert generate(server, *options).code == 0
    assert cli("export", "houses.journal", "-o", "again.py").code == 0
    for file in ("best.py", "again.py"):
        assert "# You sent" in Path(file).read_text(), "it was met"
        assert "opaque.Key.of.mine" not in Path(file).read_text()


def test_a_server_without_tools_is_asked_for_json(generate: Callable[..., Ran]) -> None:

    def answer(request: Mapping[str, object]) -> str:
        return '{"alpha": 3}' if "Search space" in str(request["messages"]) else fenced(RIDGE)

    with FaultServer(then=rejects("tools", otherwise=reply(answer))) as server:
        ended = generate(server, "--n-trials", 2, "--proposer", "compressed")
    assert ended.code == 0, ended
    assert "p1.alpha=3" in ended.err


@pytest.mark.long
def test_without_a_sandbox_it_is_loud_and_recorded(
    generate: Callable[..., Ran], cli: InProcess, caplog: pytest.LogCaptureFixture
) -> None:
    with FaultServer(then=reply(fenced(RIDGE))) as server:
        ended = generate(server, "--n-trials", 1, "--unsafe-no-sandbox", "-q")
    assert ended.code == 0, ended
    assert "NO SANDBOX" in caplog.text
    assert "without a sandbox" in cli("show", "houses.journal").out


def test_no_sandbox_is_an_error(
    generate: Callable[..., Ran], cli: InProcess, houses: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def none(contract: str, *, unsafe: bool) -> Iterator[Sandbox]:
        raise SandboxUnavailable("No sandbox holds generated code here.")
        yield

    monkeypatch.setattr("tunewise.codegen.runtime.sandbox_for", none)
    ended = cli(
        "generate", houses, "--target", "price", "--task", "regression", "--model", "m", "--base-url", "http://x"
    )
    assert_paragraph(ended, ended.code or -1, "No sandbox holds")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (("--target", "prise"), ["has no column prise", "Did you mean price?"]),
        (("--target", "place"), ["no finite numbers", "--task classification"]),
        (("--target", "price", "--time", "when"), ["has no column when"]),
        (("--target", "price", "--record", "a", "--replay", "b"), ["exclude each other"]),
    ],
)
def test_mistakes_are_a_paragraph(
    changes: tuple[str, ...], words: list[str], generate: Callable[..., Ran], cli: InProcess, houses: Path
) -> None:
    ended = cli(
        "generate", houses, "--task", "regression", "--model", "m", "--base-url", "http://127.0.0.1:1", *changes
    )
    assert_paragraph(ended, 2, *words)


def test_what_is_no_model_or_no_table(generate: Callable[..., Ran], cli: InProcess, tmp_path: Path) -> None:
    goal = ("--target", "price", "--task", "regression")
    assert_paragraph(cli("generate", "gone.csv", *goal, "--model", "m", "--base-url", "http://x"), 2, "is no file")
    Path("noise.parquet").write_bytes(b"noise")
    noise = cli("generate", "noise.parquet", *goal, "--model", "m", "--base-url", "http://x")
    assert_paragraph(noise, 2, "cannot be read as a table")
    assert_paragraph(cli("generate", "noise.parquet", *goal), 2, "No model was named")


def test_export_refuses_what_it_cannot_write(generate: Callable[..., Ran], cli: InProcess, tmp_path: Path) -> None:
    with FaultServer(then=reply(fenced(RIDGE))) as server:
        assert generate(server, "--n-trials", 1, "-q").code == 0
    assert_paragraph(cli("export", "houses.journal", "-o", "houses.journal"), 2, "does not end in .py")
    assert_paragraph(cli("export", "houses.journal", "-o", "no/such/folder/x.py"), 2, "cannot be written")
    assert_paragraph(cli("export", "houses.journal", "--trial", 7), 2, "Trial 7 of the study has not finished")
