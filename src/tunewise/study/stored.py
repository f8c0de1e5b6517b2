"""The one reader of a stored study: report, assistant, `show` and dashboard are told the same, for all read it here."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial
from threadpoolctl import threadpool_limits

from tunewise.errors import SpaceError, TaskError
from tunewise.history import History, TrialRecord
from tunewise.history.trial import State
from tunewise.llm.calls import Call, Totals
from tunewise.objectives import Objective
from tunewise.plain import Plain, PlainDict
from tunewise.secrets import masker
from tunewise.space import SearchSpace
from tunewise.space.plain import from_distribution
from tunewise.study.effects import EffectsOfStudy
from tunewise.study.front import Front, find_front
from tunewise.study.talks import Talk, talks
from tunewise.study.use_of_model import never_asked, of_no_use
from tunewise.study.validated import About, Exchange, StoredProgram, validate
from tunewise.task import Task
from tunewise.text import sentence

if TYPE_CHECKING:
    from tunewise.proposers.uplift import Uplift

__all__ = ["Exchange", "StoredStudy"]


STATES: Final[tuple[State, ...]] = ("finished", "failed", "pruned", "running", "interrupted", "waiting")


@dataclass(frozen=True)
class StoredStudy:
    """A study by anybody, in any state, validated at one moment.

    Attributes:
        name: Of the study.
        objectives: At least one. What names one value (best, default, figures) is about the first.
        history: The trials.
        frozen: The same as Optuna has them, for figures.
        about: Space, task and sessions, where tunewise stored them.
        exchanges: Every call that was made for a trial, oldest first.
        chat_calls: Calls that were made for conversations about the study.
        programs: That a model wrote.
        conversations: About the study, the latest last.
        damage: What could not be read, a sentence each.
        repeated: Failed trials that a later one has run again, or will; they are no part of the history.
        file: Name without ending of the file that holds it; empty where none does.
    """

    name: str
    objectives: tuple[Objective, ...]
    history: History
    frozen: tuple[FrozenTrial, ...]
    about: About
    exchanges: tuple[Exchange, ...] = ()
    chat_calls: tuple[Call, ...] = ()
    programs: tuple[StoredProgram, ...] = ()
    conversations: tuple[Talk, ...] = ()
    damage: tuple[str, ...] = ()
    repeated: tuple[TrialRecord, ...] = ()
    file: str = ""

    @classmethod
    def read(cls, study: optuna.Study) -> StoredStudy:
        """Read a study without changing it."""
        valid = validate(study)
        return cls(
            name=valid.name,
            objectives=valid.objectives,
            history=valid.history,
            frozen=valid.frozen,
            about=valid.about,
            exchanges=valid.exchanges,
            chat_calls=valid.chat_calls,
            programs=valid.programs,
            conversations=talks(study),
            damage=valid.notes,
            repeated=valid.repeated,
            file=valid.file,
        )

    @cached_property
    def metric(self) -> str:
        """Name of what the objective returns; of several the first."""
        return self.objectives[0].name if len(self.objectives) > 1 else self.about.task.metric

    @cached_property
    def task(self) -> Task:
        """What is tuned, as far as the study tells."""
        direction = self.history.direction
        try:
            return replace(Task.from_dict(self.about.task.to_dict()), metric=self.metric, direction=direction)
        except (TaskError, TypeError, AttributeError):
            return Task(metric=self.metric or "value", direction=direction)

    @cached_property
    def space(self) -> Mapping[str, Mapping[str, object]]:
        """Each hyperparameter's plain description; of another's study as far as its distributions tell."""
        last: dict[str, BaseDistribution] = {}
        for trial in self.frozen:
            last |= trial.distributions
        inferred = {name: from_distribution(d).to_plain() for name, d in last.items() if name not in self.about.space}
        return {**self.about.space, **inferred}

    @cached_property
    def names(self) -> list[str]:
        """Hyperparameters: as the space has them, then whatever else trials have."""
        found = dict.fromkeys(self.about.space)
        for trial in self.history:
            found |= dict.fromkeys(trial.configuration)
        return list(found)

    @cached_property
    def extra_names(self) -> list[str]:
        """Other numbers than the objectives that trials returned, in the order in which they came up."""
        return list(dict.fromkeys(name for trial in self.history for name in trial.extra))

    @cached_property
    def search_space(self) -> SearchSpace | None:
        """The search space, where the study tells one."""
        try:
            return SearchSpace.from_dict(self.space) if self.space else None
        except SpaceError:
            return None

    @cached_property
    def front(self) -> Front | None:
        """Of several objectives; None where there is one."""
        return find_front(self.history, self.objectives) if len(self.objectives) > 1 else None

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What a reader has to know before all else: several objectives, and what is damaged."""
        several = (
            f"The study has {len(self.objectives)} objectives. No single trial is best. {self.front.in_words()} What "
            f"names one value (best, default, figures) is about the first objective, {self.metric}, only."
            if self.front
            else ""
        )
        return (*filter(None, [several, self._told_repeated(), self._told_interrupted()]), *self.damage)

    def _told_interrupted(self) -> str:
        """Which trials will run once more."""
        numbers = [str(trial.number) for trial in self.history if trial.state == "interrupted"]
        if not numbers:
            return ""
        several = len(numbers) > 1
        which, them = (f"Trials {', '.join(numbers)} were", "them") if several else (f"Trial {numbers[0]} was", "it")
        return f"{which} interrupted, and nobody runs {them} now. The next run of the same study does."

    def _told_repeated(self) -> str:
        """Why numbers of trials are missing."""
        if not self.repeated:
            return ""
        numbers, last = ", ".join(str(trial.number) for trial in self.repeated), self.repeated[-1]
        which, them = (f"Trial {numbers}", "it") if len(self.repeated) == 1 else (f"Trials {numbers}", "them")
        return f"{which} failed before any trial had finished; later trials run {them} again. {sentence(last.error)}"

    @cached_property
    def calls(self) -> Mapping[int, tuple[Call, ...]]:
        """Each trial's calls, as billed."""
        made: dict[int, tuple[Call, ...]] = {}
        for exchange in self.exchanges:
            made[exchange.trial] = (*made.get(exchange.trial, ()), exchange.call)
        return made

    @cached_property
    def totals(self) -> Totals:
        """What all calls took, those of conversations included."""
        return Totals.of([*(exchange.call for exchange in self.exchanges), *self.chat_calls])

    @cached_property
    def effects(self) -> EffectsOfStudy:
        """What each hyperparameter does to the metric, as far as the trials tell."""
        return EffectsOfStudy(self.search_space, self.history)

    @cached_property
    def uplift(self) -> Uplift | None:
        """What the model added over the surrogate's own points; None where nothing can be compared."""
        compared = any(t.by_model and t.proposal.decision.advice for t in self.history)
        if self.front or self.search_space is None or not compared:
            return None
        from tunewise.proposers.uplift import measure_uplift

        try:
            with threadpool_limits(1):
                return measure_uplift(self.history, self.search_space)
        except (ArithmeticError, ValueError):  # a study file is anybody's
            return None

    @property
    def default(self) -> TrialRecord | None:
        """The trial of the default configuration, if it finished."""
        return next((t for t in self.history.finished if t.source == "default"), None)

    @property
    def best(self) -> TrialRecord | None:
        """The best trial; of several objectives the one that is best in the first."""
        return self.history.best

    @property
    def best_of_model(self) -> TrialRecord | None:
        """The best trial that the model proposed."""
        return next((t for t in self.history.ranked if t.by_model), None)

    @cached_property
    def states(self) -> dict[str, int]:
        """How many trials are in each state that any is in, what has ended first."""
        counts = Counter(trial.state for trial in self.history)
        return {state: counts[state] for state in STATES if counts[state]}

    @property
    def sources(self) -> Counter[str]:
        """How many trials each source proposed."""
        return Counter(t.source for t in self.history if t.configuration)

    @property
    def fallbacks(self) -> tuple[TrialRecord, ...]:
        """Trials that had to do without the model although it was asked."""
        return tuple(t for t in self.history if t.proposal.fallback)

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
        """What the model added over the default configuration, or tuning without it did, in a sentence or two."""
        metric, best, default = self.metric, self.best_of_model, self.default
        if best is None and not self.exchanges:
            return f"{self._gained()} {never_asked(self.history)}".strip()
        if best is None and not any(t.by_model for t in self.history):
            return f"{self._gained()} {of_no_use(self.history, [one.call for one in self.exchanges])}".strip()
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
        compared = f"{metric} {best.value:.6g} (trial {best.number}) against {default.value:.6g}"
        relative = self._relative(best, default)
        if gain == 0:
            return f"The language model added nothing over the default: {compared}."
        if gain < 0:
            return f"The language model did not reach the default: {compared}."
        return (
            f"The language model added {gain:.4g} over the default: {compared}{f', {relative}' if relative else ''}. "
            f"{'' if self.history.best is best else 'The best trial of all was not its own. '}"
            "One study, one seed: a hint."
        )

    def _gained(self) -> str:
        """What tuning gained over the default configuration, whoever proposed; empty where that cannot be said."""
        best, default = self.best, self.default
        gain = self.gain(best, default)
        if best is None or default is None or gain is None or self.front or not self.history.counts(default):
            return ""
        if gain <= 0:
            return f"No trial was better than the default ({default.value:.6g}, trial {default.number})."
        better = self._relative(best, default) or f"{gain:.4g} better"
        return f"{better} than the default ({default.value:.6g}, trial {default.number})."

    def _relative(self, best: TrialRecord, default: TrialRecord) -> str:
        """By which share a trial is better than the default."""
        gain = self.gain(best, default)
        return f"{gain / abs(default.value):.1%} better" if gain and default.value else ""

    def to_dict(self) -> PlainDict:
        """Plain data, for programs: strict JSON, in which a number that is not finite is null."""
        best = self.history.best
        data: PlainDict = {
            "study": self.name,
            "metric": self.metric,
            "direction": self.history.direction,
            "best": plain_trial(best) if best else None,
            "default": plain_trial(self.default) if self.default else None,
            "verdict": self.verdict(),
            "uplift": self.uplift.to_dict() if self.uplift else None,
            "front": self.front.to_dict() if self.front else None,
            "effects": self.effects.shares,
            "sources": dict(self.sources),
            "fallbacks": [t.number for t in self.fallbacks],
            "calls": self.totals.calls,
            "failed_calls": self.totals.failed_calls,
            "input_tokens": self.totals.input_tokens,
            "output_tokens": self.totals.output_tokens,
            "cost_usd": self.totals.cost_usd,
            "trials": [plain_trial(t) | {"cost_usd": self.cost_of(t)} for t in self.history],
        }
        masked = masker()
        return {key: finite(value, masked) for key, value in data.items()}


def plain_trial(trial: TrialRecord) -> PlainDict:
    """A trial as plain data."""
    return {
        "trial": trial.number,
        "state": trial.state,
        "value": trial.value,
        "values": list(trial.values),
        "configuration": trial.configuration,
        "source": trial.source,
        "reason": trial.proposal.reason,
        "fallback": trial.proposal.fallback,
        "repairs": list(trial.proposal.repairs),
        "error": trial.error,
        "seconds": trial.seconds,
        "extra": trial.extra,
        "constraints": trial.constraints,
    }


def finite(data: object, masked: Callable[[str], str] | None = None) -> Plain:
    """Data as strict JSON has it, without secrets; None for numbers that are not finite, text for what is no data."""
    masked = masked or masker()
    match data:
        case float() if not math.isfinite(data):
            return None
        case None | bool() | int() | float():
            return data
        case Mapping():
            return {masked(str(key)): finite(value, masked) for key, value in data.items()}
        case list() | tuple():
            return [finite(value, masked) for value in data]
    return masked(str(data))
