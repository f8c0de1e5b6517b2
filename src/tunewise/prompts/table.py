"""Trials as one compact table: a line each, every hyperparameter's name once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tunewise.history import History, TrialRecord
from tunewise.objectives import Objective
from tunewise.prompts.show import mark, show_value, violated
from tunewise.space import SearchSpace, Value
from tunewise.task import Task
from tunewise.text import clip

__all__ = ["row", "trial_table"]

MAX_REPAIRS = 120
ABSENT = "-"
"""Stands where a hyperparameter does not exist in a trial."""


def trial_table(trials: Sequence[TrialRecord], history: History, space: SearchSpace, task: Task) -> list[str]:
    """A header, then a line for each trial: number, who proposed it, its values; after a colon what came of it.

    One space stands between the cells: bars would cost a token each, and so push other trials out.
    """
    objectives = history.objectives or (Objective(task.metric),)
    header = " ".join(["trial", "by", *space])
    return [
        f"{header}: {', '.join(o.name for o in objectives)}",
        *(line(t, history, space, objectives) for t in trials),
    ]


def line(trial: TrialRecord, history: History, space: SearchSpace, objectives: Sequence[Objective]) -> str:
    """One trial. Hyperparameters that the space does not have any more are left out."""
    who = "you" if trial.by_model else "process" if trial.source == "surrogate" else trial.source
    cells = f"{trial.number} {who} {row(trial.configuration, space)}"
    if trial.state == "pruned":
        at = f" after step {trial.curve[-1][0]}" if trial.curve else ""
        came = f"stopped early{at}" + (f", then {trial.value:.5g}" if trial.value is not None else "")
    else:
        values = trial.values if len(objectives) > 1 else (trial.value,)
        came = ", ".join(f"{value:.5g}" if value is not None else "unknown" for value in values)
    violates = f" but violates {violated(trial)}" if trial.violations else ""
    return f"{cells}: {came}{violates}{mark(trial, history)}{repaired(trial)}"


def repaired(trial: TrialRecord) -> str:
    """What was changed in the model's values before it ran."""
    return f" ({clip('; '.join(trial.proposal.repairs), MAX_REPAIRS)})" if trial.proposal.repairs else ""


def row(configuration: Mapping[str, Value], space: SearchSpace) -> str:
    """The values of a configuration, in the order of the table's columns."""
    return " ".join(cell(configuration[name]) if name in configuration else ABSENT for name in space)


def cell(value: Value) -> str:
    """A hyperparameter's value, with three significant digits: more would push other trials out of the table.

    1024 stays what it is: it is as short, and the value of a grid.
    """
    if isinstance(value, float):
        return f"{value:.0f}" if 1000 <= abs(value) < 1_000_000 else f"{value:.3g}"
    return show_value(value)
