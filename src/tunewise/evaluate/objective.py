"""Calling an objective, which is somebody else's code: whatever it does becomes a number or a reason."""

from __future__ import annotations

import os
import sys
import sysconfig
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tunewise.errors import TrialFailed, TrialStopped
from tunewise.evaluate.base import Evaluation, read_metric
from tunewise.evaluate.run import Run, takes_run
from tunewise.space import Value
from tunewise.text import shorten

__all__ = ["Objective", "call", "describe"]

Objective = Callable[[dict[str, Any]], object] | Callable[[dict[str, Any], Run], object]
"""What a user writes: a configuration goes in, and a `Run` if there is a second argument for it; out comes the metric,
or a mapping that holds it and other numbers."""

OWN = f"{Path(__file__).parents[1]}{os.sep}"


def call(objective: Objective, configuration: Mapping[str, Value], run: Run, metric: str) -> Evaluation:
    """Call an objective with a copy of the configuration.

    Raises:
        TrialStopped: It raised this, or `optuna.TrialPruned`.
        TrialFailed: It raised, called `sys.exit`, or returned no usable metric.
        KeyboardInterrupt: Somebody wants to stop; also as `SystemExit(KeyboardInterrupt)`, which is passed on as it is.
    """
    try:
        arguments = (dict(configuration), run) if takes_run(objective) else (dict(configuration),)
        return read_metric(objective(*arguments), metric)
    except (TrialFailed, TrialStopped, KeyboardInterrupt):
        raise
    except SystemExit as error:
        code: object = error.code
        if code is KeyboardInterrupt or isinstance(code, KeyboardInterrupt):
            raise
        raise TrialFailed(f"The objective called sys.exit({shorten(code, 200)}){place(error)}.") from error
    except BaseException as error:
        if (optuna := sys.modules.get("optuna")) and isinstance(error, optuna.TrialPruned):
            raise TrialStopped(str(error)) from error
        raise TrialFailed(f"The objective raised {describe(error)}.") from error


def describe(error: BaseException) -> str:
    """An exception in a line: type, message, and the file and line of the user's code where it happened."""
    try:
        message = shorten(str(error).strip().rstrip("."), 500)
    except Exception:  # noqa: BLE001 - a broken __str__ must not hide the error
        message = ""
    return f"{type(error).__name__}{': ' if message else ''}{message}{place(error)}"


def place(error: BaseException) -> str:
    """Where an exception was raised: the last line outside of the libraries, else the last one; without the folder."""
    libraries = tuple({sysconfig.get_path(key) for key in ("stdlib", "platstdlib", "purelib", "platlib")})
    frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    others = [(file, line) for file, line in frames if not file.startswith(OWN)]
    users = [(file, line) for file, line in others if not file.startswith((*libraries, "<frozen"))]
    for file, line in reversed(users or others):
        return f" ({Path(file).name}:{line})"
    return ""
