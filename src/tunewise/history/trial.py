"""One trial of a study, as prompts, surrogates and reports see it, whoever ran it."""

from __future__ import annotations

import copy
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from optuna.trial import TrialState

from tunewise import attributes
from tunewise.record import MODEL_SOURCES, Proposal, Result, Source
from tunewise.space import Configuration

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

__all__ = ["State", "TrialRecord", "lasting", "rounded"]

State = Literal["finished", "pruned", "failed", "running", "waiting", "interrupted"]

CONSTRAINTS = "constraints"
"""Where Optuna keeps them: under this key, or under one that begins with it and has a name behind a colon."""
NO_NUMBERS: dict[str, float] = {}
"""Shared by thousands of records, which nobody changes."""
LARGEST = 1e300
"""Values of constraints beyond are damage."""

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
        state: "waiting" is in the queue, also after an interruption; "interrupted" runs no more, and
            waits for the next driver; only a `StoredStudy` knows that.
        configuration: The hyperparameters that exist in it.
        value: The metric when finished; the last intermediate value when pruned; else None. Of several objectives the
            first.
        error: Why it failed.
        proposal: Where it came from.
        curve: Intermediate values, as (step, value).
        seconds: Wall time of the evaluation; None when unknown.
        extra: Other numbers that the objective returned.
        note: What was wrong with the values that it reported; empty when nothing was.
        values: All that the objective returned as its values, in the order of the study's directions.
        constraints: Values of the constraints, as far as they are known; above 0 is violated.
        damaged: What of it could not be read and was left out: names of parts of proposal and result, and other keys.
        repeats: Numbers of failed trials whose configuration it runs again, or of stopped ones from which it goes on;
            those count no more (see `lasting`).
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
    note: str = ""
    values: tuple[float, ...] = ()
    constraints: dict[str, float] = field(default_factory=dict)
    damaged: tuple[str, ...] = ()
    repeats: tuple[int, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether its outcome is known."""
        return self.state not in ("running", "waiting", "interrupted")

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
        return not any(value > 0 for value in self.constraints.values())

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
        """Read an Optuna trial, by tunewise or by anybody else, in any state: what is damaged is left out and named."""
        proposal, damaged = Proposal.from_dict(trial.user_attrs.get(attributes.PROPOSAL, {}))
        result, broken = Result.from_dict(trial.user_attrs.get(attributes.RESULT, {}))
        fixed = trial.system_attrs.get("fixed_params", {})
        if not isinstance(fixed, Mapping):
            fixed, broken = {}, (*broken, "fixed_params")
        if fixed and attributes.PROPOSAL not in trial.user_attrs:
            proposal = Proposal(source="enqueued")
        constraints, unknown = constraints_of(trial)
        # A running trial gets its parameters one by one; what was proposed for it is known at once. Those of one that
        # has ended stay, and are shared with Optuna.
        ended = trial.state.is_finished()
        last = math.inf if result.last_step is None else result.last_step
        took = trial.duration.total_seconds() if trial.duration else None
        state, values, error = outcome_of(trial)
        return cls(
            number=trial.number,
            state=state,
            configuration=trial.params if ended else {**proposal.configuration, **fixed, **trial.params},
            value=values[0] if values else None,
            error=(error or result.error or "no reason was given") if state == "failed" else "",
            proposal=proposal,
            curve=tuple(sorted((s, v) for s, v in trial.intermediate_values.items() if s <= last)),
            seconds=took if result.seconds is None else result.seconds,
            extra=result.extra or NO_NUMBERS,
            note=result.note,
            values=values,
            constraints=constraints if ended else NO_NUMBERS,
            damaged=damaged + broken + unknown,
            repeats=tuple(numbers_in(trial.system_attrs.get(attributes.REPEATS))),
        )


def rounded(value: float | None) -> float | None:
    """A value without the digits in which a sum of the same numbers differs when they are added in another order."""
    return None if value is None else float(f"{value:.12g}")


def numbers_in(stored: object) -> Iterator[int]:
    """The whole numbers of a stored list; of anything else none."""
    yield from (number for number in stored if type(number) is int) if isinstance(stored, list | tuple) else ()


def lasting(records: Sequence[TrialRecord], repeated: Collection[int] | None = None) -> tuple[TrialRecord, ...]:
    """The trials without the failed and the stopped ones whose place a later trial has taken.

    Args:
        records: Trials by number.
        repeated: Numbers that later trials name; None where they are all among these.
    """
    named = {number for record in records for number in record.repeats} if repeated is None else repeated
    return tuple(record for record in records if record.number not in named or record.state not in ("failed", "pruned"))


def outcome_of(trial: FrozenTrial) -> tuple[State, tuple[float, ...], str]:
    """State, finite values and why there are none: of all objectives, or of the first one alone."""
    state, values = STATES[trial.state], tuple(trial.values or ())
    if not all(map(math.isfinite, values)):
        values = tuple(filter(math.isfinite, values[:1]))
    if state != "finished" or values:
        return state, values, ""
    return "failed", (), f"its value is {trial.values[0] if trial.values else None}, which is no result"


def constraints_of(trial: FrozenTrial) -> tuple[dict[str, float], tuple[str, ...]]:
    """The values of the constraints by name, and under which keys there is something else."""
    keys = [key for key in trial.system_attrs if key == CONSTRAINTS or key.startswith(f"{CONSTRAINTS}:")]
    damaged = tuple(key for key in keys if not is_limit(key, trial.system_attrs[key]))
    if not damaged:
        return trial.constraints if keys else NO_NUMBERS, ()
    known = copy.copy(trial)
    known.system_attrs = {key: entry for key, entry in trial.system_attrs.items() if key not in damaged}
    return known.constraints, damaged


def is_limit(key: str, entry: object) -> bool:
    """Whether it is what Optuna keeps there: under a name a number, else a list of them, as before version 5."""
    if key != CONSTRAINTS:
        return isinstance(entry, int | float) and abs(entry) <= LARGEST  # not NaN
    return isinstance(entry, list | tuple) and all(is_limit("", value) for value in entry)
