"""A study as the report sees it, and what is missing in it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

import optuna

from tunewise.history import PROGRAM_KEY, History, TrialRecord
from tunewise.llm.ledger import Call
from tunewise.report.conversations import Talk, talks
from tunewise.study.sound import Form, calls_of, sound_copy
from tunewise.study.sound import sound as sound_attribute
from tunewise.study.summary import Summary, finite, summarize_sound

__all__ = ["Exchange", "Record", "commands", "front_rows", "read", "sessions"]

ENOUGH_FOR_IMPORTANCE = 4
"""Finished trials below which a ranking of hyperparameters would be noise."""
MAX_FRONT = 100
"""Trials of the front that are listed."""


@dataclass(frozen=True)
class Exchange:
    """A prompt and what came back.

    Attributes:
        trial: Number of the trial that it was for.
        prompt: The last message that was sent; empty when it was not stored.
        call: What came back and what it took.
    """

    trial: int
    prompt: str
    call: Call


class ProgramForm(Form):
    """A program that a model wrote, as far as a report shows it."""

    number: int
    kind: Literal["draft", "repair", "improve"]
    parent: int | None = None
    code: str = ""
    reason: str = ""
    objection: str = ""


@dataclass(frozen=True)
class Record:
    """A study as the report sees it.

    Attributes:
        study: A copy in memory with one objective and sound attributes, for figures.
        summary: Of that copy.
        exchanges: Every call, oldest first.
        notes: What is missing or could not be read, a sentence each.
        about: Space and task, where tunewise stored them.
        programs: Of a study of programs: each one's line in the tree, and its text.
        conversations: About the study, the latest last.
    """

    study: optuna.Study
    summary: Summary
    exchanges: tuple[Exchange, ...]
    notes: tuple[str, ...]
    about: Mapping[str, Any]
    programs: tuple[tuple[str, str], ...] = ()
    conversations: tuple[Talk, ...] = ()

    @property
    def history(self) -> History:
        """The trials."""
        return self.summary.history

    @cached_property
    def names(self) -> list[str]:
        """Hyperparameters: as the space has them, then whatever else trials have."""
        found = dict.fromkeys(self.about.get("space", {}))
        for trial in self.history:
            found |= dict.fromkeys(trial.configuration)
        return list(found)

    @cached_property
    def space(self) -> dict[str, dict[str, Any]]:
        """Each hyperparameter's plain description; of another's study as far as its distributions tell."""
        inferred: dict[str, dict[str, Any]] = {}
        for trial in self.study.get_trials(deepcopy=False):
            inferred |= {name: plain(distribution) for name, distribution in trial.distributions.items()}
        return inferred | dict(self.about.get("space", {}))

    @cached_property
    def pair(self) -> tuple[str, str] | None:
        """The two hyperparameters of a space that has exactly two, both numbers."""
        numeric = [name for name, form in self.space.items() if form.get("type") in ("float", "int")]
        return (numeric[0], numeric[1]) if len(self.space) == len(numeric) == 2 else None

    def added(self) -> str:
        """The same in words, or why it is not known."""
        if self.summary.uplift:
            return self.summary.uplift.in_words(self.summary.metric)
        if not self.summary.totals.calls:
            return ""
        return (
            "What the model added over a surrogate alone is not known: the proposer auto stores in whose place each "
            "trial of the model ran, and at least three trials must have finished."
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything as strict JSON."""
        calls = [{"trial": e.trial, "prompt": e.prompt, **asdict(e.call)} for e in self.exchanges]
        curves = {str(t.number): t.curve for t in self.history if t.curve}
        more = {"curves": curves, "space": self.space, "exchanges": calls, "notes": list(self.notes)}
        more |= {"programs": [{"about": line, "code": code} for line, code in self.programs]} if self.programs else {}
        more |= {"conversations": [talk.to_dict() for talk in self.conversations]} if self.conversations else {}
        more["sessions"] = list(self.about.get("sessions", ()))
        return self.summary.to_dict() | {key: finite(value) for key, value in more.items()}


def plain(distribution: optuna.distributions.BaseDistribution) -> dict[str, Any]:
    """A distribution as the space's plain form has it."""
    match distribution:
        case optuna.distributions.CategoricalDistribution():
            return {"type": "categorical", "choices": list(distribution.choices)}
        case optuna.distributions.FloatDistribution() | optuna.distributions.IntDistribution():
            kind = "float" if isinstance(distribution, optuna.distributions.FloatDistribution) else "int"
            log = {"log": True} if distribution.log else {}
            return {"type": kind, "low": distribution.low, "high": distribution.high, **log}
    return {"type": type(distribution).__name__}


