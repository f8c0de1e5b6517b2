"""Proposers by name, as a study file and a command line say them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tunewise.errors import StudyError
from tunewise.proposers.auto import auto, auto_prior
from tunewise.proposers.base import Proposer
from tunewise.proposers.chat import chat
from tunewise.proposers.compressed import compressed
from tunewise.proposers.plain import random

__all__ = ["MODEL_FREE", "PROPOSERS", "find_proposer"]

PROPOSERS: Final[Mapping[str, Proposer]] = {
    "auto": auto,
    "compressed": compressed,
    "chat": chat,
    "random": random,
    "auto+prior": auto_prior,
}
MODEL_FREE: Final = (random, auto, auto_prior)
"""Those that do without a model where none is given."""


def find_proposer(proposer: str | Proposer) -> Proposer:
    """A proposer by name, or the one that was given.

    Raises:
        StudyError: There is none of this name.
    """
    if callable(proposer):
        return proposer
    if proposer not in PROPOSERS:
        raise StudyError(f"proposer = {proposer!r} is unknown. The proposers are {', '.join(PROPOSERS)}.")
    return PROPOSERS[proposer]
