"""What the trials show beyond their list: ties, noise, settings without effect, no more progress, curves."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from itertools import combinations
from typing import Final

from tunewise.history import History, TrialRecord
from tunewise.prompts.curves import say_curves
from tunewise.prompts.views import show_value
from tunewise.space import SearchSpace, Value
from tunewise.space.values import exactly
from tunewise.text import clip

__all__ = ["say_findings", "stale_for"]

STALE: Final = 5
"""So many trials without a better value are said."""
RECENT: Final = 60
"""Among so many trials, the latest, settings are compared."""
PAIRS: Final = 2
"""So many ties it takes to say that values of a hyperparameter make no difference: one can be chance."""
MAX_SAID: Final = 6
"""So many hyperparameters are named in a sentence."""


def say_findings(history: History, space: SearchSpace) -> list[str]:
    """All of them."""
    return (
        say_precision(history) + say_equal_settings(history, space) + say_progress(history, space) + say_curves(history)
    )


def say_precision(history: History) -> list[str]:
    """How fine the metric can be told, as far as the trials show it, a sentence each."""
    values = [t.value for t in valued(history)]
    said = []
    if history.scalarization is None and 1 < len({f"{value:.9g}" for value in values}) < len(values):
        said.append("Equal values are ties: the metric has steps.")
    if noise := noise_of(history):
        said.append(f"Repeats of one configuration differed by up to {noise:.2g}: smaller differences mean nothing.")
    return said


def valued(history: History) -> list[TrialRecord]:
    """Finished trials with a finite value."""
    return [t for t in history.finished if t.value is not None and math.isfinite(t.value)]


def noise_of(history: History) -> float:
    """The largest difference between finished trials of exactly the same configuration."""
    groups: dict[Hashable, list[float]] = {}
    for trial in valued(history):
        groups.setdefault(key_of(trial), []).append(trial.value or 0.0)
    differences = [max(group) - min(group) for group in groups.values() if f"{max(group):.9g}" != f"{min(group):.9g}"]
    return max(differences, default=0.0)


def key_of(trial: TrialRecord, *, without: str = "") -> Hashable:
    """What two trials of one configuration have in common, one hyperparameter aside; 1 and True are two values."""
    return frozenset((n, isinstance(v, bool), v) for n, v in trial.configuration.items() if n != without)


def say_equal_settings(history: History, space: SearchSpace) -> list[str]:
    """Values of a hyperparameter that gave equal results wherever everything else was equal; one sentence, or none."""
    found = [
        f"{clip(name, 60)} {', '.join(map(show_value, values))}"
        for name in space
        for values in equal_values(valued(history)[-RECENT:], name)
    ]
    if not found or history.scalarization:
        return []
    return [f"With all else equal these made no difference so far: {'; '.join(found[:MAX_SAID])}."]


def equal_values(trials: Sequence[TrialRecord], name: str) -> Iterator[list[Value]]:
    """Groups of values of one hyperparameter that tied at least twice and never differed."""
    contexts: dict[Hashable, list[TrialRecord]] = defaultdict(list)
    for trial in trials:
        if name in trial.configuration:
            contexts[key_of(trial, without=name)].append(trial)
    pairs = [pair for group in contexts.values() for pair in combinations(group, 2)]
    ties: dict[frozenset[str], int] = defaultdict(int)
    values = {exactly(t.configuration[name]): t.configuration[name] for t in trials if name in t.configuration}
    apart = set()
    for one, other in pairs:
        both = frozenset(exactly(t.configuration[name]) for t in (one, other))
        if len(both) > 1:
            ties[both] += one.value == other.value
            if one.value != other.value:
                apart.add(both)
    groups: list[set[str]] = [{value} for value in values]
    for both in ties:
        if both not in apart:
            joined = [group for group in groups if group & both]
            groups = [group for group in groups if not group & both] + [set().union(*joined)]
    for group in groups:
        within = [both for both in ties if both <= group]
        if not apart.intersection(within) and sum(ties[both] for both in within) >= PAIRS:
            yield [values[value] for value in values if value in group]


def say_progress(history: History, space: SearchSpace) -> list[str]:
    """Since when no trial has been better, and what has not been varied; nothing while there is progress."""
    since = stale_for(history)
    if since < STALE:
        return []
    said = [f"None of the last {since} trials {'moved the front' if history.front else 'was better than the best'}."]
    never = [clip(name, 60) for name in space if len(values_of(name, history)) == 1]
    if never:
        said.append(f"Never varied so far: {', '.join(never[:MAX_SAID])}.")
    return said


def stale_for(history: History) -> int:
    """How many trials have ended since the best one, or since the front moved."""
    if not history.best:
        return 0
    newest = max(history.front, default=history.best.number)
    return sum(t.number > newest for t in history.told)


def values_of(name: str, history: History) -> set[str]:
    """The values of a hyperparameter that trials had."""
    return {exactly(t.configuration[name]) for t in history.told if name in t.configuration}
