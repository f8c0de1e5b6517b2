"""Small labelled tables in the format of the benchmark's data sets, made up."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def write_csv(folder: Path, name: str, *, rows: int = 150, classes: int = 2, seed: int = 0) -> None:
    """Two numeric columns, one of which tells the class, and a nominal one with the level "none"."""
    rng = np.random.default_rng(seed)
    y = np.arange(rows) % classes
    first, second = y + rng.normal(scale=0.8, size=rows), rng.normal(scale=30, size=rows)
    level = rng.choice(["none", "some", "NA"], size=rows)
    lines = [f"{a:.4f},{c},{b:.2f},class{k}" for a, b, c, k in zip(first, second, level, y, strict=True)]
    (folder / f"{name}.csv").write_text("first,level,second,class\n" + "\n".join(lines) + "\n")
