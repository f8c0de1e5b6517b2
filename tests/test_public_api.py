"""The public face: names resolve, it is what the reference page says, and importing does nothing."""

from __future__ import annotations

import ast
import pickle
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import tunewise

PAGE = Path(__file__).parent.parent / "docs" / "reference.md"


@pytest.mark.parametrize("name", tunewise.__all__)
def test_every_name_resolves_and_says_where_it_is_imported_from(name: str) -> None:
    found = getattr(tunewise, name)
    if isinstance(found, ModuleType):
        assert found.__name__ == f"tunewise.{name}"
    else:
        assert found.__module__ == "tunewise"
        assert pickle.loads(pickle.dumps(found)) is found
        assert found is getattr(import_module(tunewise._HOMES[name]), name)


def test_the_lists_are_one() -> None:
    assert tunewise.__all__ == sorted(tunewise.__all__)
    assert dir(tunewise) == tunewise.__all__
    modules = set(tunewise.__all__) - set(tunewise._HOMES)
    tree = ast.parse(Path(tunewise.__file__).read_text("utf-8"))
    imported = {
        alias.name: node.module
        for branch in tree.body
        if isinstance(branch, ast.If)
        for node in branch.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported == {**tunewise._HOMES, **dict.fromkeys(modules, "tunewise")}


@pytest.mark.parametrize("module", ["tunewise", "tunewise.models", "tunewise.evaluators"])
def test_the_reference_page_names_what_is_public(module: str) -> None:
    text = PAGE.read_text("utf-8")
    section = re.split(r"^## ", text, flags=re.MULTILINE)
    (own,) = (part for part in section if part.startswith(f"{module}\n"))
    assert set(re.findall(r"^\| `(\w+)` \|", own, re.MULTILINE)) == set(import_module(module).__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'tuna'"):
        _ = tunewise.tuna


def test_a_study_file_is_read_after_its_parts_were_published(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("space: {x: {type: float, low: 0, high: 1}}\nevaluate: {command: echo}\nstop: {patience: 3}\n")
    code = (
        "import sys, tunewise; [getattr(tunewise, name) for name in tunewise.__all__];"
        "from tunewise.study.file import read_study_file; print(read_study_file(sys.argv[1]).stop.patience)"
    )
    run = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "3"


def test_importing_loads_nothing_heavy() -> None:
    code = "import sys, tunewise; print(*sorted(m for m in sys.modules if m.split('.')[0] in sys.argv[1:]))"
    watched = ["optuna", "numpy", "openai", "sklearn", "jinja2", "pydantic", "yaml", "rich", "typer"]
    run = subprocess.run([sys.executable, "-c", code, *watched], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""
