"""Python source: texts of this package as one program, plain data and programs as they stand in a file."""

from __future__ import annotations

import ast
import json
import pprint
import re
from collections.abc import Sequence
from importlib.resources import files

__all__ = ["joined", "pretty", "without_future"]


def joined(modules: Sequence[str]) -> str:
    """The texts of some modules as one program: what they import of each other is there already."""
    text = "\n\n".join((files(__package__) / f"{module}.py").read_text("utf-8") for module in modules)
    text = re.sub(r"^from (tunewise\.|__future__ )[^\n]*\n", "", text, flags=re.MULTILINE)
    return f"from __future__ import annotations\n\n{text}"


def pretty(value: object) -> str:
    """Plain data as Python, keys in their order."""
    return pprint.pformat(json.loads(json.dumps(value)), sort_dicts=False, width=110)


def without_future(code: str) -> str:
    """The program without imports of the future, which stand at the top of the file."""
    lines = code.split("\n")
    for node in ast.parse(code).body:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            for number in range(node.lineno - 1, node.end_lineno or node.lineno):
                lines[number] = ""
    return "\n".join(lines)
