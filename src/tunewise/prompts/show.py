"""How values, configurations and trials look in a prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tunewise.history import History, TrialRecord
from tunewise.objectives import Objective
from tunewise.space import NO_DEFAULT, Hyperparameter, Value
from tunewise.space.values import exactly
from tunewise.text import clip

MAX_ERROR = 300
MAX_DESCRIPTION = 240
MAX_VIOLATIONS = 3


def mark(trial: TrialRecord, history: History) -> str:
    """Whether a trial is the best, or one of those on the front."""
    if history.scalarization:
        return " (on the front)" if trial.number in history.front else ""
    best = history.best
    return " (best)" if best and history.ties(trial, best) and len(history.finished) > 1 else ""


def outcome(trial: TrialRecord, metric: str, objectives: Sequence[Objective] = ()) -> str:
    """What became of a trial, in a few words."""
    if trial.state == "failed":
        return f"failed: {clip(trial.error, MAX_ERROR)}"
    if trial.state == "pruned":
        at = f" after step {trial.curve[-1][0]}" if trial.curve else ""
        name = objectives[0].name if objectives else metric
        last = f", when the {name} was {trial.value:.4e}" if trial.value is not None else ""
        return f"stopped early{at}{last}"
    if trial.value is None:
        return "not known yet"
    named = zip(objectives, trial.values, strict=False) if objectives else [(Objective(metric), trial.value)]
    measured = ", ".join(f"{objective.name} = {value:.4e}" for objective, value in named)
    return measured + (f", but violates {violated(trial)}" if trial.violations else "")


def violated(trial: TrialRecord) -> str:
    """The constraints that a trial violates most, and by how much; without a name they have numbers."""
    worst = sorted(trial.violations.items(), key=lambda item: -item[1])[:MAX_VIOLATIONS]
    return ", ".join(f"{f'constraint {n}' if n.isdigit() else clip(exactly(n), 60)} by {by:.2e}" for n, by in worst)


def show(configuration: Mapping[str, Value]) -> str:
    """A configuration as one line of JSON, with five significant digits."""
    return "{" + ", ".join(f"{exactly(name)}: {show_value(v)}" for name, v in configuration.items()) + "}"


def show_value(value: Value) -> str:
    """A value as JSON; floats with five significant digits."""
    return f"{value:.5g}" if isinstance(value, float) else exactly(value)


def describe(name: str, hyperparameter: Hyperparameter) -> str:
    """A hyperparameter in a line: type, range, scale, default, condition, meaning."""
    facts = [hyperparameter.describe()]
    if hyperparameter.default is not NO_DEFAULT:
        facts.append(f"default {hyperparameter.show(hyperparameter.default)}")
    for parent, values in hyperparameter.when.items():
        facts.append(f"exists only when {parent} is {' or '.join(map(exactly, values))}")
    meaning = " ".join(hyperparameter.description.split())
    return f"{name}: {', '.join(facts)}" + (f". {clip(meaning, MAX_DESCRIPTION)}" if meaning else "")
