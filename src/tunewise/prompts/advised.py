"""What `auto` tells the model: the trials, what became of its proposals, and where a surrogate would go next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

from tunewise.prompts.table import row, trial_table
from tunewise.prompts.tradeoff import describe_tradeoff
from tunewise.prompts.views import CompressedView, RequestView
from tunewise.record import Advice
from tunewise.space import SearchSpace
from tunewise.text import clip

__all__ = ["AdvisedView", "Nearest", "Step"]

Step = Literal["", "open", "far"]
"""What kind of step is asked for: a bold beginning, one far from the best, or none in particular."""

MAX_UNHEARD = 3
MAX_OBJECTION = 200
WHOLE = 40
"""The lines of so many trials say more than a summary of them."""
FEW = 3
"""So many evaluations are the last ones, at most half as many as were done."""


@dataclass(frozen=True, kw_only=True)
class Nearest:
    """The grid around the best trial.

    Attributes:
        cells: How many configurations the space has that are not known to come to the same.
        tried: How many of them were tried.
        around: How many lie next to the best trial, or to one that ties with it.
        untried: How many of these were not tried.
        best: Where the surrogate expects most around one of the few best trials; empty where it expects nothing good.
        steps: How far around: 1, or 2 where everything next to them was tried.
        merged: Whether configurations that come to the same are counted once.
    """

    cells: int
    tried: int
    around: int
    untried: int
    best: tuple[Advice, ...]
    steps: int = 1
    merged: bool = False


@dataclass(frozen=True, kw_only=True)
class AdvisedView(CompressedView):
    """The whole state of a study in one message, with a surrogate's advice.

    Attributes:
        space: The search space.
        batch: How many configurations are asked for.
        left: How many evaluations are left; None when nobody knows.
        advice: Where the surrogate would go next; without figures where it knows too little to expect anything.
        findings: What the trials show, a sentence each.
        by_value: What each value of a hyperparameter gave.
        near: What is still untried around the best trial, where the space is a grid.
        close: What the surrogate would take near the best trial, where the rest of its advice lies elsewhere.
        step: What kind of step is asked for.
    """

    template: ClassVar[str] = "advised.jinja"
    request: str = ""
    most: int = 120
    space: SearchSpace
    batch: int = 1
    left: int | None = None
    advice: tuple[Advice, ...] = ()
    findings: Sequence[str] = ()
    by_value: Sequence[str] = ()
    near: Nearest | None = None
    close: Advice | None = None
    step: Step = ""

    @property
    def table(self) -> list[str]:
        """Header and lines; empty while there is no line."""
        return trial_table(self.shown, self.history, self.space, self.task) if self.shown else []

    def smaller(self, share: float) -> Self:
        """The same with fewer lines: of a short table it keeps every one, and leaves out the summary by value."""
        if self.by_value and len(self.history.told) <= WHOLE and not self.earlier.told:
            return replace(self, by_value=())
        return super().smaller(share)

    @property
    def process_ran(self) -> bool:
        """Whether a trial shown is the surrogate's."""
        return any(trial.source == "surrogate" for trial in self.shown)

    @property
    def last(self) -> bool:
        """Whether the budget ends with this trial."""
        return self.left == 1

    @property
    def few(self) -> bool:
        """Whether it ends soon."""
        return self.left is not None and self.left <= min(FEW, len(self.history.told) / 2)

    @property
    def advised(self) -> list[str]:
        """A line for each point of the surrogate, with what it expects there."""
        return list(map(self.say_advice, self.advice))

    @property
    def nearby(self) -> str:
        """What the surrogate would take near the best trial, if its other advice lies elsewhere."""
        return f"Near the best trial it would take {self.say_advice(self.close)}" if self.close else ""

    def say_advice(self, advice: Advice) -> str:
        """A point in the columns of the table, with what is expected there."""
        expected = f": expects {advice.expected.mean:.4g} ± {advice.expected.std:.2g}" if advice.expected else ""
        return row(advice.configuration, self.space) + expected

    @property
    def expecting(self) -> bool:
        """Whether the surrogate knows enough to expect something."""
        return any(advice.expected for advice in self.advice)

    @property
    def pointed(self) -> bool:
        """Whether the surrogate would take any point at all."""
        return bool(self.advice or self.close or (self.near and self.near.best))

    @property
    def neighbours(self) -> str:
        """What is untried around the best trial, and what the surrogate expects most of; empty without a grid."""
        near = self.near
        if near is None:
            return ""
        different = " different" if near.merged else ""
        said = f"{near.tried} of the {near.cells}{different} configurations of the grid were tried"
        if near.untried:
            said += f". Of the {near.around} next to the best, {near.untried} are untried."
        else:
            said += f", all {near.around} next to the best among them: only farther away can anything be better."
        where = "next to the best few trials" if near.steps == 1 else "at most two steps from the best few trials"
        if not near.best:
            return f"{said} It expects nothing good {where}."
        return f"{said} {where.capitalize()} it would take {'; '.join(map(self.say_advice, near.best))}"

    @property
    def unheard(self) -> list[str]:
        """Why some of the configurations that the model gave last did not run."""
        asked = [t for t in self.history if t.proposal.decision.call]
        lost = bool(asked) and (self.batch > 1 or not asked[-1].by_model)
        objections = asked[-1].proposal.refused[-MAX_UNHEARD:] if lost else ()
        return [clip(objection, MAX_OBJECTION) for objection in objections]

    @property
    def pending(self) -> list[str]:
        """Configurations that are being evaluated."""
        return RequestView(self.history).pending

    @property
    def tradeoff(self) -> list[str]:
        """What the next configuration should be good at, where that is not the one metric alone."""
        return describe_tradeoff(self.history)
