"""What has been tried: an immutable view of a study's trials, as prompts and surrogates need it."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, overload

from tunewise.history.outcomes import NUMBER, Outcomes
from tunewise.history.seen import seen
from tunewise.history.trial import TrialRecord, rounded
from tunewise.objectives import as_costs, non_dominated

if TYPE_CHECKING:
    import optuna

    from tunewise.objectives import Objective, Scalarization
    from tunewise.task import Direction

__all__ = ["Failure", "History"]


@dataclass(frozen=True, slots=True)
class Failure:
    """Failed trials that share a reason."""

    reason: str
    trials: tuple[TrialRecord, ...]


@dataclass(frozen=True)
class History(Sequence[TrialRecord]):
    """The trials so far, by number.

    Attributes:
        trials: `n` records, oldest first.
        direction: Whether small or large scores are good.
        scalarization: What the next proposal is to make small, where that is not the study's one metric.
        outcomes: The trials by what has become of them, where that is known already.
    """

    trials: tuple[TrialRecord, ...] = ()
    direction: Direction = "minimize"
    scalarization: Scalarization | None = None
    outcomes: Outcomes | None = field(default=None, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.trials)

    def __iter__(self) -> Iterator[TrialRecord]:
        return iter(self.trials)

    @overload
    def __getitem__(self, index: int) -> TrialRecord: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[TrialRecord, ...]: ...

    def __getitem__(self, index: int | slice) -> TrialRecord | tuple[TrialRecord, ...]:
        return self.trials[index]

    @cached_property
    def _outcomes(self) -> Outcomes:
        return self.outcomes or Outcomes(self.direction).joined(self.trials)

    @property
    def finished(self) -> tuple[TrialRecord, ...]:
        """Trials with a value, oldest first."""
        return self._outcomes.finished

    @property
    def failed(self) -> tuple[TrialRecord, ...]:
        """Trials without a value, and why, oldest first."""
        return self._outcomes.failed

    @property
    def open(self) -> tuple[TrialRecord, ...]:
        """Trials that have not ended, also those of which nothing is known yet."""
        return self._outcomes.open

    @cached_property
    def running(self) -> tuple[TrialRecord, ...]:
        """Trials that are being evaluated or are queued."""
        return tuple(t for t in self.open if t.configuration)

    @property
    def told(self) -> tuple[TrialRecord, ...]:
        """Trials whose outcome is known: finished, pruned, failed."""
        return self._outcomes.told

    def told_since(self, number: int) -> tuple[TrialRecord, ...]:
        """Those of them with a higher number."""
        return self.told[bisect_right(self.told, number, key=NUMBER) :]

    @cached_property
    def ranked(self) -> tuple[TrialRecord, ...]:
        """Finished trials that count, best first; the earlier one where values are equal.

        Of several objectives those on the front come first; the best by score is one of them.
        """
        if self.scalarization is None:
            return self._outcomes.ranked
        return tuple(sorted(filter(self.counts, self.finished), key=self._rank))

    def _rank(self, trial: TrialRecord) -> tuple[bool, float]:
        score = self.score(trial) or 0.0
        return trial.number not in self.front, score if self.direction == "minimize" else -score

    @cached_property
    def front(self) -> frozenset[int]:
        """Numbers of the trials that no other beats in every objective; empty where there is one objective."""
        if len(self.objectives) < 2:
            return frozenset()
        trials = [t for t in self.finished if t.feasible and len(t.values) == len(self.objectives)]
        kept = non_dominated(as_costs(trials, self.objectives))
        return frozenset(t.number for t, keep in zip(trials, kept, strict=True) if keep)

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """Those of the scalarization."""
        return self.scalarization.objectives if self.scalarization else ()

    def counts(self, trial: TrialRecord) -> bool:
        """Whether a trial may be the best: it meets the constraints, unless that itself is the goal."""
        return trial.feasible or (self.scalarization is not None and self.scalarization.feasibility)

    def ties(self, trial: TrialRecord, other: TrialRecord) -> bool:
        """Whether two finished trials have the same score and may be the best."""
        both = trial.state == other.state == "finished" and self.counts(trial) and self.counts(other)
        return both and self.score(trial) == self.score(other)

    def limiting(self, trial: TrialRecord) -> dict[str, float]:
        """The constraints of a trial beside its value; none where to meet them is all that its score is about."""
        return {} if self.scalarization and self.scalarization.feasibility else trial.constraints

    def score(self, trial: TrialRecord) -> float | None:
        """What counts of a trial: its metric, or the one number that a scalarization makes of its values; rounded."""
        return rounded(self.scalarization.score(trial) if self.scalarization else trial.value)

    def scalarized(self, scalarization: Scalarization) -> History:
        """These trials ranked by another score: the number that a scalarization makes of their values."""
        return replace(self, direction="minimize", scalarization=scalarization)

    @cached_property
    def best(self) -> TrialRecord | None:
        """The incumbent: the first of `ranked`."""
        return next(iter(self.ranked), None)

    @cached_property
    def failures(self) -> tuple[Failure, ...]:
        """A digest: failed trials by reason (numbers in it aside), the commonest first."""
        groups: dict[str, list[TrialRecord]] = {}
        for trial in self.failed:
            lines = trial.error.strip().splitlines() or [""]
            groups.setdefault(re.sub(r"\d+", "#", lines[0][:200]), []).append(trial)
        ordered = sorted(groups.values(), key=len, reverse=True)
        return tuple(Failure(reason=group[-1].error, trials=tuple(group)) for group in ordered)

    def trial(self, number: int) -> TrialRecord | None:
        """The trial with a number, if it is among these."""
        at = self.preceding(number)
        return self.trials[at] if at < len(self.trials) and self.trials[at].number == number else None

    def preceding(self, number: int) -> int:
        """How many trials have a lower number."""
        return bisect_left(self.trials, number, key=NUMBER)

    def planned_since(self, earlier: History) -> list[TrialRecord]:
        """Trials with a configuration that an earlier history of this study did not know; it changes until they run."""
        known = {t.number: t.configuration for t in earlier.open}
        last = earlier.trials[-1].number if earlier.trials else -1
        fresh = [*map(self.trial, known), *self.trials[self.preceding(last + 1) :]]
        return [t for t in fresh if t and t.configuration and t.configuration != known.get(t.number)]

    @classmethod
    def from_study(cls, study: optuna.Study, *, skip: int | None = None) -> History:
        """The trials of a study as they are now, but for the one with the number `skip`.

        Failures that were run again are no part of it.
        """
        records, outcomes = seen(study)
        known: Outcomes | None = outcomes
        at = len(records) if skip is None else bisect_left(records, skip, key=NUMBER)
        if at < len(records) and records[at].number == skip:
            skipped = records[at]
            records = (*records[:at], *records[at + 1 :]) if at + 1 < len(records) else records[:at]
            rest = tuple(trial for trial in outcomes.open if trial is not skipped)
            known = None if skipped.ended else replace(outcomes, open=rest)
        return cls(records, outcomes.direction, outcomes=known)
