"""The words of a command: split as a shell would, without one, and filled with the values of a configuration."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from tunewise.errors import StudyError
from tunewise.space import Value
from tunewise.text import nearest, shorten

__all__ = ["as_text", "fill", "split"]

NAME = re.compile(r"[^\W\d][\w.\-]*")  # what in braces is meant as a name: {lr}, {optimiser.lr}; not {"a": 1}
VARIABLE = re.compile(r"(?P<name>[A-Za-z_]\w*)=")
SHELL = re.compile(r"[|&;<]|[|&]{2}|\d?&?>{1,2}(?!=).*|\d?>&\d|\S*(\$\(|`)\S*|~/.*")
"""Words that a shell would act upon."""
SHELLS = ("sh", "bash", "dash", "zsh")
PLACEHOLDER = re.compile(r"\{\{(?P<literal>[^{}]*)\}\}|\{(?P<name>[^{}]+?)(?P<optional>\?)?\}")


def split(command: str | Sequence[str]) -> list[str]:
    """The words of a command."""
    given = command
    if isinstance(command, str):
        try:
            command = shlex.split(command)
        except ValueError as error:
            raise StudyError(
                f"command = {shorten(command)} cannot be split: {error}. Close quotes, or use a list."
            ) from None
    words = list(command) if isinstance(command, Sequence) else []
    if not words or not all(isinstance(word, str) for word in words) or not words[0]:
        raise StudyError(
            f"command = {shorten(words)} is not a program and its arguments. Write for example python train.py."
        )
    if isinstance(given, str) and Path(words[0]).name not in SHELLS:
        check_without_shell(words)
    return words


def check_without_shell(words: Sequence[str]) -> None:
    """Refuse a line that only a shell understands, which would reach the program as arguments.

    Raises:
        StudyError: It has a pipe, a redirection, a second command, a variable before its program, or the like.
    """
    if variable := VARIABLE.match(words[0]):
        raise StudyError(
            f"The command begins with {shorten(words[0])}, which only a shell understands, and there is none. Set "
            f"variables in env beside the command: env: {{{variable['name']}: ...}}."
        )
    if word := next((word for word in words if SHELL.fullmatch(word)), None):
        raise StudyError(
            f"The command holds {shorten(word)}, which only a shell understands, and there is none: the program would "
            "get it as an argument. What it prints is read as it is; for all else name a script, or write sh -c '...' "
            "with all of it in quotes."
        )


def fill(
    words: Sequence[str], configuration: Mapping[str, Value], config: str, flags: Collection[str] = ()
) -> list[str]:
    """The words with values in place of placeholders, or with `--name=value` after them when there is no placeholder.

    A flag that is true is `--name`. A word that holds one, such as `--amsgrad={amsgrad}` or `{amsgrad}`, stands
    without its value when it is true, and is left out when it is false.

    Raises:
        StudyError: A placeholder names no hyperparameter that exists.
    """
    values = {"config": config} | {name: as_text(value) for name, value in configuration.items()}
    names = [match["name"] for word in words for match in PLACEHOLDER.finditer(word) if match["name"]]
    if not any(name in values or NAME.fullmatch(name) or beginning(name) in values for name in names):
        given = {name: value for name, value in configuration.items() if name not in flags or value is True}
        return [*words, *(f"--{name}" if name in flags else f"--{name}={values[name]}" for name in given)]

    def replacement(match: re.Match[str]) -> str:
        name = match["name"]
        if name is None:
            return f"{{{match['literal']}}}"
        if name not in values and NAME.fullmatch(name):
            near = nearest(name, values)
            hint = f"Did you mean {{{near}}}?" if near else f"There are: {', '.join(map(str, values))}."
            raise StudyError(
                f"The command names {{{name}}}, which this configuration does not have. {hint} If it exists only under "
                f"a condition, write it as one word with a question mark, such as --{name}={{{name}?}}; "
                f"{{{{{name}}}}} stands for the text itself."
            )
        if name not in values and (head := beginning(name)) in values:
            raise StudyError(
                f"The command holds {shorten(match[0])}. A placeholder is a name alone: write {{{head}}}. The value is "
                "written as in JSON."
            )
        if match.string[: match.start()].endswith("$") and name in values:
            raise StudyError(f"The command holds ${match[0]}, as a shell writes it. Write {match[0]}.")
        return f"--{name}" if name in flags and match.string == match[0] else values.get(name, match[0])

    def dropped(word: str) -> bool:
        matches = list(PLACEHOLDER.finditer(word))
        off = any(match["name"] in flags and configuration.get(match["name"]) is False for match in matches)
        return off or any(match["optional"] and match["name"] not in values for match in matches)

    return [PLACEHOLDER.sub(replacement, without_value(word, flags)) for word in words if not dropped(word)]


def beginning(name: str) -> str:
    """What is meant by `lr:.3f`, `lr!r`, `lr[0]` and ` lr `."""
    return re.split(r"[:!\[\s]", name.strip(), maxsplit=1)[0]


def without_value(word: str, flags: Collection[str]) -> str:
    """A word such as `--amsgrad={amsgrad}` without what a flag does not take."""
    option, equals, value = word.partition("=")
    match = PLACEHOLDER.fullmatch(value)
    return option if equals and match and match["name"] in flags else word


def as_text(value: Value) -> str:
    """A value as in JSON, but text as it is."""
    return value if isinstance(value, str) else json.dumps(value, default=str)
