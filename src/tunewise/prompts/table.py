"""Trials as one compact table: a line each, every hyperparameter's name once."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tunewise.history import History, TrialRecord
from tunewise.objectives import Objective
from tunewise.prompts.views import mark, show_value, violated
from tunewise.space import SearchSpace, Value
from tunewise.space.values import exactly
from tunewise.task import Task

__all__ = ["say_precision", "trial_table"]

ABSENT = "-"
"""Stands where a hyperparameter does not exist in a trial."""


def trial_table(trials: Sequence[TrialRecord], history: History, space: SearchSpace, task: Task) -> list[str]:
    """A header, then a line for each trial: number, who proposed it, its values, what came of it."""
    objectives = history.objectives or (Objective(task.metric),)
    header = ["trial", "by", *space, *(objective.name for objective in objectives)]
    return [" | ".join(header), *(line(trial, history, space, len(objectives)) for trial in trials)]


def line(trial: TrialRecord, history: History, space: SearchSpace, objectives: int) -> str:
    """One trial. Hyperparameters that the space does not have any more are left out."""
    who = "you" if trial.by_model else "process" if trial.source == "acquisition" else trial.source
    known = trial.configuration
    cells = [str(trial.number), who, *(cell(known[name]) if name in known else ABSENT for name in space)]
    values = trial.values if objectives > 1 else (trial.value,)
    if trial.state == "pruned":
        at = f" after step {trial.curve[-1][0]}" if trial.curve else ""
        cells.append(f"stopped early{at}" + (f", then {trial.value:.5g}" if trial.value is not None else ""))
    else:
        cells += [f"{value:.5g}" if value is not None else "unknown" for value in values]
    return " | ".join(cells) + (f" but violates {violated(trial)}" if trial.violations else "") + mark(trial, history)


def cell(value: Value) -> str:
    """A hyperparameter's value, with three significant digits: more would push other trials out of the table."""
    return f"{value:.3g}" if isinstance(value, float) else show_value(value)


def say_precision(history: History) -> list[str]:
    """How fine the metric can be told, as far as the trials show it, a sentence each."""
    values = [t.value for t in history.finished if t.value is not None and math.isfinite(t.value)]
    said = []
    if history.scalarization is None and 1 < len({f"{value:.9g}" for value in values}) < len(values):
        said.append("Equal values are ties: the metric has steps.")
    if noise := noise_of(history):
        said.append(f"Repeats of one configuration differed by up to {noise:.2g}: smaller differences mean nothing.")
    return said


def noise_of(history: History) -> float:
    """The largest difference between finished trials of exactly the same configuration."""
    groups: dict[str, list[float]] = {}
    for trial in history.finished:
        if trial.value is not None and math.isfinite(trial.value):
            key = ", ".join(f"{name}={exactly(value)}" for name, value in sorted(trial.configuration.items()))
            groups.setdefault(key, []).append(trial.value)
    differences = [max(group) - min(group) for group in groups.values() if f"{max(group):.9g}" != f"{min(group):.9g}"]
    return max(differences, default=0.0)
