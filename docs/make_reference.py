"""Writes the pages of the reference that follow from the code: commands, errors, Python, the schema of study files.

    python docs/make_reference.py

A test compares what it writes with what is committed.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from typer.main import get_command

import tunewise
from tunewise import errors
from tunewise.cli.app import app, exit_code
from tunewise.study.file import schema_of_study_files

FOLDER = Path(__file__).parent / "reference"
NAMESPACES = ("models", "evaluators", "proposers")
"""Modules of the face, with the names that they offer."""


def pages() -> dict[str, str]:
    """Each page's name and text."""
    return {
        "commands.md": commands(),
        "errors.md": failures(),
        "python.md": python(),
        "study-file.schema.json": json.dumps(schema_of_study_files(), indent=1) + "\n",
    }


def commands() -> str:
    """Every command from its help."""
    text = ["# Commands", "", "From each command's own help. Exit codes stand on the page of [errors](errors.md)."]
    for name, command in each_command("tunewise", get_command(app)):
        text += ["", f"## {name}", "", help_of(command), "", "| argument or option | what it is |", "|---|---|"]
        for parameter in command.params:
            shown = ", ".join(f"`{word}`" for word in [*parameter.opts, *parameter.secondary_opts])
            if parameter.param_type_name == "argument":
                shown = f"`{parameter.metavar or parameter.name}`"
            said = getattr(parameter, "help", None) or ""
            text.append(f"| {shown} | {cell(said)} |")
    return "\n".join(text) + "\n"


def each_command(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """A command, or those of a group."""
    below_it = getattr(command, "commands", None)  # typer brings a click of its own
    if below_it:
        for child, below in below_it.items():
            yield from each_command(f"{name} {child}", below)
    else:
        yield name, command


def help_of(command: Any) -> str:
    """The docstring of a command, which is Markdown."""
    return inspect.cleandoc(command.help or "")


def cell(text: str) -> str:
    """A text inside of a table."""
    return re.sub(r"\s+", " ", text).replace("|", "\\|").strip()


def failures() -> str:
    """Every error class, what it means, and the exit code of a command that ends with it."""
    text = ["# Errors and exit codes", "", "| error | what it means | exit code |", "|---|---|---|"]
    for name in errors.__all__:
        kind: type[errors.TunewiseError] = getattr(errors, name)
        text.append(f"| `{name}` | {cell(first_paragraph(kind))} | {exit_code(kind())} |")
    text += ["", "0 is done, 1 an error that should not happen (please report it), 130 interrupted.", ""]
    return "\n".join(text)


def python() -> str:
    """The public names, each with its docstring when the site is built."""
    text = ["# Python", "", "What is public is also listed, with a sentence each, on [one page](../reference.md).", ""]
    for name in tunewise.__all__:
        if not inspect.ismodule(getattr(tunewise, name)):
            text += [f"::: tunewise.{name}", ""]
    for namespace in NAMESPACES:
        text += [f"## tunewise.{namespace}", ""]
        module = import_module(f"tunewise.{namespace}")
        text += [f"::: {home_of(module, name)}\n" for name in module.__all__]
    return "\n".join(text)


def home_of(module: object, name: str) -> str:
    """The address of a name of a namespace, for the tool that reads docstrings."""
    return f"{getattr(module, '__name__', '')}.{name}"


def first_paragraph(kind: type) -> str:
    """Of a docstring."""
    return inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0]


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for page, written in pages().items():
        (FOLDER / page).write_text(written)
