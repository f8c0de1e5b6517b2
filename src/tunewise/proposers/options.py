"""The numbers of `auto`, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass

from tunewise.checks import check_whole
from tunewise.errors import StudyError

__all__ = ["AutoOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoOptions:
    """How `auto` asks and whom it believes.

    Attributes:
        batch_size: Configurations that a call brings; all of them run before the next call. 3 takes a third of the
            calls, and costs some quality: a call knows less.
        prefetch: Whether the next call is made while a trial runs, so that nobody waits for the model. Off: it costs
            the model one value of knowledge.
        retries: How often a reply is sent back that holds nothing usable, or is turned down next to a bad trial.
    """

    batch_size: int = 1
    prefetch: bool = False
    retries: int = 1

    def __post_init__(self) -> None:
        for name, least in (("batch_size", 1), ("retries", 0)):
            check_whole(name, getattr(self, name), least, error=StudyError, way_out="Correct it or leave it out.")
        if not isinstance(self.prefetch, bool):
            raise StudyError(f"prefetch = {self.prefetch!r} is neither true nor false.")
