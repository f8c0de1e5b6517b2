"""What trials were measured at, and the best one in forms that can be copied: for the page and for Markdown."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterator, Mapping

from tunewise.history import TrialRecord
from tunewise.space import Value
from tunewise.study.stored import StoredStudy

__all__ = ["MAX_MEASURES", "best_values", "measured", "measures", "title_of", "winner"]

MAX_MEASURES = 6
"""Numbers of a trial that get a column: objectives, then what was returned beside them."""
UNNAMED = re.compile(r"tunewise|study|no-name-.*")
"""Names of studies that nobody chose: those that come of `tune`, of a file study.yaml, and of Optuna."""


def title_of(stored: StoredStudy) -> str:
    """The study's name; where nobody chose one what is tuned, else the name of its file."""
    if not UNNAMED.fullmatch(stored.name):
        return stored.name
    if model := stored.task.model:
        return f"{model}: {stored.metric}"
    return stored.file or stored.name


def best_values(stored: StoredStudy) -> Iterator[tuple[str, str, float | None, TrialRecord | None]]:
    """Each objective: name, direction, the best value, and the trial that reached it."""
    if len(stored.objectives) == 1:
        best = stored.best
        yield stored.metric, stored.history.direction, best.value if best else None, best
        return
    counted = [t for t in stored.history.finished if t.feasible and len(t.values) == len(stored.objectives)]
    for k, one in enumerate(stored.objectives):
        best = min(counted, key=lambda t: one.sign * t.values[k], default=None)
        yield one.name, one.direction, best.values[k] if best else None, best


def measures(stored: StoredStudy) -> list[str]:
    """Names of what trials returned: the objectives, then other numbers."""
    names = [stored.metric] if len(stored.objectives) == 1 else [one.name for one in stored.objectives]
    return [*names, *stored.extra_names][:MAX_MEASURES]


def measured(stored: StoredStudy, trial: TrialRecord) -> list[float | None]:
    """What a trial returned, in the order of `measures`; None where it did not."""
    count = len(stored.objectives)
    values: list[float | None] = [trial.value] if count == 1 else [*trial.values, *[None] * (count - len(trial.values))]
    return [*values, *(trial.extra.get(name) for name in stored.extra_names)][:MAX_MEASURES]


def winner(best: TrialRecord) -> list[tuple[str, str]]:
    """The best configuration as code and as options of a command: pairs of a label and a text."""
    return [("Python", as_python(best.configuration)), ("Options of a command", as_options(best.configuration))]


def as_python(configuration: Mapping[str, Value]) -> str:
    """A dictionary, a line for each hyperparameter; numbers with all their digits."""
    inside = "".join(f"    {name!r}: {value!r},\n" for name, value in configuration.items())
    return f"configuration = {{\n{inside}}}"


def as_options(configuration: Mapping[str, Value]) -> str:
    """One option a hyperparameter, quoted for a shell."""
    words = []
    for name, value in configuration.items():
        whole = isinstance(value, float) and math.isfinite(value) and value == int(value) and abs(value) < 1e15
        shown = str(int(value)) if whole and isinstance(value, float) else str(value)
        words.append(f"--{name.replace('_', '-')} {shlex.quote(shown)}")
    return " ".join(words)
