"""What has been tried: an immutable view of a study's trials, as prompts and surrogates need it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, overload
from weakref import WeakKeyDictionary

from optuna.trial import TrialState

from tunewise import attributes
from tunewise.objectives import as_costs, non_dominated
from tunewise.optuna_private import id_of, id_of_study, storage_of
from tunewise.pickling import Portable
from tunewise.record import MODEL_SOURCES, Proposal, Result, Source
from tunewise.space import Configuration

if TYPE_CHECKING:
    from datetime import datetime

    import optuna
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

    from tunewise.objectives import Objective, Scalarization
    from tunewise.task import Direction

__all__ = [
    "Failure",
    "History",
    "HistoryReader",
    "State",
    "TrialRecord",
]

State = Literal["finished", "pruned", "failed", "running", "waiting"]

STATES: dict[TrialState, State] = {
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
}


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """One trial.

    Attributes:
        number: From 0, in order of creation.
        state: "waiting" is in the queue, also after an interruption.
        configuration: The hyperparameters that exist in it.
        value: The metric when finished; the last intermediate value when pruned; else None. Of several objectives the
            first.
        error: Why it failed.
        proposal: Where it came from.
        curve: Intermediate values, as (step, value).
        seconds: Wall time of the evaluation; None when unknown.
        extra: Other numbers that the objective returned.
        values: All that the objective returned as its values, in the order of the study's directions.
        constraints: Values of the constraints, as far as they are known; above 0 is violated.
        damaged: Names of the parts of proposal and result that could not be read and were left out.
    """

    number: int
    state: State
    configuration: Configuration
    value: float | None = None
    error: str = ""
    proposal: Proposal = field(default_factory=Proposal)
    curve: tuple[tuple[int, float], ...] = ()
    seconds: float | None = None
    extra: dict[str, float] = field(default_factory=dict)
    values: tuple[float, ...] = ()
    constraints: dict[str, float] = field(default_factory=dict)
    damaged: tuple[str, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether its outcome is known."""
        return self.state not in ("running", "waiting")

    @property
    def violations(self) -> dict[str, float]:
        """The constraints that it does not meet, and by how much."""
        return {name: value for name, value in self.constraints.items() if value > 0}

    @property
    def violation(self) -> float:
        """By how much it violates the constraints, in all."""
        return sum(self.violations.values())

    @property
    def feasible(self) -> bool:
        """Whether it meets every constraint that is known of it."""
        return not self.violations

    @property
    def source(self) -> Source:
        """Who proposed it; "enqueued" when a person did, "unknown" when nobody said."""
        return self.proposal.source

    @property
    def by_model(self) -> bool:
        """Whether the language model proposed it, repaired or not."""
        return self.source in MODEL_SOURCES

    @classmethod
    def from_optuna(cls, trial: FrozenTrial) -> TrialRecord:
        """Read an Optuna trial, by tunewise or by anybody else."""
        proposal, damaged = Proposal.from_dict(trial.user_attrs.get(attributes.PROPOSAL, {}))
        result, broken = Result.from_dict(trial.user_attrs.get(attributes.RESULT, {}))
        fixed = trial.system_attrs.get("fixed_params", {})
        if fixed and attributes.PROPOSAL not in trial.user_attrs:
            proposal = Proposal(source="enqueued")
        # A running trial gets its parameters one by one; what was proposed for it is known at once.
        planned = {**proposal.configuration, **fixed} if not trial.state.is_finished() else {}
        last = math.inf if result.last_step is None else result.last_step
        took = trial.duration.total_seconds() if trial.duration else None
        return cls(
            number=trial.number,
            state=STATES[trial.state],
            configuration={**planned, **trial.params},
            value=trial.values[0] if trial.values else None,
            error=(result.error or "no reason was given") if trial.state == TrialState.FAIL else "",
            proposal=proposal,
            curve=tuple(sorted((s, v) for s, v in trial.intermediate_values.items() if s <= last)),
            seconds=took if result.seconds is None else result.seconds,
            extra=dict(result.extra),
            values=tuple(trial.values or ()),
            constraints=trial.constraints if trial.state.is_finished() else {},
            damaged=damaged + broken,
        )


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
    """

    trials: tuple[TrialRecord, ...] = ()
    direction: Direction = "minimize"
    scalarization: Scalarization | None = None

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
    def finished(self) -> tuple[TrialRecord, ...]:
        """Trials with a value, oldest first."""
        return tuple(t for t in self.trials if t.state == "finished")

    @cached_property
    def failed(self) -> tuple[TrialRecord, ...]:
        """Trials without a value, and why, oldest first."""
        return tuple(t for t in self.trials if t.state == "failed")

    @cached_property
    def running(self) -> tuple[TrialRecord, ...]:
        """Trials that are being evaluated or are queued."""
        return tuple(t for t in self.trials if not t.ended and t.configuration)

    @cached_property
    def told(self) -> tuple[TrialRecord, ...]:
        """Trials whose outcome is known: finished, pruned, failed."""
        return tuple(t for t in self.trials if t.ended)

    @cached_property
    def ranked(self) -> tuple[TrialRecord, ...]:
        """Finished trials that count, best first; the earlier one where values are equal.

        Of several objectives those on the front come first; the best by score is one of them.
        """
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
        """What counts of a trial: its metric, or the one number that a scalarization makes of its values."""
        return self.scalarization.score(trial) if self.scalarization else trial.value

    def scalarized(self, scalarization: Scalarization) -> History:
        """The same trials, with another score."""
        return History(self.trials, "minimize", scalarization)

    @cached_property
    def best(self) -> TrialRecord | None:
        """The incumbent: the first of `ranked`."""
        return min(filter(self.counts, self.finished), key=self._rank, default=None)

    @cached_property
    def failures(self) -> tuple[Failure, ...]:
        """A digest: failed trials by reason (numbers in it aside), the commonest first."""
        groups: dict[str, list[TrialRecord]] = {}
        for trial in self.failed:
            lines = trial.error.strip().splitlines() or [""]
            groups.setdefault(re.sub(r"\d+", "#", lines[0][:200]), []).append(trial)
        ordered = sorted(groups.values(), key=len, reverse=True)
        return tuple(Failure(reason=group[-1].error, trials=tuple(group)) for group in ordered)

    @classmethod
    def from_study(cls, study: optuna.Study) -> History:
        """Read all trials of a study."""
        trials = tuple(map(TrialRecord.from_optuna, study.get_trials(deepcopy=False)))
        return cls(trials, direction_of(study))


class HistoryReader(Portable):
    """Reads studies again and again; a trial that has not changed is read once.

    Storages never change a trial that they have handed out, they put another one in its place.
    """

    of_process: ClassVar = {"_seen": WeakKeyDictionary}

    def __init__(self) -> None:
        self._seen: WeakKeyDictionary[BaseStorage, dict[int, list[Known]]] = WeakKeyDictionary()

    def read(self, study: optuna.Study, *, skip: int | None = None) -> History:
        """All trials of a study, but for the one with the number `skip`."""
        known = self._seen.setdefault(storage_of(study), {}).setdefault(id_of_study(study), [])
        trials = study.get_trials(deepcopy=False)
        del known[len(trials) :]
        known += [Known.of(trial) for trial in trials[len(known) :]]
        for k, trial in enumerate(trials):
            if not known[k].is_of(trial):
                known[k] = Known.of(trial)
        records = [one.record for one in known]
        if skip is not None and skip < len(records):
            del records[skip]  # trials stand in the order of their numbers
        return History(tuple(records), direction_of(study))


class Known(NamedTuple):
    """A trial as it was read."""

    trial: FrozenTrial
    record: TrialRecord

    @classmethod
    def of(cls, trial: FrozenTrial) -> Known:
        """Read it."""
        return cls(trial, TrialRecord.from_optuna(trial))

    def is_of(self, trial: FrozenTrial) -> bool:
        """Whether it is this trial, as it is now; one that has finished changes no more."""
        return trial is self.trial or (trial.state.is_finished() and identity_of(self.trial) == identity_of(trial))


def identity_of(trial: FrozenTrial) -> tuple[int, datetime | None]:
    """Tells a finished trial from others, and from its own past."""
    return id_of(trial), trial.datetime_complete


def direction_of(study: optuna.Study) -> Direction:
    """Whether a study minimizes or maximizes; of several objectives the first."""
    return "maximize" if study.directions[0].name == "MAXIMIZE" else "minimize"
