"""What all trackers share: the events of a study become pages, one for each trial."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Protocol

import optuna
from optuna.trial import FrozenTrial

from tunewise.history import History, TrialRecord
from tunewise.text import clip

__all__ = ["Page", "Tracker", "missing", "numbers_of", "words_of"]

LONGEST = 5_000
"""Characters of a text, MLflow's limit for a tag."""

logger = logging.getLogger("tunewise")


class Page(Protocol):
    """What a tracker keeps of one trial."""

    def value(self, step: int, value: float) -> None:
        """An intermediate value."""
        ...

    def end(self, trial: TrialRecord) -> None:
        """All that is known of it in the end."""
        ...


class Tracker:
    """Is told of a study by `tune`, or as a callback of `study.optimize`. A tracker that fails never ends a study.

    Args:
        open_page: Begins the page of a trial; of one that was interrupted it is the same page again.
    """

    def __init__(self, open_page: Callable[[TrialRecord], Page]) -> None:
        self._open = open_page
        self._pages: dict[int, Page] = {}

    def proposed(self, trial: TrialRecord) -> None:
        """See `Watch`."""

        def open_page() -> None:
            self._pages[trial.number] = self._open(trial)

        self._safely(trial.number, open_page)

    def reported(self, number: int, step: int, value: float) -> None:
        """See `Watch`."""
        if page := self._pages.get(number):
            self._safely(number, lambda: page.value(step, value))

    def told(self, trial: TrialRecord, history: History) -> None:  # noqa: ARG002 - as `Watch` has it
        """See `Watch`."""
        if page := self._pages.pop(trial.number, None):
            self._safely(trial.number, lambda: page.end(trial))

    def __call__(self, study: optuna.Study, trial: FrozenTrial) -> None:  # noqa: ARG002 - as Optuna calls it
        """As a callback of Optuna's: the whole trial at its end."""
        record = TrialRecord.from_optuna(trial)
        self.proposed(record)
        for step, value in record.curve:
            self.reported(trial.number, step, value)
        self.told(record, History())

    def _safely(self, number: int, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # noqa: BLE001 - whatever a library or its server does; the study goes on
            with suppress(KeyError):
                del self._pages[number]
            logger.warning("Trial %d is not tracked by %s: %s", number, type(self).__name__, clip(str(error), 300))


def words_of(trial: TrialRecord) -> dict[str, str]:
    """Where a trial came from and why, as short texts by name; what is empty is left out."""
    proposal = trial.proposal
    words = {
        "source": proposal.source,
        "reason": proposal.reason,
        "state": trial.state,
        "error": trial.error,
        "fallback": proposal.fallback,
        "repaired": "; ".join(proposal.repairs),
        "method": proposal.method,
        "model": proposal.model,
    }
    return {name: clip(text, LONGEST) for name, text in words.items() if text}


def numbers_of(trial: TrialRecord, metric: str) -> dict[str, float]:
    """What a trial came to: its metric, and what else the objective returned."""
    value: Mapping[str, float] = {} if trial.value is None else {metric: trial.value}
    seconds: Mapping[str, float] = {} if trial.seconds is None else {"seconds": trial.seconds}
    return {**trial.extra, **seconds, **value}


def missing(library: str, extra: str) -> str:
    """How to get a library that is not there."""
    return f"{library} is missing or cannot be imported. Run: pip install 'tunewise[{extra}]'."
