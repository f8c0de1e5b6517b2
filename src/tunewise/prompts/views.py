"""What each template is given: one frozen view for each file in `templates/`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar, Protocol, Self

from tunewise.history import History, TrialRecord
from tunewise.objectives import Objective
from tunewise.prompts.prior import PriorView
from tunewise.prompts.show import MAX_ERROR, describe, mark, outcome, show
from tunewise.prompts.tradeoff import describe_front, describe_tradeoff, goal_of
from tunewise.space import SearchSpace, Value
from tunewise.space.values import exactly
from tunewise.task import Task
from tunewise.text import clip

MAX_PENDING = 1_000


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
        earlier: What earlier studies found.
    """

    template: ClassVar[str] = "compressed.jinja"
    problem: str
    request: str
    history: History
    task: Task
    most: int = 40
    earlier: PriorView = field(default_factory=PriorView)

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
        """The same with fewer lines, about such a share of them: first of earlier studies, then of this one."""
        if self.earlier.told:
            return replace(self, earlier=self.earlier.smaller())
        most = min(self.most, len(self.history.told))
        return replace(self, most=max(1, min(most - 1, int(most * share))))

    @property
    def prior(self) -> tuple[str, ...]:
        """Lines on earlier studies."""
        return self.earlier.prior

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
