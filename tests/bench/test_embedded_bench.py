"""The benchmark over a real llama.cpp server, with a model that is hardly one; the report must say how poor it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.whole_paths import InProcess
from tunewise.bench.records import read_runs


@pytest.mark.long
def test_the_embedded_model_is_compared_honestly(tmp_path: Path, cli: InProcess) -> None:
    records = tmp_path / "embedded.jsonl"
    words = ["quadratic", "--methods", "random,gp,compressed", "--model", "embedded", "--budget", "3", "--seeds", "1"]
    ran = cli("bench", "run", *words, "--pool", "30", "--records", records, "-q")
    assert ran.code == 0, ran
    (run,) = [run for key, run in read_runs([records]).items() if key.model == "embedded"]
    assert len(run.steps) == 3
    assert all(step.calls and step.input_tokens and step.output_tokens for step in run.steps)
    assert all(step.cost_usd == 0 for step in run.steps)
    assert all(step.source in ("model", "repair", "random") for step in run.steps)
    assert all(bool(step.fallback) == (step.source == "random") for step in run.steps)
    assert cli("bench", "report", records, "-o", tmp_path / "report").code == 0
    text = (tmp_path / "report/report.md").read_text()
    own = sum(step.source != "random" for step in run.steps) / 3
    (line,) = [line for line in text.splitlines() if line.startswith("| compressed | 1 |") and "0.0000" in line]
    assert f"| {100 * own:.1f} % |" in line
    assert "landscape-quadratic.png" in text
