"""What a report says of a stored study beyond its figures: notes, programs, commands, sessions."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tunewise.history import TrialRecord
from tunewise.study.stored import StoredStudy, finite

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

    programs = sorted((Program(**one) for one in stored.programs), key=lambda program: program.number)
    return Tree(tuple(programs), stored.history)


def programs_of(stored: StoredStudy) -> list[tuple[str, str]]:
    """Each program's line in the tree, and its text."""
    tree = tree_of(stored)
    return list(zip(tree.lines(), (program.code for program, _ in tree.ordered()), strict=True))


def pair_of(stored: StoredStudy) -> tuple[str, str] | None:
    """The two hyperparameters of a space that has exactly two, both numbers."""
    numeric = [name for name, form in stored.space.items() if form.get("type") in ("float", "int")]
    return (numeric[0], numeric[1]) if len(stored.space) == len(numeric) == 2 else None


def to_dict(stored: StoredStudy) -> dict[str, Any]:
    """Everything as strict JSON."""
    calls = [{"trial": e.trial, "prompt": e.prompt, **asdict(e.call)} for e in stored.exchanges]
    curves = {str(t.number): t.curve for t in stored.history if t.curve}
    more: dict[str, Any] = {"curves": curves, "space": stored.space, "exchanges": calls, "notes": notes_of(stored)}
    programs = programs_of(stored)
    more |= {"programs": [{"about": line, "code": code} for line, code in programs]} if programs else {}
    talks = [talk.to_dict() for talk in stored.conversations]
    more |= {"conversations": talks} if talks else {}
    more["sessions"] = list(stored.about.get("sessions", ()))
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
    last: Mapping[str, Any] = next(reversed(stored.about.get("sessions", ())), {})
    options = {"--proposer": proposer_of(last), "--seed": last.get("seed"), "--replay": last.get("cassette")}
    given = [str(word) for option, chosen in options.items() if chosen is not None for word in (option, chosen)]
    return [shlex.join(["tunewise", "tune", file, *given]), *lines]


def proposer_of(session: Mapping[str, Any]) -> str | None:
    """The name of a session's proposer; version 0.1 stored the name alone."""
    proposer = session.get("proposer")
    named = proposer.get("name") if isinstance(proposer, Mapping) else proposer
    return None if named is None else str(named)


def sessions(stored: StoredStudy) -> Iterator[tuple[int, str, str]]:
    """How trials came to be: from which trial on, who proposed and how, and under which versions."""
    for session in stored.about.get("sessions", ()):
        who = proposer_of(session) or str(session.get("sampler", "unknown"))
        how = [f"{key} {session[key]}" for key in ("seed", "model", "cassette") if session.get(key) is not None]
        how += [f"temperature {session['temperature']}"] if session.get("temperature") else []
        how += ["with reasoning"] if session.get("reasoning") else []
        how += ["without the default configuration"] if session.get("default") is False else []
        versions = ", ".join(f"{name} {number}" for name, number in session.get("versions", {}).items())
        yield session.get("first", 0), ", ".join([who, *how]), versions


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
    if waiting := [t for t in history if not t.ended]:
        notes.append(f"{len(waiting)} trial{'s' * (len(waiting) > 1)} had not ended when this was made.")
    return notes


def best_first(stored: StoredStudy, most: int) -> list[TrialRecord]:
    """At most so many finished trials, the best ones, in the order of their numbers."""
    return sorted(stored.history.ranked[:most], key=lambda trial: trial.number)