def read(study: optuna.Study) -> Record:
    """Read a study by anybody, in any state, without changing it."""
    sound = sound_copy(study)
    summary = summarize_sound(sound)
    exchanges = tuple(
        Exchange(trial.number, text_of(entry.get("prompt")), Call.from_dict(entry))
        for trial in sound.study.get_trials(deepcopy=False)
        for entry in calls_of(trial).values()
    )
    notes = list(sound.notes)
    programs = programs_of(study, summary.history, notes)
    return Record(sound.study, summary, exchanges, (*notes, *missing(summary)), sound.about, programs, talks(study))


def programs_of(study: optuna.Study, history: History, notes: list[str]) -> tuple[tuple[str, str], ...]:
    """The programs of a study of programs, each after its parent."""
    from tunewise.codegen.tree import Program, Tree

    keys = [key for key in study.user_attrs if key.startswith(PROGRAM_KEY)]
    found = [sound_attribute(study.user_attrs, key, ProgramForm, notes, "the study") for key in keys]
    known = [{name: one[name] for name in ProgramForm.model_fields if name in one} for one in found if one]
    tree = Tree(tuple(sorted((Program(**one) for one in known), key=lambda p: p.number)), history)
    codes = [program.code for program, _ in tree.ordered()]
    return tuple(zip(tree.lines(), codes, strict=True))


def text_of(entry: Any) -> str:
    """A text, where there is one."""
    return entry if isinstance(entry, str) else ""


def commands(record: Record, address: str) -> list[str]:
    """What to type to look at the study again, and to run its like where there is a study file.

    Args:
        record: The study.
        address: What means the study in a shell, quoted where needed.
    """
    lines = [f"tunewise show {address}", f"tunewise report {address} -o report.html"]
    file = next((word for word in shlex.split(address) if word.endswith((".yaml", ".yml"))), None)
    if file is None:
        return lines
    last: Mapping[str, Any] = next(reversed(record.about.get("sessions", ())), {})
    options = {"--proposer": last.get("proposer"), "--seed": last.get("seed"), "--replay": last.get("cassette")}
    given = [str(word) for option, chosen in options.items() if chosen is not None for word in (option, chosen)]
    return [shlex.join(["tunewise", "tune", file, *given]), *lines]


def sessions(record: Record) -> Iterator[tuple[int, str, str]]:
    """How trials came to be: from which trial on, who proposed and how, and under which versions."""
    for session in record.about.get("sessions", ()):
        who = str(session.get("proposer", session.get("sampler", "unknown")))
        how = [f"{key} {session[key]}" for key in ("seed", "model", "cassette") if session.get(key) is not None]
        how += [f"temperature {session['temperature']}"] if session.get("temperature") else []
        how += ["with reasoning"] if session.get("reasoning") else []
        how += ["without the default configuration"] if session.get("default") is False else []
        versions = ", ".join(f"{name} {number}" for name, number in session.get("versions", {}).items())
        yield session.get("first", 0), ", ".join([who, *how]), versions


def front_rows(record: Record) -> Iterator[tuple[TrialRecord, list[float]]]:
    """The trials of the front with their values; none where there is one objective."""
    if front := record.summary.front:
        for number in front.best[:MAX_FRONT]:
            yield record.history[number], list(front.values[number])


def missing(summary: Summary) -> list[str]:
    """What a reader would look for and not find."""
    history = summary.history
    notes = []
    if not history.trials:
        notes.append("The study has no trial yet.")
    elif not history.finished:
        notes.append("No trial has finished yet, so there is no best value, and most figures have nothing to show.")
    elif len(history.finished) < ENOUGH_FOR_IMPORTANCE:
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
    if history.trials and all(not trial.proposal for trial in history):
        notes.append("No trial says who proposed it: the study was not made by tunewise.")
    if waiting := [t for t in history if t.state == "running"]:
        notes.append(f"{len(waiting)} trial{'s' * (len(waiting) > 1)} had not ended when this was made.")
    return notes


def best_first(record: Record, most: int) -> list[TrialRecord]:
    """At most so many finished trials, the best ones, in the order of their numbers."""
    return sorted(record.history.ranked[:most], key=lambda trial: trial.number)


def best_and_latest(history: History, most: int) -> list[TrialRecord]:
    """All trials, or so many of them: the best half, and the latest ones besides."""
    kept = {trial.number for trial in history.ranked[: most // 2]}
    for trial in reversed(history):
        if len(kept) >= most:
            break
        kept.add(trial.number)
    return [trial for trial in history if trial.number in kept]
