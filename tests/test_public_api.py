"""The public face: names resolve, and importing does nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import tunewise


@pytest.mark.parametrize("name", tunewise.__all__)
def test_every_name_resolves(name: str) -> None:
    assert getattr(tunewise, name) is not None


@pytest.mark.parametrize(("name", "home"), tunewise._HOMES.items())
def test_every_name_is_at_home(name: str, home: str) -> None:
    module = import_module(home)
    assert getattr(module, name) is getattr(tunewise, name)
    assert name in getattr(module, "__all__", vars(module))


def test_the_three_lists_are_one() -> None:
    assert tunewise.__all__ == sorted(tunewise.__all__)
    assert {*tunewise._HOMES, "errors"} == set(tunewise.__all__)
    assert dir(tunewise) == tunewise.__all__
    tree = ast.parse(Path(tunewise.__file__).read_text("utf-8"))
    imported = {
        alias.name: node.module
        for branch in tree.body
        if isinstance(branch, ast.If)
        for node in branch.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported == {**tunewise._HOMES, "errors": "tunewise"}


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'tuna'"):
        _ = tunewise.tuna


def test_importing_loads_nothing_heavy() -> None:
    code = "import sys, tunewise; print(*sorted(m for m in sys.modules if m.split('.')[0] in sys.argv[1:]))"
    watched = ["optuna", "numpy", "openai", "sklearn", "jinja2", "pydantic", "yaml", "rich", "typer"]
    run = subprocess.run([sys.executable, "-c", code, *watched], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""
