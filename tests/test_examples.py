"""Every example runs as it stands, with a small server in place of a capable model."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tunewise.history import History
from tunewise.study.storage import open_study
from tunewise.testing.server import FaultServer, answers, reply
from tunewise.testing.simulated import rambler

ROOT = Path(__file__).parent.parent
STUDIES = ["svc.yaml", "train.yaml", "objective.yaml"]


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    """A model that answers every request with a random configuration."""
    rng = np.random.default_rng(0)

    def answer(request: Mapping[str, Any]) -> str:
        text = json.dumps(request)
        if "svc__C" in text:
            chosen: dict[str, object] = {"svc__C": 10 ** rng.uniform(-3, 3), "svc__gamma": 10 ** rng.uniform(-5, 1)}
        elif "schedule" in text:
            chosen = {"learning_rate": 10 ** rng.uniform(-4, 1), "weight_decay": 10 ** rng.uniform(-6, 0)}
            chosen |= {"batch_size": int(rng.integers(4, 512)), "schedule": "cosine"}
        else:
            chosen = {"kernel": "rbf", "C": 10 ** rng.uniform(-3, 3), "gamma": 10 ** rng.uniform(-5, 1)}
        return json.dumps({"analysis": "try another", "configuration": chosen})

    with FaultServer([], then=reply(answer)) as running:
        yield running


@pytest.mark.long
@pytest.mark.parametrize("name", STUDIES)
def test_study_files(name: str, server: FaultServer, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tunewise", "tune", f"examples/{name}", "--n-trials", "2"]
    command += ["--proposer", "compressed"]
    command += ["--model", "any", "--base-url", server.base_url, "--storage", str(tmp_path / "study.journal")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"^ +\d +(?:default|model)", done.stderr, re.MULTILINE)) == 2, done.stderr
    assert "2 trials: 2 finished, proposed by default 1, model 1" in done.stdout


def test_the_replay_of_the_demo_fits_the_prompts_of_today(tmp_path: Path) -> None:
    """Where this fails, words of the prompts have changed: have examples/svc.yaml answered and recorded again."""
    command = [sys.executable, "-m", "tunewise", "tune", "examples/svc.yaml", "--no-reasoning", "--loose"]
    command += ["--replay", "examples/svc.cassette", "--storage", str(tmp_path / "study.journal")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "proposed by model 9, default 1" in done.stdout
    assert "better" in done.stdout


@pytest.mark.long
def test_a_network_that_is_pruned(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the network is trained with torch")
    command = [sys.executable, "-m", "tunewise", "tune", "examples/digits_cnn.yaml", "--proposer", "random"]
    command += ["--n-trials", "4", "--storage", str(tmp_path / "study.journal")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    trials = History.from_study(open_study(tmp_path / "study.journal")).trials
    assert {len(trial.curve) for trial in trials if trial.state == "finished"} == {27}
    assert any(len(trial.curve) < 27 for trial in trials if trial.state == "pruned")


@pytest.mark.long
def test_minimal(server: FaultServer) -> None:
    command = [
        sys.executable,
        "examples/minimal.py",
        "--base-url",
        server.base_url,
        "--model",
        "any",
        "--n-trials",
        "3",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "over the default" in done.stdout
    assert len((ROOT / "examples/minimal.py").read_text().splitlines()) <= 100


@pytest.mark.long
def test_optuna_sampler() -> None:
    with FaultServer(then=answers(rambler(broken=0.2, seed=0))) as server:
        environment = {**os.environ, "OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "none"}
        command = [sys.executable, "examples/optuna_sampler.py", "gpt-5"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 6
