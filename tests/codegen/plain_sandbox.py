"""A runner that satisfies the protocol of a sandbox and protects from nothing: for tests of what is around it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tunewise.sandbox.base import Limits, Outcome

FRAME = """
import json
with open("arguments.json") as file:
    arguments = json.load(file)
def respond(value):
    with open("answer.json", "w") as file:
        json.dump(value, file)
"""


class PlainSandbox:
    """Runs programs in processes of their own."""

    name = "none: for tests"

    def __init__(self) -> None:
        self.runs: list[tuple[Any, Mapping[str, bytes]]] = []

    def run(
        self,
        program: str,
        *,
        arguments: Any = None,
        files: Mapping[str, bytes] | None = None,
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ) -> Outcome:
        """Run a program to its end or to the time limit."""
        self.runs.append((arguments, files or {}))
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for file, content in (files or {}).items():
                (folder / file).write_bytes(content)
            (folder / "arguments.json").write_text(json.dumps(arguments))
            (folder / "frame.py").write_text(FRAME)
            text = program.replace("from __future__ import annotations\n", "", 1)
            (folder / "main.py").write_text(f"from __future__ import annotations\nfrom frame import *\n{text}")
            try:
                done = subprocess.run(
                    [sys.executable, "main.py"],
                    cwd=folder,
                    env={"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1"},
                    capture_output=True,
                    text=True,
                    timeout=limits.wall_s,
                )
            except subprocess.TimeoutExpired:
                return Outcome(error=f"The time limit of {limits.wall_s:g} s was reached.")
            answer = folder / "answer.json"
            lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            return Outcome(
                result=json.loads(answer.read_text()) if answer.exists() else None,
                error=lines[-1] if done.returncode else "",
                seconds=time.monotonic() - began,
            )
