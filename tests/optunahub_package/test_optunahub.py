"""The package for OptunaHub: loaded by its own loader, its example run, its header as the registry wants it."""

from __future__ import annotations

import runpy
import subprocess
import sys
from typing import Any

import optuna
import pytest
import yaml

from support.whole_paths import SRC
from tunewise import LLMSampler

ROOT = SRC.parent / "optunahub" / "package"
PACKAGE = ROOT / "samplers" / "tunewise"


@pytest.fixture
def hub() -> Any:
    return pytest.importorskip("optunahub", reason="optunahub is missing: pip install 'tunewise[optunahub]'")


def test_it_loads_and_optimizes(hub: Any) -> None:
    package = hub.load_local_module("samplers/tunewise", registry_root=str(ROOT))
    assert package.LLMSampler is LLMSampler
    study = optuna.create_study(sampler=package.LLMSampler(task=package.Task(budget=3), seed=0))
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
    assert len(study.trials) == 3


def test_its_example_runs(hub: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(
        hub, "load_module", lambda package: hub.load_local_module(package, registry_root=str(ROOT))
    )  # the registry itself is not asked
    runpy.run_path(str(PACKAGE / "example.py"), run_name="__main__")
    assert "'x': " in capsys.readouterr().out


@pytest.mark.parametrize(
    "check",
    [("ruff", "check"), ("ruff", "format", "--check"), ("mypy", "--no-site-packages"), ("mdformat", "--check")],
)
def test_it_passes_the_checks_of_its_registry(check: tuple[str, ...]) -> None:
    files = ["README.md"] if check[0] == "mdformat" else ["__init__.py", "example.py"]
    command = [sys.executable, "-m", *check, *(str(PACKAGE / file) for file in files)]
    done = subprocess.run(command, cwd=ROOT.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_header_is_what_the_registry_wants() -> None:
    _, header, body = (PACKAGE / "README.md").read_text("utf-8").split("---\n", 2)
    said = yaml.safe_load(header)
    assert set(said) == {"author", "title", "description", "tags", "optuna_versions", "license"}
    assert all(isinstance(said[key], str) for key in ("author", "title", "description"))
    assert said["license"] == "MIT License"  # the only one that is taken there
    assert all(isinstance(each, str) for each in [*said["tags"], *said["optuna_versions"]])
    assert "sampler" in said["tags"]
    assert optuna.__version__ in said["optuna_versions"]
    for section in ("## Abstract", "## APIs", "## Installation", "## Example"):
        assert section in body
    assert {path.name for path in PACKAGE.iterdir() if path.is_file()} == {
        "LICENSE", "README.md", "__init__.py", "example.py", "requirements.txt"
    }  # fmt: skip
    assert (PACKAGE / "LICENSE").read_text("utf-8").startswith(said["license"])
    assert "Please fill in" not in body
