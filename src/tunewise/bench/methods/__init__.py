"""Every method by name: random search, Optuna's samplers, SMAC3, the base paper's, our own; code generation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tunewise.bench.methods import optuna, ours, programs, smac
from tunewise.bench.methods.base import Method, Offer, Offering, Outcome, Setting
from tunewise.errors import UsageError
from tunewise.text import did_you_mean

__all__ = ["GROUPS", "METHODS", "Chosen", "Method", "Offer", "Offering", "Outcome", "Setting", "choose"]

METHODS: Final[Mapping[str, Method]] = {
    m.name: m for m in (*optuna.METHODS, *smac.METHODS, *ours.METHODS, *programs.METHODS)
}
"""All methods, by name."""

GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "classical": tuple(name for name, m in METHODS.items() if not m.asks and not name.endswith("optuna-gp-4")),
    "optuna": tuple(name for name, m in METHODS.items() if m.group in ("random", "optuna")),
    "smac": tuple(name for name, m in METHODS.items() if m.group == "smac"),
    "model": tuple(name for name, m in METHODS.items() if m.asks),
    "paper": tuple(name for name, m in METHODS.items() if m.group == "paper"),
    "all": tuple(METHODS),
}
"""Several methods under one name. `optuna-gp-4` is not among the classical ones: it takes as long as all else of Optuna
together."""

Chosen = dict[Method, int | None]
"""Methods, and for how many seeds each; None: as many as the run has."""


def choose(text: str) -> Chosen:
    """Read methods as a person writes them: "classical,auto", "optuna,smac:3" (SMAC3 with three seeds only).

    What is named later decides, so "classical,smac:3" is everything classical, and SMAC3 with three seeds.

    Raises:
        UsageError: A name is unknown, a number of seeds is none, or there is nothing.
    """
    found: Chosen = {}
    for word in filter(None, (part.strip() for part in text.split(","))):
        name, _, count = word.partition(":")
        if name not in METHODS and name not in GROUPS:
            names = [*METHODS, *GROUPS]
            hint = f"The methods are {', '.join(names)}."
            raise UsageError(f"The method {name!r} is unknown. {did_you_mean(name, names)} {hint}".replace("  ", " "))
        if count and not (count.isdecimal() and int(count) > 0):
            raise UsageError(f"{word!r}: {count!r} is not a number of seeds. Write for example {name}:3.")
        for each in GROUPS.get(name, (name,)):
            found[METHODS[each]] = int(count) if count else None
    if not found:
        raise UsageError(f"No method was named. The methods are {', '.join([*METHODS, *GROUPS])}.")
    return found
