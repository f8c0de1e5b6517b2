"""What each template is given: one frozen view for each file in `templates/`, and how values look in a prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Protocol, Self

from tunewise.history import History, TrialRecord
from tunewise.objectives import Objective
from tunewise.prompts.tradeoff import describe_front, describe_tradeoff, goal_of
from tunewise.space import NO_DEFAULT, Hyperparameter, SearchSpace, Value
from tunewise.space.values import exactly
from tunewise.task import Task
from tunewise.text import clip

MAX_ERROR = 300
MAX_DESCRIPTION = 240
MAX_PENDING = 1_000
MAX_VIOLATIONS = 3


class View(Protocol):
    """Everything that a template may use, as attributes."""

    template: ClassVar[str]


@dataclass(frozen=True)
class SystemView:
    """The expert role."""

    template: ClassVar[str] = "system.jinja"


@dataclass(frozen=True)
class ProblemView:
    """The first message: what is tuned, the space, the goal, the form of a reply.

    Attributes:
        task: What is tuned.
        space: The search space.
        reasoning: Whether the reply begins with an analysis.
        batch: How many configurations a reply gives; 0: one alone.
        bare: Whether the goal and the form of a reply are left to what follows.
        objectives: What is measured, where it is not the task's metric alone.
    """

    template: ClassVar[str] = "problem.jinja"
    task: Task
    space: SearchSpace
    reasoning: bool = False
    batch: int = 0
    bare: bool = False
    objectives: tuple[Objective, ...] = ()

    @property
    def several(self) -> str:
        """What is wanted of several objectives; empty where there is one."""
        return goal_of(self.objectives) if len(self.objectives) > 1 else ""

    @property
    def measured(self) -> Objective:
        """The objective, where there is one."""
        return self.objectives[0] if self.objectives else Objective(self.task.metric, self.task.direction or "minimize")

    @property
    def may_leave_out(self) -> bool:
        """Whether what a candidate leaves out is known."""
        return self.space.default is not None

    @property
    def hyperparameters(self) -> list[str]:
        """A line each."""
        return [describe(name, hyperparameter) for name, hyperparameter in self.space.items()]

    @property
    def conditional(self) -> bool:
        """Whether some hyperparameter exists only sometimes."""
        return any(h.when for h in self.space.values())

    @property
    def example(self) -> str:
        """An object with every key and a placeholder for every value, so that nobody copies numbers from it."""
        return "{" + ", ".join(f"{exactly(name)}: {h.placeholder}" for name, h in self.space.items()) + "}"


@dataclass(frozen=True)
class PriorView:
    """What earlier studies found, a part of a prompt."""

    template: ClassVar[str] = "prior.jinja"
    prior: tuple[str, ...] = ()


@dataclass(frozen=True)
class RequestView:
    """The end of every prompt: asks for one configuration."""

    template: ClassVar[str] = "request.jinja"
    history: History
    reasoning: bool = False
    last: bool = False
    fixed: Mapping[str, Value] | None = None
    dialogue: bool = False

    @property
    def tradeoff(self) -> list[str]:
        """What it should be good at, where that is not the one metric alone; the front where no line is marked so."""
        return (describe_front(self.history) if self.dialogue else []) + describe_tradeoff(self.history)

    @property
    def first(self) -> bool:
        """Whether nothing has been proposed before."""
        return not self.history.trials

    @property
    def pending(self) -> list[str]:
        """Configurations that are being evaluated: the latest eight, fewer where they are long."""
        lines = [show(t.configuration) for t in self.history.running[-8:]]
        return lines[-max(1, MAX_PENDING // max(map(len, lines), default=1)) :]

    @property
    def chosen(self) -> str:
        """What this trial has already been given."""
        return show(self.fixed) if self.fixed else ""


@dataclass(frozen=True)
class FeedbackView:
    """What became of one trial, in a dialogue."""

    template: ClassVar[str] = "feedback.jinja"
    trial: TrialRecord
    task: Task
    by_other: bool = False
    objectives: tuple[Objective, ...] = ()

    @property
    def configuration(self) -> str:
        """What was evaluated."""
        return show(self.trial.configuration)

    @property
    def repairs(self) -> str:
        """What was changed in the model's proposal."""
        return "; ".join(self.trial.proposal.repairs)

    @property
    def outcome(self) -> str:
        """The metric in scientific notation, or the reason why there is none."""
        return outcome(self.trial, self.task.metric, self.objectives)


