"""A study file in the making: what was found, and what has no counterpart here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tunewise.errors import SpaceError, StudyError
from tunewise.plain import Plain
from tunewise.space import SearchSpace
from tunewise.space.plain import from_plain
from tunewise.text import clip, on_one_line, shorten
from tunewise.yaml12 import write_yaml

__all__ = ["Draft", "Entry", "entry_of", "normal_range", "spread_of"]

Entry = dict[str, Plain]
"""A hyperparameter as a study file has it."""

SIGMAS: Final = 3
"""Standard deviations on either side of a normal distribution's mean that its range takes."""


@dataclass
class Draft:
    """What became of a file of another program.

    Attributes:
        origin: What the file was.
        space: For each name its hyperparameter, as a study file has it.
        study: The other keys of a study file.
        notes: What could not be said here, and what is left to do; a sentence each.
        runs: The command with its options, where it does not show them.
    """

    origin: str
    space: dict[str, Entry] = field(default_factory=dict)
    study: dict[str, Plain] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    runs: str = ""

    def add(self, name: str, entry: Mapping[str, Plain]) -> None:
        """Take a hyperparameter in; one that breaks a rule of ours is noted and left out."""
        try:
            self.space[name] = from_plain(name, entry).to_plain()
        except SpaceError as error:
            self.note(f"{shorten(name)} is left out: {error}")

    def note(self, sentence: str) -> None:
        """Tell what could not be said."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def note_unused(self, data: Mapping[str, Plain], used: Sequence[str], where: str = "") -> None:
        """Name the keys that were not read."""
        for key, value in data.items():
            if key not in used:
                self.note(f"{where}{shorten(key)}: {shorten(value)} has no counterpart here and is left out.")

    def metric(self, name: str, direction: str) -> None:
        """Which number is optimized, and whether it should be small or large."""
        self.study["task"] = {"metric": name, "direction": direction}

    def text(self) -> str:
        """The study file, with what could not be said as comments at its top.

        Raises:
            StudyError: There is not one hyperparameter.
        """
        if not self.space:
            why = f" {self.notes[0]}" if self.notes else ""
            raise StudyError(f"{self.origin} holds no hyperparameter that can be tuned here.{why}")
        SearchSpace.from_dict(self.space)
        head = [f"# Made from {self.origin} by tunewise. Read it before you run it."]
        head += [f"# - {on_one_line(clip(note, 1000))}" for note in self.notes]
        ordered: dict[str, Plain] = {key: value for key, value in self.study.items() if key == "task"}
        ordered |= {"space": dict(self.space)}
        ordered |= {key: value for key, value in self.study.items() if key != "task"}
        written = write_yaml(ordered)
        if self.runs:
            written = written.replace("\nevaluate:", f"\n# runs: {on_one_line(clip(self.runs, 1000))}\nevaluate:", 1)
        return "\n".join(head) + "\n" + written


def entry_of(kind: str, arguments: Sequence[Plain], draft: Draft, name: str) -> Entry | None:
    """A distribution by the name that NNI, Ray, W&B and hyperopt give it; None, and a note, where there is none here.

    Args:
        kind: For example "loguniform" or "qrandint".
        arguments: Its numbers, in the order in which they are written.
        draft: Takes the notes.
        name: Of the hyperparameter.
    """
    word = kind.rpartition(".")[2].lower().replace("_", "")
    if word in ("choice", "gridsearch", "categorical"):
        (choices,) = arguments if len(arguments) == 1 and isinstance(arguments[0], list) else (list(arguments),)
        return {"type": "categorical", "choices": choices}
    numbers = [value for value in arguments if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) != len(arguments) or len(numbers) not in counts_of(word):
        draft.note(f"{name} is left out: {kind} of {shorten(list(arguments))} cannot be read.")
        return None
    a, b, *rest = numbers if len(numbers) > 1 else (0, numbers[0])
    step: Entry = {"step": rest[0]} if rest else {}
    match word:
        case "uniform":
            return {"type": "float", "low": a, "high": b}
        case "quniform":
            whole = all(float(number).is_integer() for number in (a, b, *rest))
            return {"type": "int" if whole else "float", "low": a, "high": b, **step}
        case "loguniform" | "reciprocal":
            return {"type": "float", "low": a, "high": b, "log": True}
        case "qloguniform":
            draft.note(
                f"{name}: the rounding to multiples of {rest[0] if rest else 1} is left out, as log has no steps."
            )
            return {"type": "float", "low": a, "high": b, "log": True}
        case "randint":
            return {"type": "int", "low": a, "high": b - 1}  # the upper bound is not included there
        case "qrandint":
            return {"type": "int", "low": a, "high": b, **step}
        case "lograndint" | "qlograndint":
            return {"type": "int", "low": a, "high": b - (word == "lograndint"), "log": True}
        case "normal" | "qnormal" | "randn" | "qrandn" | "lognormal" | "qlognormal":
            return normal_range(name, word, a, b, draft)
    draft.note(f"{name} is left out: the distribution {shorten(kind)} has no counterpart here.")
    return None


def counts_of(word: str) -> tuple[int, ...]:
    """How many numbers a distribution may have: its bounds, and a step or the base of its logarithm."""
    if word == "randint":  # randint(10) counts from 0
        return 1, 2
    return (2, 3) if word.startswith("q") or word in ("loguniform", "lograndint") else (2,)


def normal_range(name: str, word: str, mean: float, deviation: float, draft: Draft) -> Entry:
    """A normal distribution as the range that nearly all of it lies in."""
    low, high = mean - SIGMAS * deviation, mean + SIGMAS * deviation
    log = "log" in word
    if log:
        low, high, mean = math.exp(low), math.exp(high), math.exp(mean)
    draft.note(f"{name}: the {word} distribution became its range of {SIGMAS} standard deviations on either side.")
    more: Entry = {"log": True} if log else {}
    return {"type": "float", "low": low, "high": high, **more, "default": mean}


def spread_of(name: str, values: Sequence[Plain], draft: Draft) -> Entry:
    """Choices from a list of values, with a note on the range that they may stand for."""
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v)]
    if len(numbers) == len(values) > 2 and numbers == sorted(numbers) and len(set(numbers)) == len(numbers):
        kind = "int" if all(isinstance(number, int) for number in numbers) else "float"
        log = ", log: true" if numbers[0] > 0 and numbers[-1] / numbers[0] >= 30 else ""
        draft.note(
            f"{name} keeps the listed values. To go between them, write "
            f"{{type: {kind}, low: {numbers[0]}, high: {numbers[-1]}{log}}}."
        )
    return {"type": "categorical", "choices": list(values)}
