"""What a study amounts to, in a few lines below its trials."""

from __future__ import annotations

from collections.abc import Iterator

from tunewise.cli.trial_table import brief
from tunewise.history import TrialRecord
from tunewise.study.stored import StoredStudy
from tunewise.study.use_of_model import unasked
from tunewise.text import money

__all__ = ["closing_lines", "fact_lines"]

MAX_NOTES = 5
"""Sentences about what could not be read."""


def closing_lines(stored: StoredStudy, address: str) -> list[str]:
    """Five lines at the end of a run: the best, its configuration, what the model was worth, trials, costs."""
    lines = list(best_lines(stored))
    lines.append(stored.verdict())
    lines.append(", ".join([counted(stored), f"proposed by {sources(stored)}" if stored.sources else ""]).rstrip(", "))
    lines.append(f"{calls(stored)} Kept in {address}")
    return lines


def fact_lines(stored: StoredStudy, *, verbose: bool) -> list[str]:
    """What stands below the table of `show`."""
    lines = list(stored.notes[:MAX_NOTES])
    if (more := len(stored.notes) - MAX_NOTES) > 0:
        lines.append(f"... and {more} more of this kind.")
    lines += best_lines(stored)
    lines.append(stored.verdict())
    if stored.uplift and verbose:
        lines.append(stored.uplift.in_words(stored.metric))
    if stored.fallbacks:
        numbers = ", ".join(f"{t.number} ({t.source})" for t in stored.fallbacks)
        lines.append(f"Without the model, although it was asked: trial {numbers}.")
    if told := unasked(stored.history):
        lines.append(told)
    if stored.totals.calls:
        lines.append(calls(stored))
    return lines


def best_lines(stored: StoredStudy) -> Iterator[str]:
    """The best trial, and its configuration."""
    best = stored.best
    if best is None:
        some = bool(stored.history.finished)
        yield "No trial meets the constraints yet." if some else "No trial has finished yet."
        return
    yield f"Best: {values(stored, best)} in trial {best.number} ({best.source})"
    yield "  " + ", ".join(f"{name}={brief(value)}" for name, value in best.configuration.items())


def values(stored: StoredStudy, trial: TrialRecord) -> str:
    """What a trial was measured at, named."""
    measured = trial.values if len(stored.objectives) > 1 else (trial.value,)
    names = [one.name for one in stored.objectives] if len(stored.objectives) > 1 else [stored.metric]
    return ", ".join(f"{name} {value:.6g}" for name, value in zip(names, measured, strict=False) if value is not None)


def counted(stored: StoredStudy) -> str:
    """How many trials, by state."""
    count = len(stored.history)
    said = f"{count} trial{'s' * (count != 1)}: " + ", ".join(f"{n} {state}" for state, n in stored.states.items())
    return f"{said} for the next run" if "waiting" in stored.states else said


def sources(stored: StoredStudy) -> str:
    """Who proposed how many."""
    return ", ".join(f"{source} {count}" for source, count in stored.sources.most_common())


def calls(stored: StoredStudy) -> str:
    """What the calls took, in a sentence."""
    totals = stored.totals
    if not totals.calls:
        return "No calls to a model."
    failed = f" ({totals.failed_calls} failed)" if totals.failed_calls else ""
    some = "1 call" if totals.uncounted_calls == 1 else f"{totals.uncounted_calls} calls"
    missing = f", not counting {some} of unknown size" if totals.uncounted_calls else ""
    return (
        f"Calls to the model: {totals.calls}{failed}; tokens: {totals.input_tokens:,} read, "
        f"{totals.output_tokens:,} written{missing}; cost: {money(totals).removeprefix('cost ')}."
    )
