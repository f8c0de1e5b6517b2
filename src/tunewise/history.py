"""What has been tried: an immutable view of a study's trials, as prompts and surrogates need it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

from optuna.trial import TrialState

from tunewise.objectives import as_costs, non_dominated
from tunewise.space import Configuration

if TYPE_CHECKING:
    from datetime import datetime

    import optuna
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

    from tunewise.objectives import Aim, Objective
    from tunewise.task import Direction

__all__ = [
    "CALL_KEY",
    "CHAT_CALL_KEY",
    "CHAT_KEY",
    "GENERATION_KEY",
    "MODEL_SOURCES",
    "PROGRAM_KEY",
    "PROPOSAL_KEY",
    "RESULT_KEY",
    "Failure",
    "History",
    "HistoryReader",
    "State",
    "TrialRecord",
]

PROPOSAL_KEY = "tunewise:proposal"
"""User attribute of a trial: where its configuration came from, and why."""
CALL_KEY = "tunewise:call:"
"""System attributes of a trial, numbered: each call to the model that was made for it, as billed."""
CHAT_KEY = "tunewise:chat:"
"""System attributes of a study: each turn of each conversation about it."""
CHAT_CALL_KEY = "tunewise:chat-call:"
"""System attributes of a study: each call to the model that was made for a conversation, as billed."""
RESULT_KEY = "tunewise:result"
"""User attribute of a trial that tunewise evaluated: seconds, the reason of a failure, other numbers returned."""

GENERATION_KEY = "tunewise:generation"
"""User attribute of a study of programs: contract, data, sandbox, limits."""
PROGRAM_KEY = "tunewise:program:"
"""User attributes of a study, numbered from 1: each program that was written, refused ones too."""

MODEL_SOURCES = ("model", "repair")
"""Sources of trials that the language model proposed."""

State = Literal["finished", "pruned", "failed", "running"]

STATES: dict[TrialState, State] = {
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
    TrialState.WAITING: "running",  # queued: its configuration is as good as running
}


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """One trial.

    Attributes:
        number: From 0, in order of creation.
        state: "running" counts what is queued too.
        configuration: The hyperparameters that exist in it.
        value: The metric when finished; the last intermediate value when pruned; else None. Of several objectives the
            first, unless the history has an aim.
        error: Why it failed.
        proposal: Where it came from, as stored by the sampler: source, reason, reply, ...
        curve: Intermediate values, as (step, value).
        seconds: Wall time of the evaluation; None when unknown.
        extra: Other numbers that the objective returned.
        values: All that the objective returned as its values, in the order of the study's directions.
        constraints: Values of the constraints, as far as they are known; above 0 is violated.
    """

    number: int
    state: State
    configuration: Configuration
    value: float | None = None
    error: str = ""
    proposal: dict[str, Any] = field(default_factory=dict)
    curve: tuple[tuple[int, float], ...] = ()
    seconds: float | None = None
    extra: dict[str, float] = field(default_factory=dict)
    values: tuple[float, ...] = ()
    constraints: dict[str, float] = field(default_factory=dict)

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
    def source(self) -> str:
        """Who proposed it; "enqueued" when a person did, "unknown" when nobody said."""
        return str(self.proposal.get("source", "unknown"))

    @property
    def by_model(self) -> bool:
        """Whether the language model proposed it, repaired or not."""
        return self.source in MODEL_SOURCES

    @property
    def led_by_model(self) -> bool:
        """Whether the language model proposed it, or wrote the prior that led the surrogate there."""
        return self.by_model or self.source == "prior"

    @classmethod
    def from_optuna(cls, trial: FrozenTrial) -> TrialRecord:
        """Read an Optuna trial, by tunewise or by anybody else."""
        proposal = dict(trial.user_attrs.get(PROPOSAL_KEY, {}))
        result = trial.user_attrs.get(RESULT_KEY, {})
        fixed = trial.system_attrs.get("fixed_params", {})
        if fixed and not proposal:
            proposal = {"source": "enqueued"}
        # A running trial gets its parameters one by one; what was proposed for it is known at once.
        planned = {**proposal.get("configuration", {}), **fixed} if not trial.state.is_finished() else {}
        return cls(
            number=trial.number,
            state=STATES[trial.state],
            configuration={**planned, **trial.params},
            value=trial.values[0] if trial.values else None,
            error=str(result.get("error", "no reason was given")) if trial.state == TrialState.FAIL else "",
            proposal=proposal,
            curve=tuple(
                sorted((s, v) for s, v in trial.intermediate_values.items() if s <= result.get("last_step", s))
            ),
            seconds=result.get("seconds", trial.duration.total_seconds() if trial.duration else None),
            extra=dict(result.get("extra", {})),
            values=tuple(trial.values or ()),
            constraints=trial.constraints if trial.state.is_finished() else {},
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
        direction: Whether small or large values are good.
        aim: What each trial's value is, where it is not the study's one metric: what the next proposal aims at.
    """

    trials: tuple[TrialRecord, ...] = ()
    direction: Direction = "minimize"
    aim: Aim | None = None

    def __len__(self) -> int:
        return len(self.trials)

    def __iter__(self) -> Iterator[TrialRecord]:
        return iter(self.trials)

    def __getitem__(self, index: Any) -> Any:
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
        return tuple(t for t in self.trials if t.state == "running" and t.configuration)

    @cached_property
    def told(self) -> tuple[TrialRecord, ...]:
        """Trials whose outcome is known: finished, pruned, failed."""
        return tuple(t for t in self.trials if t.state != "running")

    @cached_property
    def ranked(self) -> tuple[TrialRecord, ...]:
        """Finished trials that count, best first; the earlier one where values are equal.

        Of several objectives those on the front come first; the best for the aim is one of them.
        """
        sign = 1.0 if self.direction == "minimize" else -1.0
        counted = (t for t in self.finished if self.counts(t))
        return tuple(sorted(counted, key=lambda t: (t.number not in self.front, sign * (t.value or 0.0))))

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
        """Those of the aim."""
        return self.aim.objectives if self.aim else ()

    def counts(self, trial: TrialRecord) -> bool:
        """Whether a trial may be the best: it meets the constraints, unless that itself is the aim."""
        return trial.feasible or (self.aim is not None and self.aim.feasibility)

    def limiting(self, trial: TrialRecord) -> dict[str, float]:
        """The constraints of a trial beside its value; none where to meet them is all that its value is about."""
        return {} if self.aim and self.aim.feasibility else trial.constraints

    def while_running(self, trial: TrialRecord) -> History:
        """What the next proposal will see while a further trial runs, with an aim of its own."""
        history = replace(self, trials=(*self.trials, trial))
        return history.toward(replace(self.aim, weights=self.aim.following)) if self.aim else history

    def toward(self, aim: Aim) -> History:
        """The same trials, each with the value that it has for an aim."""
        return History(tuple(replace(t, value=aim.value(t)) for t in self.trials), "minimize", aim)

    @property
    def best(self) -> TrialRecord | None:
        """The incumbent."""
        return self.ranked[0] if self.ranked else None

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


class HistoryReader:
    """Reads studies again and again; a finished trial, which can change no more, is read once."""

    def __init__(self) -> None:
        self._seen: WeakKeyDictionary[BaseStorage, dict[tuple[int, datetime | None], TrialRecord]] = WeakKeyDictionary()

    def read(self, study: optuna.Study, *, skip: int | None = None) -> History:
        """All trials of a study, but for the one with the number `skip`."""
        seen = self._seen.setdefault(study._storage, {})
        records = []
        for trial in study.get_trials(deepcopy=False):
            if trial.number != skip:
                key = (trial._trial_id, trial.datetime_complete)
                record = seen.get(key) or TrialRecord.from_optuna(trial)
                if trial.state.is_finished():
                    seen[key] = record
                records.append(record)
        return History(tuple(records), direction_of(study))


def direction_of(study: optuna.Study) -> Direction:
    """Whether a study minimizes or maximizes; of several objectives the first."""
    return "maximize" if study.directions[0].name == "MAXIMIZE" else "minimize"
