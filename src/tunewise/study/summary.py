"""What a study amounts to: its best against the default, who proposed what, what it took."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import optuna
from threadpoolctl import threadpool_limits

from tunewise.errors import SpaceError
from tunewise.history import History, TrialRecord
from tunewise.llm.ledger import Call, Totals
from tunewise.proposers.credit import policy_of
from tunewise.proposers.uplift import Uplift, measure_uplift
from tunewise.space import SearchSpace
from tunewise.study.sound import STUDY_KEY, Front, Sound, calls_of, sound_copy

__all__ = ["STUDY_KEY", "Summary", "summarize", "summarize_sound"]


@dataclass(frozen=True)
class Summary:
    """A study at one moment.

    Attributes:
        name: Of the study.
        metric: Name of what the objective returns.
        history: Its trials.
        totals: What its calls took.
        calls: Each trial's calls, as billed.
        chat_calls: Those of conversations about the study.
        front: Where there are several objectives; everything else is about the first one then.
        notes: What could not be read, a sentence each.
        space: Plain form of the search space; empty where tunewise did not store it.
    """

    name: str
    metric: str
    history: History
    totals: Totals
    calls: Mapping[int, tuple[Call, ...]]
    chat_calls: tuple[Call, ...] = ()
    front: Front | None = None
    notes: tuple[str, ...] = ()
    space: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def uplift(self) -> Uplift | None:
        """What the model added over the surrogate's own points; None where nothing can be compared."""
        if self.front or not any(t.by_model and "alternative" in policy_of(t) for t in self.history):
            return None
        try:
            with threadpool_limits(1):
                return measure_uplift(self.history, SearchSpace.from_dict(self.space))
        except (SpaceError, ArithmeticError, ValueError):  # a study file is anybody's
            return None

    @property
    def default(self) -> TrialRecord | None:
        """The trial of the default configuration, if it finished."""
        return next((t for t in self.history.finished if t.source == "default"), None)

    @property
    def best_of_model(self) -> TrialRecord | None:
        """The best trial that the model proposed."""
        return next((t for t in self.history.ranked if t.by_model), None)

    @property
    def sources(self) -> Counter[str]:
        """How many trials each source proposed."""
        return Counter(t.source for t in self.history if t.configuration)

    @property
    def fallbacks(self) -> tuple[TrialRecord, ...]:
        """Trials that had to do without the model although it was asked."""
        return tuple(t for t in self.history if t.proposal.get("fallback"))

    def gain(self, trial: TrialRecord | None, over: TrialRecord | None) -> float | None:
        """By how much `trial` is better than `over`, in the metric's own unit; negative when it is worse."""
        if trial is None or over is None or trial.value is None or over.value is None:
            return None
        return over.value - trial.value if self.history.direction == "minimize" else trial.value - over.value

    def cost_of(self, trial: TrialRecord) -> float | None:
        """US dollars for the calls of a trial; None as soon as one is unknown."""
        costs = [call.cost_usd for call in self.calls.get(trial.number, ())]
        return None if None in costs else math.fsum(c for c in costs if c is not None)

    def verdict(self) -> str:
        """What the model added over the default configuration, in a sentence."""
        metric, best, default = self.metric, self.best_of_model, self.default
        if best is None and not self.totals.calls:
            return "No language model was asked."
        if best is None:
            ended = "meets the constraints" if any(t.by_model for t in self.history.finished) else "has finished"
            return f"No trial that the language model proposed {ended}, so there is nothing to credit it with."
        if default is None:
            return f"The language model reached {metric} {best.value:.6g} (trial {best.number}); no default to compare."
        if not self.history.counts(default):
            return (
                f"The language model reached {metric} {best.value:.6g} (trial {best.number}); the default "
                "configuration violates constraints, so it is no comparison."
            )
        gain = self.gain(best, default)
        assert gain is not None
        compared = f"best {metric} {best.value:.6g} (trial {best.number}) against {default.value:.6g}"
        if gain == 0:
            return f"The language model added nothing over the default configuration: {compared}."
        if gain < 0:
            return f"The language model did not reach the default configuration: {compared}."
        relative = f", {gain / abs(default.value):.1%} better" if default.value else ""
        return (
            f"The language model added {gain:.4g} over the default configuration: {compared}{relative}. "
            f"{'' if self.history.best is best else 'The best trial of all was not its own. '}"
            "One study, one seed: no more than a hint."
        )

    def _front(self) -> dict[str, Any]:
        assert self.front is not None
        objectives = zip(self.front.names, self.front.directions, strict=True)
        return {
            "objectives": [{"name": name, "direction": direction} for name, direction in objectives],
            "trials": [{"trial": number, "values": self.front.values[number]} for number in self.front.best],
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for programs: strict JSON, in which a number that is not finite is null."""
        best = self.history.best
        data = {
            "study": self.name,
            "metric": self.metric,
            "direction": self.history.direction,
            "best": plain(best) if best else None,
            "default": plain(self.default) if self.default else None,
            "verdict": self.verdict(),
            "uplift": self.uplift.to_dict() if self.uplift else None,
            "front": self._front() if self.front else None,
            "sources": dict(self.sources),
            "fallbacks": [t.number for t in self.fallbacks],
            "calls": self.totals.calls,
            "failed_calls": self.totals.failed_calls,
            "input_tokens": self.totals.input_tokens,
            "output_tokens": self.totals.output_tokens,
            "cost_usd": self.totals.cost_usd,
            "trials": [plain(t) | {"cost_usd": self.cost_of(t)} for t in self.history],
        }
        return {key: finite(value) for key, value in data.items()}


def finite(data: Any) -> Any:
    """The same with None in place of numbers that JSON does not have."""
    match data:
        case float() if not math.isfinite(data):
            return None
        case dict():
            return {key: finite(value) for key, value in data.items()}
        case list() | tuple():
            return [finite(value) for value in data]
    return data


def plain(trial: TrialRecord) -> dict[str, Any]:
    """A trial as plain data."""
    return {
        "trial": trial.number,
        "state": trial.state,
        "value": trial.value,
        "configuration": trial.configuration,
        "source": trial.source,
        "reason": trial.proposal.get("reason", ""),
        "fallback": trial.proposal.get("fallback", ""),
        "repairs": list(trial.proposal.get("repairs", [])),
        "error": trial.error,
        "seconds": trial.seconds,
        "extra": trial.extra,
        "constraints": trial.constraints,
    }


def summarize(study: optuna.Study) -> Summary:
    """Read a study by anybody, in any state."""
    return summarize_sound(sound_copy(study))


def summarize_sound(sound: Sound) -> Summary:
    """The same of a study that has been read."""
    study = sound.study
    calls = {
        trial.number: tuple(Call.from_dict(entry) for entry in calls_of(trial).values())
        for trial in study.get_trials(deepcopy=False)
    }
    metric = sound.about.get("task", {}).get("metric", "value")
    if sound.front:
        metric = sound.front.names[0]
    history = History.from_study(study)
    return Summary(
        name=study.study_name,
        metric=metric,
        history=history,
        totals=Totals.of([*(call for made in calls.values() for call in made), *sound.chat_calls]),
        calls=calls,
        chat_calls=sound.chat_calls,
        front=sound.front,
        notes=sound.notes,
        space=sound.about.get("space", {}),
    )
