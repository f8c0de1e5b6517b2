"""The trials of studies as they were read; one that has not changed is read once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from tunewise.changes import Changes, PerStudy
from tunewise.errors import StudyError
from tunewise.history.outcomes import Outcomes
from tunewise.history.trial import TrialRecord, lasting

if TYPE_CHECKING:
    import optuna

    from tunewise.task import Direction

__all__ = ["direction_of", "seen"]


class Seen:
    """What was read of one study."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changes = Changes()
        self._records: tuple[TrialRecord, ...] = ()
        self._lasting: tuple[TrialRecord, ...] = ()
        self._repeated: frozenset[int] = frozenset()
        self._outcomes = Outcomes("minimize")

    def read(self, study: optuna.Study) -> tuple[tuple[TrialRecord, ...], Outcomes]:
        """All trials by number, and by what has become of them; without failures that were run again."""
        with self._lock:
            trials = study.get_trials(deepcopy=False)
            numbers = self._changes.since(len(trials), trials.__getitem__)
            if len(numbers) == len(trials):
                self._records, self._outcomes, self._repeated = (), Outcomes(direction_of(study)), frozenset()
                self._lasting = ()
            if numbers:
                read = [TrialRecord.from_optuna(trials[number]) for number in numbers]
                records = list(self._records)
                for number, record in zip(numbers, read, strict=True):
                    records[number : number + 1] = [record]
                self._records = tuple(records)
                repeated = self._repeated.union(*(record.repeats for record in read))
                self._lasting = lasting(self._records, repeated) if repeated else self._records
                if repeated == self._repeated:
                    self._outcomes = self._outcomes.joined(lasting(read, repeated))
                else:  # of what has ended something is taken back
                    self._outcomes = Outcomes(self._outcomes.direction).joined(self._lasting)
                self._repeated = repeated
            return self._lasting, self._outcomes


SEEN = PerStudy(Seen)


def seen(study: optuna.Study) -> tuple[tuple[TrialRecord, ...], Outcomes]:
    """The trials of a study as they are now, without failures that were run again.

    Returns:
        All by number, and by what has become of them.
    """
    return SEEN.of(study).read(study)


def direction_of(study: optuna.Study) -> Direction:
    """Whether a study minimizes or maximizes; of several objectives the first.

    Raises:
        StudyError: Its storage was damaged so that nobody knows.
    """
    if not study.directions:
        raise StudyError(f"The study {study.study_name!r} is damaged: it has no direction. Use a copy of its storage.")
    return "maximize" if study.directions[0].name == "MAXIMIZE" else "minimize"