@dataclass(frozen=True)
class CompressedView:
    """The whole state of a study in one message.

    Attributes:
        problem: Rendered `ProblemView`.
        request: Rendered `RequestView`.
        most: How many trials may be listed; where there are more, the best and the latest are.
        prior: Lines on earlier studies.
    """

    template: ClassVar[str] = "compressed.jinja"
    problem: str
    request: str
    history: History
    task: Task
    most: int = 40
    prior: tuple[str, ...] = ()

    @cached_property
    def shown(self) -> list[TrialRecord]:
        """Finished and pruned trials that get a line, oldest first."""
        candidates = [t for t in self.history.told if t.state != "failed"]
        if len(candidates) <= self.most:
            return candidates
        best = self.history.ranked[: (self.most + 1) // 2]
        chosen = {t.number for t in best}
        for trial in reversed(candidates):
            if len(chosen) >= self.most:
                break
            chosen.add(trial.number)
        return [t for t in candidates if t.number in chosen]

    def smaller(self, share: float) -> Self:
        """The same with fewer lines, about such a share of them."""
        most = min(self.most, len(self.history.told))
        return replace(self, most=max(1, min(most - 1, int(most * share))))

    @property
    def left_out(self) -> int:
        """How many known trials get no line."""
        return len(self.history.told) - len(self.history.failed) - len(self.shown)

    @property
    def lines(self) -> list[str]:
        """A numbered line for each trial shown; who proposed it where it was not the model."""
        return [
            f"{t.number}. {show(t.configuration)} -> {outcome(t, self.task.metric, self.history.objectives)}"
            + (f" ({t.source})" if t.source not in ("model", "repair", "unknown") else "")
            + mark(t, self.history)
            for t in self.shown
        ]

    @property
    def failures(self) -> list[str]:
        """The five commonest reasons, with up to three configurations each."""
        digest = []
        for failure in self.history.failures[: 5 if self.most >= 4 else 1]:
            examples = "; ".join(show(t.configuration) for t in failure.trials[-3 if self.most >= 4 else -1 :])
            count = f"{len(failure.trials)} trials" if len(failure.trials) > 1 else f"trial {failure.trials[0].number}"
            digest.append(f"{count}, for example {examples}: {clip(failure.reason, 120)}")
        return digest

    @property
    def last_error(self) -> str:
        """Why the latest known trial failed, if it did."""
        told = self.history.told
        return clip(told[-1].error, MAX_ERROR) if told and told[-1].state == "failed" else ""


@dataclass(frozen=True)
class WrongReplyView:
    """Says why answers were refused, the latest last."""

    template: ClassVar[str] = "wrong_reply.jinja"
    objections: tuple[str, ...]


def mark(trial: TrialRecord, history: History) -> str:
    """Whether a trial is the best, or one of those on the front."""
    if history.scalarization:
        return " (on the front)" if trial.number in history.front else ""
    best = history.best
    return " (best)" if best and history.ties(trial, best) and len(history.finished) > 1 else ""


def outcome(trial: TrialRecord, metric: str, objectives: Sequence[Objective] = ()) -> str:
    """What became of a trial, in a few words."""
    if trial.state == "failed":
        return f"failed: {clip(trial.error, MAX_ERROR)}"
    if trial.state == "pruned":
        at = f" after step {trial.curve[-1][0]}" if trial.curve else ""
        name = objectives[0].name if objectives else metric
        last = f", when the {name} was {trial.value:.4e}" if trial.value is not None else ""
        return f"stopped early{at}{last}"
    if trial.value is None:
        return "not known yet"
    named = zip(objectives, trial.values, strict=False) if objectives else [(Objective(metric), trial.value)]
    measured = ", ".join(f"{objective.name} = {value:.4e}" for objective, value in named)
    return measured + (f", but violates {violated(trial)}" if trial.violations else "")


def violated(trial: TrialRecord) -> str:
    """The constraints that a trial violates most, and by how much; without a name they have numbers."""
    worst = sorted(trial.violations.items(), key=lambda item: -item[1])[:MAX_VIOLATIONS]
    return ", ".join(f"{f'constraint {n}' if n.isdigit() else clip(exactly(n), 60)} by {by:.2e}" for n, by in worst)


def show(configuration: Mapping[str, Value]) -> str:
    """A configuration as one line of JSON, with five significant digits."""
    return "{" + ", ".join(f"{exactly(name)}: {show_value(v)}" for name, v in configuration.items()) + "}"


def show_value(value: Value) -> str:
    """A value as JSON; floats with five significant digits."""
    return f"{value:.5g}" if isinstance(value, float) else exactly(value)


def describe(name: str, hyperparameter: Hyperparameter) -> str:
    """A hyperparameter in a line: type, range, scale, default, condition, meaning."""
    facts = [hyperparameter.describe()]
    if hyperparameter.default is not NO_DEFAULT:
        facts.append(f"default {hyperparameter.show(hyperparameter.default)}")
    for parent, values in hyperparameter.when.items():
        facts.append(f"exists only when {parent} is {' or '.join(map(exactly, values))}")
    meaning = " ".join(hyperparameter.description.split())
    return f"{name}: {', '.join(facts)}" + (f". {clip(meaning, MAX_DESCRIPTION)}" if meaning else "")
