"""What a report says of a stored study beyond its figures: notes, programs, commands, sessions."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from tunewise.history import TrialRecord
from tunewise.plain import PlainDict
from tunewise.study.stored import StoredStudy, finite
from tunewise.study.validated import Session

if TYPE_CHECKING:
    from tunewise.codegen.tree import Tree

__all__ = [
    "commands",
    "front_rows",
    "notes_of",
    "pair_of",
    "programs_of",
    "sessions",
    "to_dict",
    "tree_of",
    "uplift_in_words",
]

FEW = 4
"""Finished trials below which figures over many trials say little."""
MAX_FRONT = 100
"""Trials of the front that are listed."""


def uplift_in_words(stored: StoredStudy) -> str:
    """What the model added over a surrogate alone, or why that is not known; empty where no model was called."""
    if stored.uplift:
        return stored.uplift.in_words(stored.metric)
    if not stored.totals.calls:
        return ""
    return (
        "What the model added over a surrogate alone is not known: the proposer auto stores in whose place each "
        "trial of the model ran, and at least three trials must have finished."
    )


def tree_of(stored: StoredStudy) -> Tree:
    """The programs of a study of programs, each after its parent."""
    from tunewise.codegen.tree import Program, Tree

    programs = (
        Program(
            number=one.number,
            kind=one.kind,
            parent=one.parent,
            code=one.code,
            reason=one.reason,
            objection=one.objection,
        )
        for one in stored.programs
    )
    return Tree(tuple(sorted(programs, key=lambda program: program.number)), stored.history)


def programs_of(stored: StoredStudy) -> list[tuple[str, str]]:
    """Each program's line in the tree, and its text."""
    tree = tree_of(stored)
    return list(zip(tree.lines(), (program.code for program, _ in tree.ordered()), strict=True))


def pair_of(stored: StoredStudy) -> tuple[str, str] | None:
    """The two hyperparameters of a space that has exactly two, both numbers."""
    numeric = [name for name, form in stored.space.items() if form.get("type") in ("float", "int")]
    return (numeric[0], numeric[1]) if len(stored.space) == len(numeric) == 2 else None


def to_dict(stored: StoredStudy) -> PlainDict:
    """Everything as strict JSON."""
    calls = [{"trial": e.trial, "prompt": e.prompt, **asdict(e.call)} for e in stored.exchanges]
    curves = {str(t.number): t.curve for t in stored.history if t.curve}
    more: PlainDict = {"curves": curves, "space": finite(stored.space), "exchanges": calls, "notes": notes_of(stored)}
    programs = programs_of(stored)
    more |= {"programs": [{"about": line, "code": code} for line, code in programs]} if programs else {}
    talks = [talk.to_dict() for talk in stored.conversations]
    more |= {"conversations": talks} if talks else {}
    more["sessions"] = [session.to_dict() for session in stored.about.sessions]
    return stored.to_dict() | {key: finite(value) for key, value in more.items()}


def commands(stored: StoredStudy, address: str) -> list[str]:
    """What to type to look at the study again, and to run its like where there is a study file.

    Args:
        stored: The study.
        address: What means the study in a shell, quoted where needed.
    """
    lines = [f"tunewise show {address}", f"tunewise report {address} -o report.html"]
    file = next((word for word in shlex.split(address) if word.endswith((".yaml", ".yml"))), None)
    if file is None:
        return lines
    last = stored.about.sessions[-1] if stored.about.sessions else Session()
    seed, cassette = last.settings.get("seed"), last.settings.get("cassette")
    options = {"--proposer": last.proposer, "--seed": seed, "--replay": cassette}
    given = [str(word) for option, chosen in options.items() if chosen is not None for word in (option, chosen)]
    return [shlex.join(["tunewise", "tune", file, *given]), *lines]


def sessions(stored: StoredStudy) -> Iterator[tuple[int, str, str]]:
    """How trials came to be: from which trial on, who proposed and how, and under which versions."""
    for session in stored.about.sessions:
        settings = session.settings
        who = session.proposer or session.sampler or "unknown"
        how = [f"{key} {settings[key]}" for key in ("seed", "model", "cassette") if settings.get(key) is not None]
        how += [f"temperature {settings['temperature']}"] if settings.get("temperature") else []
        how += ["with reasoning"] if settings.get("reasoning") else []
        how += ["without the default configuration"] if settings.get("default") is False else []
        versions = ", ".join(f"{name} {number}" for name, number in session.versions.items())
        yield session.first, ", ".join([who, *how]), versions


def front_rows(stored: StoredStudy) -> Iterator[tuple[TrialRecord, list[float]]]:
    """The trials of the front with their values; none where there is one objective."""
    if front := stored.front:
        for number in front.best[:MAX_FRONT]:
            yield stored.history[number], list(front.values[number])


def notes_of(stored: StoredStudy) -> list[str]:
    """What a reader has to know, and what would be looked for and not found."""
    history = stored.history
    notes = list(stored.notes)
    if not history.trials:
        notes.append("The study has no trial yet.")
    elif not history.finished:
        notes.append("No trial has finished yet, so there is no best value, and most figures have nothing to show.")
    elif len(history.finished) < FEW:
        few = len(history.finished)
        notes.append(
            f"Only {few} trial{'s' * (few > 1)} finished: figures over many trials say little or are left out."
        )
    if violating := [t for t in history.finished if not history.counts(t)]:
        few = len(violating)
        none = "; no trial meets them, so there is no best value" if few == len(history.finished) else ""
        notes.append(
            f"{few} finished trial{'s' * (few > 1)} violated constraints and cannot be the best{none}. "
            "Parallel coordinates, slices and contour leave them out."
        )
    if history.trials and all(trial.source == "unknown" for trial in history):
        notes.append("No trial says who proposed it: the study was not made by tunewise.")
    if waiting := [t for t in history if t.state in ("running", "waiting")]:
        notes.append(f"{len(waiting)} trial{'s' * (len(waiting) > 1)} had not ended when this was made.")
    return notes


def best_first(stored: StoredStudy, most: int) -> list[TrialRecord]:
    """At most so many finished trials, the best ones, in the order of their numbers."""
    return sorted(stored.history.ranked[:most], key=lambda trial: trial.number)
