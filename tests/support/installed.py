"""Run by `make dist` in an environment that holds the wheel and what it brings, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from importlib.metadata import distributions
from pathlib import Path

STUDY = """
task: {metric: loss}
space: {x: {type: float, low: -5, high: 5, default: 0}}
evaluate: {command: "python train.py {x}", metric: loss}
n_trials: 5
"""
TRAIN = """
import json, sys
print(json.dumps({"loss": (float(sys.argv[1]) - 1) ** 2}))
"""
LARGEST = 2_000_000
"""Bytes of the wheel."""


def main() -> None:
    (wheel,) = Path(sys.argv[1]).glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/"))], "the wheel holds tests"
    assert "tunewise/py.typed" in names
    assert wheel.stat().st_size < LARGEST, f"the wheel has {wheel.stat().st_size} bytes"
    brought = {found.metadata["Name"].lower() for found in distributions()}
    print(
        f"{wheel.name}: {wheel.stat().st_size} bytes, {len(names)} files; the environment holds {len(brought)} packages"
    )
    for heavy in ("torch", "scikit-learn", "smac", "matplotlib", "plotly", "ray", "dask", "mcp"):
        assert heavy not in brought, f"a plain installation brings {heavy}"
    tunewise = Path(sys.executable).with_name("tunewise")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "study.yaml").write_text(STUDY)
        (Path(folder) / "train.py").write_text(TRAIN)
        for words in (["--version"], ["prompt", "study.yaml"], ["tune", "study.yaml"], ["show", "study.yaml"]):
            done = subprocess.run([tunewise, *words], cwd=folder, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"tunewise {' '.join(words)}: {done.stdout}{done.stderr}"
    print("installed, and ran a study")


if __name__ == "__main__":
    main()
