"""What `auto` tells the model: the trials, what became of its proposals, and where a surrogate would go next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tunewise.prompts.table import say_precision, trial_table
from tunewise.prompts.tradeoff import describe_tradeoff
from tunewise.prompts.views import CompressedView, RequestView, show
from tunewise.record import Advice
from tunewise.space import Configuration, SearchSpace, Value
from tunewise.text import clip

__all__ = ["AdvisedView"]

MAX_UNHEARD = 3
MAX_OBJECTION = 200


@dataclass(frozen=True, kw_only=True)
class AdvisedView(CompressedView):
    """The whole state of a study in one message, with a surrogate's advice.

    Attributes:
        space: The search space.
        batch: How many configurations are asked for.
        left: How many evaluations are left; None when nobody knows.
        advice: Where the surrogate would go next.
    """

    template: ClassVar[str] = "advised.jinja"
    request: str = ""
    most: int = 120
    space: SearchSpace
    batch: int = 1
    left: int | None = None
    advice: tuple[Advice, ...] = ()

    @property
    def table(self) -> list[str]:
        """Header and lines; empty while there is no line."""
        return trial_table(self.shown, self.history, self.space, self.task) if self.shown else []

    @property
    def process_ran(self) -> bool:
        """Whether a trial shown is the surrogate's."""
        return any(trial.source == "acquisition" for trial in self.shown)

    @property
    def precision(self) -> list[str]:
        """How fine the metric can be told."""
        return say_precision(self.history)

    @property
    def last(self) -> bool:
        """Whether the budget ends with this trial."""
        return self.left == 1

    @property
    def advised(self) -> list[str]:
        """A line for each point of the surrogate, with what it expects there."""
        return [
            show(rounded(advice.configuration))
            + (f": expects {advice.expected.mean:.4g} ± {advice.expected.std:.2g}" if advice.expected else "")
            for advice in self.advice
        ]

    @property
    def unheard(self) -> list[str]:
        """Why some of the configurations that the model gave last did not run."""
        asked = [t.proposal for t in self.history if t.proposal.decision.call]
        objections = asked[-1].refused[-MAX_UNHEARD:] if asked and self.batch > 1 else ()
        return [clip(objection, MAX_OBJECTION) for objection in objections]

    @property
    def pending(self) -> list[str]:
        """Configurations that are being evaluated."""
        return RequestView(self.history).pending

    @property
    def tradeoff(self) -> list[str]:
        """What the next configuration should be good at, where that is not the one metric alone."""
        return describe_tradeoff(self.history)


def rounded(configuration: Configuration) -> dict[str, Value]:
    """Floats with three significant digits: a surrogate knows no more."""
    return {n: float(f"{v:.3g}") if isinstance(v, float) else v for n, v in configuration.items()}
