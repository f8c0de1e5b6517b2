"""What the trials show beyond their list: the best, ties, noise, settings without effect, no more progress, curves."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from tunewise.history import History, TrialRecord, rounded
from tunewise.prompts.curves import say_curves
from tunewise.prompts.show import show_value
from tunewise.space import SearchSpace, Value
from tunewise.space.values import exactly
from tunewise.text import clip

__all__ = [
    "Equal",
    "EqualSettings",
    "at_bound",
    "equal_settings",
    "say_findings",
    "stale_for",
    "valued",
    "without_effect",
]

STALE: Final = 5
"""So many trials without a better value are said."""
RECENT: Final = 60
"""Among so many trials, the latest, settings are compared."""
PAIRS: Final = 2
"""So many ties it takes to say that two values make no difference: one can be chance. Of what is said so in recorded
studies 6 % is wrong near the best trials; where the ties of several values were added up, it was 17 %
(`benchmarks/steps.py --equal`)."""
LONG: Final = 12
NAMED: Final = 5
"""From so many trials on so many of the best are named."""
SPLIT, LEAF = "min_samples_split", "min_samples_leaf"
"""Of trees, by scikit-learn's names: a node with fewer rows than the first, or twice the second, is not split."""
MAX_SAID: Final = 6
"""So many hyperparameters are named in a sentence."""


def say_findings(history: History, space: SearchSpace, equal: Equal) -> list[str]:
    """All of them, with the settings that are known to be equal."""
    return (
        say_best(history)
        + say_precision(history)
        + say_equal_by_meaning(space)
        + say_equal_settings(equal)
        + say_progress(history, space)
        + say_curves(history)
    )


def say_best(history: History) -> list[str]:
    """The best few, where the table is long."""
    if len(history.told) < LONG or history.scalarization:
        return []
    best = ", ".join(f"{t.number} ({t.value:.5g})" for t in history.ranked[:NAMED] if t.value is not None)
    return [f"The best so far are trials {best}."] if best else []


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


def say_equal_settings(equal: Equal) -> list[str]:
    """Values of a hyperparameter that gave equal results wherever everything else was equal; one sentence, or none."""
    found = [
        f"{clip(name, 60)} {', '.join(map(show_value, group.values))} ({group.ties} pairs of trials)"
        for name, groups in equal.items()
        for group in groups
    ]
    return [f"With all else equal, these made no difference so far: {'; '.join(found[:MAX_SAID])}."] if found else []


@dataclass(frozen=True)
class EqualSettings:
    """Values of one hyperparameter between which nobody has seen a difference, and how many pairs of trials say so."""

    values: tuple[Value, ...]
    ties: int


Equal = Mapping[str, Sequence[EqualSettings]]
"""By hyperparameter."""


def equal_settings(history: History, space: SearchSpace) -> Equal:
    """For each hyperparameter the groups of its values that tied, two by two and at least twice, and never differed."""
    if history.scalarization:
        return {}
    trials = valued(history)[-RECENT:]
    return {name: list(equal_values(trials, name, ordered=space[name].ordered)) for name in space}


