"""The exported file, alone in an empty folder: without tunewise it trains on all rows and predicts new ones."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from support.programs import TREES_REGRESSOR, fenced
from tunewise.codegen.data import Dataset
from tunewise.codegen.export import export_program
from tunewise.codegen.generate import GenerationOptions, generate
from tunewise.llm.scripted import ScriptedModel
from tunewise.sandbox.base import Sandbox

BLOCK = "import sys\nsys.modules['tunewise'] = None\n"
"""Of a `sitecustomize`: whoever imports tunewise fails."""


@pytest.fixture
def alone(regression: Dataset, sandbox: Sandbox, houses: Path, tmp_path: Path) -> Path:
    model = ScriptedModel([fenced("from __future__ import annotations\n" + TREES_REGRESSOR)])
    options = GenerationOptions(contract="sklearn", trials=1)
    study = generate(regression, sandbox=sandbox, model=model, options=options)
    (tmp_path / "best.py").write_text(export_program(study, file="best.py"))
    (tmp_path / "train.csv").write_text(houses.read_text())
    with houses.open() as file:
        rows = list(csv.DictReader(file))[:40]
    with (tmp_path / "new.csv").open("w") as file:
        writer = csv.DictWriter(file, ["place", "rooms", "area"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    (tmp_path / "block").mkdir()
    (tmp_path / "block" / "sitecustomize.py").write_text(BLOCK)
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": "block"}
    command = [sys.executable, "best.py", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.long
def test_it_predicts_a_test_file_without_tunewise(alone: Path, houses: Path) -> None:
    done = run(alone, "predict", "train.csv", "new.csv", "--out", "submission.csv")
    assert done.returncode == 0, done.stderr
    assert "40 predictions written to submission.csv" in done.stdout
    with (alone / "submission.csv").open() as file:
        predicted = [float(row["price"]) for row in csv.DictReader(file)]
    with houses.open() as file:
        truth = [float(row["price"]) for row in csv.DictReader(file)][:40]
    errors = np.subtract(predicted, truth)
    assert np.sqrt(np.mean(np.square(errors))) < 0.3 * np.std(truth), "in the unit of the target; rows that it has seen"
    assert "No module" not in done.stderr


@pytest.mark.long
def test_what_is_wrong_is_a_line(alone: Path) -> None:
    (alone / "new.csv").write_text("place,rooms\nhill,3\n")
    done = run(alone, "predict", "train.csv", "new.csv")
    assert (done.returncode, "The table to predict has no column area" in done.stderr) == (2, True), done.stderr
    assert "Traceback" not in done.stderr
