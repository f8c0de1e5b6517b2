"""Documentation that is executed: Python blocks run, study files are read, commands exist, links lead somewhere."""

from __future__ import annotations

import re
import runpy
import shlex
import tomllib
from dataclasses import fields
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from tunewise.cli.app import app
from tunewise.study.file import StudyFile

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("src/**/*.md"), *ROOT.glob("examples/*.md")])
PAGES += sorted(ROOT.glob("benchmarks/*.md"))


def ids(page: Path) -> str:
    """A page's name in test reports."""
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", [p for p in PAGES if "```python" in p.read_text()], ids=ids)
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    scope: dict[str, object] = {"__name__": "documentation"}
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
        exec(compile(block, ids(page), "exec"), scope)  # our own documentation


def test_names_in_blocks_that_are_not_run_exist() -> None:
    """Indented blocks need a cluster, a tracker or the like; what they import of ours is there all the same."""
    pattern = re.compile(r"^    from (tunewise\S*) import (.+)", re.MULTILINE)
    found = [match for page in PAGES for match in pattern.findall(page.read_text())]
    assert found
    for module, names in found:
        assert set(names.split(", ")) <= set(import_module(module).__all__), (module, names)


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


@cache
def all_commands() -> dict[str, Any]:
    return get_command(app).commands  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_commands_exist(page: Path) -> None:
    commands = all_commands()
    for line in re.findall(r"(?:^ {4,}|^\$ |`)(tunewise [^#`\n|]*)", page.read_text(), re.MULTILINE):
        words = shlex.split(line)
        if words[1].startswith("-"):
            continue
        assert words[1] in commands, line
        command = commands[words[1]]
        if hasattr(command, "commands"):  # a group
            usual = command.commands.get("look")  # what a group does with a word that is no command
            assert len(words) < 3 or words[2] in command.commands or usual, line
            command = command.commands.get(words[2], usual) if len(words) > 2 else usual or command
        options = {name for parameter in command.params for name in [*parameter.opts, *parameter.secondary_opts]}
        assert {word for word in words if word.startswith("--")} <= options | {"--help"}, line


def test_the_page_on_study_files_names_every_key() -> None:
    page = (ROOT / "docs/study-file.md").read_text()
    named = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    assert named == {field.name for field in fields(StudyFile)} - {"path"}


@pytest.mark.parametrize("file", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda f: f.name)
def test_examples_are_named_in_their_readme(file: Path) -> None:
    assert f"`{file.name}`" in (ROOT / "examples/README.md").read_text()
    assert yaml.safe_load(file.read_text())["space"]


def test_every_folder_has_a_readme_that_names_its_files() -> None:
    for folder in sorted(p for p in (ROOT / "src/tunewise").iterdir() if p.is_dir() and p.name != "__pycache__"):
        text = (folder / "README.md").read_text()
        for file in folder.glob("*.py"):
            if file.name != "__init__.py":
                assert f"`{file.name}`" in text, f"{folder.name}/README.md does not name {file.name}"
        assert re.search(r"^To add ", text, re.MULTILINE), folder.name


def test_the_architecture_names_the_layers_that_a_machine_checks() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    drawn = "\n".join(f"    {layer}" for layer in layers if layer != "__main__")
    assert f"\n\n{drawn}\n\n" in (ROOT / "docs" / "architecture.md").read_text("utf-8")


def test_the_reference_is_what_the_code_says() -> None:
    namespace = runpy.run_path(str(ROOT / "docs" / "make_reference.py"))
    for name, written in namespace["pages"]().items():
        assert (ROOT / "docs" / "reference" / name).read_text() == written, "run: python docs/make_reference.py"