def equal_values(trials: Sequence[TrialRecord], name: str, *, ordered: bool) -> Iterator[EqualSettings]:
    """Of one hyperparameter; of a number only values with no other that was tried between them."""
    contexts: dict[Hashable, list[TrialRecord]] = defaultdict(list)
    for trial in trials:
        if name in trial.configuration:
            contexts[key_of(trial, without=name)].append(trial)
    values = {exactly(t.configuration[name]): t.configuration[name] for t in trials if name in t.configuration}
    ties: dict[frozenset[str], int] = defaultdict(int)
    apart = set()
    for one, other in (pair for group in contexts.values() for pair in combinations(group, 2)):
        both = frozenset(exactly(t.configuration[name]) for t in (one, other))
        if len(both) > 1:
            same = rounded(one.value) == rounded(other.value)
            ties[both] += same
            if not same:
                apart.add(both)
    groups: list[set[str]] = [{value} for value in values]
    for both in {both for both, count in ties.items() if count >= PAIRS} - apart:
        joined = [group for group in groups if group & both]
        groups = [group for group in groups if not group & both] + [set[str]().union(*joined)]
    for group in groups:
        within = [both for both in ties if both <= group]
        count = sum(ties[both] for both in within)
        chosen = [value for text, value in values.items() if text in group]
        if ordered:
            chosen.sort(key=as_key)
            others = [value for text, value in values.items() if text not in group]
            if any(as_key(chosen[0]) < as_key(other) < as_key(chosen[-1]) for other in others):
                continue
        if count and not apart.intersection(within):
            yield EqualSettings(tuple(chosen), count)


def as_key(value: Value) -> float:
    """A number to sort by."""
    return float(value) if isinstance(value, int | float) else 0.0


def say_equal_by_meaning(space: SearchSpace) -> list[str]:
    """What makes no difference by what hyperparameters mean."""
    if not {SPLIT, LEAF} <= set(space):
        return []
    return [f"By their meaning: {SPLIT} makes no difference as long as it is at most twice {LEAF}."]


def effective(configuration: Mapping[str, Value]) -> Mapping[str, Value]:
    """The configuration that comes to the same by what its hyperparameters mean."""
    split, leaf = configuration.get(SPLIT), configuration.get(LEAF)
    if not isinstance(split, int) or not isinstance(leaf, int):
        return configuration
    return {**configuration, SPLIT: max(split, 2 * leaf)}


def without_effect(equal: Equal, space: SearchSpace) -> Callable[[Mapping[str, Value]], Hashable]:
    """What configurations have in common that differ in equal settings only."""
    first = {
        (name, exactly(value)): group.values[0]
        for name, groups in equal.items()
        for group in groups
        for value in group.values
    }

    def canonical(configuration: Mapping[str, Value]) -> Hashable:
        same = ((n, first.get((n, exactly(v)), v)) for n, v in effective(configuration).items() if n in space)
        return frozenset((n, isinstance(v, bool), v) for n, v in same)

    return canonical


def say_progress(history: History, space: SearchSpace) -> list[str]:
    """Since when no trial has been better, and what has not been varied; nothing while there is progress."""
    since = stale_for(history)
    if at_bound(history):
        bound = "be negative" if history.direction == "minimize" else "exceed 1"
        return [f"The best value is {bound_of(history):g}: where the metric cannot {bound}, nothing is left to gain."]
    if since < STALE:
        return []
    best = history.best
    ties = sum(t is not best and history.ties(t, best) for t in history.told if best and not history.front)
    better = "moved the front" if history.front else "was better than the best"
    equal = f"; {ties} other trial{'s equal' if ties > 1 else ' equals'} it" if ties else ""
    said = [f"None of the last {since} trials {better}{equal}."]
    never = [clip(name, 60) for name in space if len(values_of(name, history)) == 1]
    if never:
        said.append(f"Never varied so far: {', '.join(never[:MAX_SAID])}.")
    return said


def at_bound(history: History) -> bool:
    """Whether the best value is one that an error or a score cannot exceed."""
    best = history.best
    return best is not None and not history.scalarization and history.score(best) == bound_of(history)


def bound_of(history: History) -> float:
    """The best value of an error, or of a score such as accuracy."""
    return 0.0 if history.direction == "minimize" else 1.0


def stale_for(history: History) -> int:
    """How many trials have ended since the best one, or since the front moved."""
    if not history.best:
        return 0
    newest = max(history.front, default=history.best.number)
    return sum(t.number > newest for t in history.told)


def values_of(name: str, history: History) -> set[str]:
    """The values of a hyperparameter that trials had."""
    return {exactly(t.configuration[name]) for t in history.told if name in t.configuration}
