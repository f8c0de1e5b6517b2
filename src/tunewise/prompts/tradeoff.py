"""What a proposal aims at, in words: the trade-off between several objectives, and the constraints."""

from __future__ import annotations

from collections.abc import Sequence

from tunewise.history import History
from tunewise.objectives import Objective, Scalarization

__all__ = ["describe_front", "describe_tradeoff", "goal_of"]

ABOVE_ALL = 0.75
"""From this weight on one objective is named alone."""
EQUAL = 0.1
"""Weights that differ by less count as equal."""
MAX_FRONT = 15


def goal_of(objectives: Sequence[Objective]) -> str:
    """What is wanted of each: "low error, high speed and low size"."""
    return enumerated([o.wish for o in objectives])


def describe_tradeoff(history: History) -> list[str]:
    """What the next configuration should be good at, a sentence each; nothing where that is the one metric alone."""
    said = []
    if not all(t.feasible for t in history.told):
        said.append("A trial that violates a constraint does not count, however good it is otherwise.")
    if history.scalarization and history.scalarization.feasibility:
        said.append("No trial has met the constraints so far: first of all find where they are met.")
    elif history.scalarization:
        said.append(f"The trade-off to aim at this time: {preference(history.scalarization)}.")
        if history.front:
            said.append(f"From the best value to the worst on the front so far: {ranges(history.scalarization)}.")
    return said


def describe_front(history: History) -> list[str]:
    """Which trials are on the Pareto front, the latest where they are many."""
    if not history.front:
        return []
    numbers = [str(number) for number in sorted(history.front)]
    names = f"trial{'s' if len(numbers) > 1 else ''} {enumerated(numbers[-MAX_FRONT:])}"
    return [f"On the Pareto front so far: {names}" + (" and earlier ones." if len(numbers) > MAX_FRONT else ".")]


def preference(aim: Scalarization) -> str:
    """The weights in words and in numbers."""
    ordered = sorted(zip(aim.weights, aim.objectives, strict=True), key=lambda pair: -pair[0])
    wishes = [objective.wish for _, objective in ordered]
    if ordered[0][0] >= ABOVE_ALL:
        words = f"above all {wishes[0]}"
    elif ordered[0][0] - ordered[-1][0] < EQUAL:
        words = f"{enumerated(wishes)}, all equally" if len(wishes) > 2 else f"{enumerated(wishes)} equally"
    else:
        words = f"{wishes[0]} first, then {', then '.join(wishes[1:])}"
    numbers = ", ".join(f"{o.name} {weight:.0%}" for o, weight in zip(aim.objectives, aim.weights, strict=True))
    return f"{words} (weights: {numbers})"


def ranges(aim: Scalarization) -> str:
    """The scale on which each objective is weighted."""
    scales = zip(aim.objectives, aim.ideal, aim.nadir, strict=True)
    return ", ".join(f"{objective.name} {ideal:.3g} to {nadir:.3g}" for objective, ideal, nadir in scales)


def enumerated(words: Sequence[str]) -> str:
    """One text: a, b and c."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
