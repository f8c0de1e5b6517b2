"""What an evaluator evaluates, so that two objectives are never taken for one."""

from __future__ import annotations

import functools
import hashlib
import inspect
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from types import CodeType

from tunewise.secrets import mask
from tunewise.text import shorten

__all__ = ["Identity", "identity_of", "of_callable", "of_command", "of_estimator"]

LAMBDA = "<lambda>"
HYPERPARAMETER = re.compile(r"[\w.+/-]*[=:]?\{[^{}]+\}")
"""A word of a command that is there for a hyperparameter: `{lr}`, `--lr={lr}`, `optimizer.lr={lr}`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What is evaluated. It outlives an edit of the code, and a move of its file or notebook cell.

    Attributes:
        name: Of the function, program or estimator.
        file: Path of its source; empty where it has none, as in a notebook.
        code: Digest of what it does, where that is known; else empty. Tells apart what has no name of its own.
    """

    name: str
    file: str = ""
    code: str = ""

    def __str__(self) -> str:
        where = PurePath(self.file).name
        return shorten(f"{self.name} of {where}" if where and where not in self.name else self.name, 100)

    @classmethod
    def stored(cls, known: object) -> Identity | None:
        """What a study keeps of it; None where it keeps none that can be read."""
        if not isinstance(known, Mapping) or not all(isinstance(known.get(part), str) for part in cls.__slots__):
            return None
        return cls(**{part: known[part] for part in cls.__slots__})

    def is_other(self, before: Identity, *, shared: bool) -> bool:
        """Whether this is another objective than `before`.

        Args:
            before: What was evaluated.
            shared: Whether both have a hyperparameter in common; tells two functions without a name apart.
        """
        if self.name != before.name or is_other_file(self.file, before.file):
            return True
        return self.name.startswith(LAMBDA) and self.is_changed(before) and not shared

    def is_changed(self, before: Identity) -> bool:
        """Whether its code is known to be another than it was."""
        return bool(self.code and before.code) and self.code != before.code


def is_other_file(file: str, before: str) -> bool:
    """Whether both exist and differ: what is gone has moved, and what is equal is a copy."""
    if file == before or not file or not before:
        return False
    try:
        return Path(before).read_bytes() != Path(file).read_bytes()
    except (OSError, ValueError):
        return False


def identity_of(evaluator: object) -> Identity:
    """What an evaluator says of itself in `identity`; else its class."""
    own = getattr(evaluator, "identity", None)
    return own if isinstance(own, Identity) else of_callable(type(evaluator))


def of_callable(objective: object) -> Identity:
    """A function by its name and its file, with what `functools.partial` gives it."""
    objective, given = without_arguments(inspect.unwrap(objective) if callable(objective) else objective)
    named = objective if hasattr(objective, "__qualname__") else type(objective)
    name = str(getattr(named, "__qualname__", "objective"))
    module = sys.modules.get(str(getattr(named, "__module__", "")))
    file = getattr(module, "__file__", None)
    code = getattr(objective, "__code__", None)
    name = LAMBDA if name.endswith(LAMBDA) else name
    return Identity(
        name=f"{name} with arguments {digest(given)}" if given else name,
        file=str(Path(file).resolve()) if isinstance(file, str) else "",
        code=digest(platform.python_version() + text_of(code)) if isinstance(code, CodeType) else "",
    )


def without_arguments(objective: object) -> tuple[object, str]:
    """The function inside of `functools.partial`, and the plain values among its arguments as text."""
    given: list[str] = []
    while isinstance(objective, functools.partial):
        arguments = [("", value) for value in objective.args] + sorted(objective.keywords.items())
        given += [f"{key}={v!r}" for key, v in arguments if isinstance(v, str | int | float | bool | None | PurePath)]
        objective = inspect.unwrap(objective.func)
    return objective, " ".join(given)


def of_command(words: Sequence[str], folder: Path | None = None) -> Identity:
    """A program by its words, without those that hold hyperparameters and their options, and by its script.

    Args:
        words: Of the command.
        folder: Where it runs.
    """
    kept: list[str] = []
    file = ""
    for word in words:
        path = (folder or Path()) / word
        if HYPERPARAMETER.fullmatch(word):
            if word.startswith("{") and kept[1:] and kept[-1].startswith("-"):
                kept.pop()  # its option
        elif not kept or (not file and is_file(path)):
            kept.append(PurePath(word).name)  # wherever it is installed
            file = str(path.resolve()) if is_file(path) else file
        else:
            kept.append(word)
    return Identity(name=mask(" ".join(kept)), file=file)


def is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def of_estimator(estimator: object, X: object, metric: str) -> Identity:  # noqa: N803 - the field's name for it
    """An estimator or pipeline by its classes, how it is scored, and the shape of its data."""
    steps = [step for _, step in getattr(estimator, "steps", [("", estimator)])]
    shape = getattr(X, "shape", None) or (len(X) if hasattr(X, "__len__") else 0,)
    size = " x ".join(str(n) for n in shape)
    return Identity(name=f"{' -> '.join(type(step).__name__ for step in steps)}, {metric}, on {size} values")


def text_of(code: CodeType) -> str:
    """What is compared of compiled code: neither file nor lines."""
    constants = [text_of(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    return repr((code.co_code, code.co_names, code.co_varnames, constants))


def digest(text: str) -> str:
    """A short name for a long text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]
