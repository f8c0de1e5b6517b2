"""What the optimizer tells the model when it asks for several configurations: its own state, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tunewise.history import History, TrialRecord
from tunewise.prompts.aim import describe_aim
from tunewise.prompts.views import BOLDNESS, CompressedView, RequestView, mark, outcome, show, show_value
from tunewise.space import SearchSpace, Value
from tunewise.task import Task

if TYPE_CHECKING:
    from tunewise.surrogate import Effect

__all__ = ["StateView"]

MAX_LEARNED = 8
WEAK = 0.05
"""Below this share of all effects a hyperparameter counts as unimportant."""
CLEAR = 0.7
"""Above this rank correlation a direction is told."""


@dataclass(frozen=True)
class StateView:
    """One message with the whole state of a study, for a model that proposes beside a surrogate.

    Attributes:
        problem: Rendered `ProblemView`.
        history: The trials.
        task: What is tuned.
        space: The search space.
        most_wanted: How many configurations are asked for.
        effects: What the surrogate knows of each hyperparameter; empty before there is a trial.
        next_try: What the surrogate would try next.
        expected: The value that it expects there.
        plateau: For how many trials the best has not improved, when the question is about that; else 0.
        last: Whether the budget ends with this trial.
        most: How many trials may be listed.
    """

    template: ClassVar[str] = "auto.jinja"
    problem: str
    history: History
    task: Task
    space: SearchSpace
    most_wanted: int
    effects: tuple[Effect, ...] = ()
    next_try: Mapping[str, Value] | None = None
    expected: float | None = None
    plateau: int = 0
    last: bool = False
    most: int = 20

    @property
    def metric(self) -> str:
        """What is measured."""
        return self.task.metric

    @property
    def count(self) -> str:
        """How many configurations, in words."""
        return "one configuration" if self.most_wanted == 1 else f"{self.most_wanted} different configurations"

    @property
    def quotas(self) -> str:
        """How many of each boldness; the balanced ones are the most."""
        if self.most_wanted == 1:
            return "a balanced one"
        shares = [self.most_wanted // 3, self.most_wanted - 2 * (self.most_wanted // 3), self.most_wanted // 3]
        parts = [f"{n} {word}" for n, word in zip(shares, BOLDNESS, strict=True) if n]
        return ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1]

    @property
    def default(self) -> str:
        """What differences are from; empty when there is no default."""
        return show(self.space.default) if self.space.default is not None else ""

    @property
    def shown(self) -> list[TrialRecord]:
        """Finished and pruned trials, best first; of many the best. A few that do not count come last."""
        known = [*self.history.ranked, *(t for t in self.history.told if t.state == "pruned")]
        refused = [t for t in self.history.finished if not self.history.counts(t)][-max(1, self.most // 4) :]
        return [*known[: max(1, self.most - len(refused))], *refused]

    @property
    def left_out(self) -> int:
        """How many finished and pruned trials get no line."""
        return len(self.history.told) - len(self.history.failed) - len(self.shown)

    @property
    def lines(self) -> list[str]:
        """A line for each trial shown."""
        objectives = self.history.objectives
        return [
            f"{t.number}. {self._short(t)} -> {outcome(t, self.metric, objectives)} ({t.source})"
            + (mark(t, self.history) if self.history.aim else "")
            for t in self.shown
        ]

    @property
    def aims(self) -> list[str]:
        """What it should be good at, where that is not the one metric alone."""
        return describe_aim(self.history)

    @property
    def front(self) -> bool:
        """Whether there is a Pareto front."""
        return bool(self.history.front)

    @property
    def feasibility(self) -> bool:
        """Whether the constraints have to be met first of all."""
        return self.history.aim is not None and self.history.aim.feasibility

    @property
    def failures(self) -> list[str]:
        """The digest of the compressed prompt."""
        return CompressedView("", "", self.history, self.task, most=self.most // 2).failures

    @property
    def pending(self) -> list[str]:
        """Configurations that are being evaluated."""
        return RequestView(self.history).pending

    @property
    def learned(self) -> list[str]:
        """A line for each hyperparameter that matters, and one each for those that do not and those nobody knows of."""
        known = sorted(
            ((e, e.estimate.share) for e in self.effects if e.estimate), key=lambda known: known[1], reverse=True
        )
        told = [effect for effect, share in known if share >= WEAK][: min(MAX_LEARNED, max(1, self.most // 2))]
        little = [effect.name for effect, _ in known if effect not in told][:20]
        unknown = [effect.name for effect in self.effects if effect.estimate is None][:20]
        return [
            *map(self._in_words, told),
            *([f"Matter little so far: {', '.join(little)}"] if little else []),
            *([f"Not known yet, too few values: {', '.join(unknown)}"] if unknown else []),
        ]

    @property
    def own(self) -> str:
        """The surrogate's next point and what it expects there."""
        if self.next_try is None:
            return ""
        expects = "" if self.expected is None else f", expecting {self.metric} = {self.expected:.3g}"
        return (
            show({n: v if not isinstance(v, float) else float(f"{v:.3g}") for n, v in self.next_try.items()}) + expects
        )

    def _short(self, trial: TrialRecord) -> str:
        """A configuration as its difference from the default."""
        base = self.space.default
        if base is None:
            return show(trial.configuration)
        different = {n: v for n, v in trial.configuration.items() if n not in base or base[n] != v}
        return show(different) if different else "the default"

    def _in_words(self, effect: Effect) -> str:
        if effect.estimate is None:
            return f"{effect.name}: not known yet"
        known, numeric = effect.estimate, self.space[effect.name].ordered
        better = "larger is better" if known.trend < 0 else "smaller is better"
        direction = f"{better}, " if numeric and abs(known.trend) >= CLEAR else ""
        good = (" to " if numeric else " or ").join(map(brief, known.good))
        unexplored = f"; unexplored near {brief(effect.unexplored[0])}" if effect.unexplored else ""
        return (
            f"{effect.name} ({known.share:.0%} of all effects): {direction}best near {brief(known.best)}, "
            f"good {'from ' if numeric else ''}{good}{unexplored}"
        )


def brief(value: Value) -> str:
    """A value with two significant digits: more is not known."""
    return f"{value:.2g}" if isinstance(value, float) else show_value(value)
