"""Earlier studies in a few lines: what was good and what was bad there, and what the default gave."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from tunewise.prior_studies import PriorStudy, PriorTrial
from tunewise.prompts.table import row
from tunewise.space import SearchSpace
from tunewise.text import clip

__all__ = ["PriorView"]

STUDIES = 8
"""At most so many are told, the first ones."""

MOST = 400
"""Characters of a line."""

WORST = 3
"""Where fewer configurations of each are told, all of them are good ones."""


@dataclass(frozen=True)
class PriorView:
    """What earlier studies found, a part of a prompt.

    Attributes:
        studies: The earlier studies, the most important first.
        space: The search space of this one.
        each: How many configurations of each are told.
    """

    template: ClassVar[str] = "prior.jinja"
    studies: Sequence[PriorStudy] = ()
    space: SearchSpace | None = None
    each: int = 5

    @property
    def prior(self) -> tuple[str, ...]:
        """A line for each study, and one for each of its best configurations, in the columns of a table."""
        if not self.studies or self.space is None:
            return ()
        shown = self.studies[:STUDIES]
        metrics = [metric_of(study) for study in shown]
        common = metrics[0] if len(shown) > 1 and len(set(metrics)) == 1 else ""
        told = [line for study in shown for line in describe(study, self.each, self.space, common)]
        left = len(self.studies) - STUDIES
        more = [f"({left} more are left out)"] if left > 0 else []
        return (
            clip(f"trials by {' '.join(self.space)}{common and f': {common}'}, the best first", MOST),
            *(clip(line, MOST) for line in told),
            *more,
        )

    @property
    def more_than_least(self) -> bool:
        """Whether anything can be left out."""
        return bool(self.studies) and self.each > 1

    def smaller(self) -> Self:
        """The same with one configuration less of each study."""
        return replace(self, each=self.each - 1)


def metric_of(study: PriorStudy) -> str:
    """What it measured, and what was good."""
    return f"{clip(study.metric, 40)} ({study.direction}d)"


def describe(study: PriorStudy, count: int, space: SearchSpace, common: str = "") -> Iterator[str]:
    """The study, its best configurations, and the worst: where not to go. What all studies measured is said once."""
    known = [trial for trial in study.trials if trial.value is not None]
    middle = known[len(known) // 2].value
    spread = f", half of them at {middle:.3g} or better" if len(known) > 2 else ""
    default = {name: value for name, value in (space.default or {}).items() if name in study.shared}
    usual = next((f", the default {t.value:.4g}" for t in known if t.configuration == default), "")
    metric = "" if common else f", {metric_of(study)}"
    yield f"{clip(study.name, 160)}: {len(study.trials)} trials{metric}{spread}{usual}"
    lines = [f"  {row(t.configuration, space)}: {t.value:.4g}" for t in different(known)]
    yield from lines[:count]
    if len(lines) > count >= WORST:
        yield f"{lines[-1]} (the worst)"


def different(trials: Sequence[PriorTrial]) -> list[PriorTrial]:
    """One of those that tie: five on one plateau say less than five steps away from it."""
    return [t for k, t in enumerate(trials) if k == 0 or t.value != trials[k - 1].value]
