"""Names that Optuna does not promise are used in one module, so that a new version of it is looked at in one place."""

from __future__ import annotations

import ast
from pathlib import Path

import tunewise

SOURCE = Path(tunewise.__file__).parent
ATTRIBUTES = {"_trial_id", "_study_id"}


def private_names(path: Path) -> list[str]:
    """What a module takes from behind Optuna's underscores."""
    text, found = path.read_text("utf-8"), []
    if not any(word in text for word in ("optuna", "_storage", *ATTRIBUTES)):
        return []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "optuna":
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            found += [f"{node.module}: {name}" for name in names if name.startswith("_")]
        elif isinstance(node, ast.Attribute):
            own = isinstance(node.value, ast.Name) and node.value.id == "self"
            if node.attr in ATTRIBUTES or (node.attr == "_storage" and not own):
                found.append(node.attr)
    return found


def test_private_names_of_optuna_have_one_home() -> None:
    used = {str(path.relative_to(SOURCE)): found for path in SOURCE.rglob("*.py") if (found := private_names(path))}
    assert set(used) == {"optuna_private.py"}
