"""Earlier studies in a few lines: what was good and what was bad there, and what the default gave."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from tunewise.prior_studies import PriorStudy, PriorTrial
from tunewise.prompts.table import row
from tunewise.space import SearchSpace
from tunewise.text import clip

__all__ = ["PriorView"]

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
        most: How many studies are told, the first ones.
    """

    template: ClassVar[str] = "prior.jinja"
    studies: Sequence[PriorStudy] = ()
    space: SearchSpace | None = None
    each: int = 5
    most: int = 8

    @property
    def prior(self) -> tuple[str, ...]:
        """A line for each study, and one for each of its best configurations, in the columns of a table."""
        if not self.told or self.space is None:
            return ()
        common = {part for part in map(measured, self.told) if all(part == measured(s) for s in self.told)}
        lines = [line for study in self.told for line in describe(study, self.each, self.space, common)]
        header = ", ".join([*common, f"trials by {' '.join(self.space)}, the best first"])
        left = len(self.studies) - len(self.told)
        return (*(clip(line, MOST) for line in (header, *lines)), *([f"({left} more are left out)"] if left else []))

    @property
    def told(self) -> Sequence[PriorStudy]:
        """The studies that get a line."""
        return self.studies[: self.most]

    def smaller(self) -> Self:
        """The same with one configuration less of each study, or with one study less."""
        if self.each > 1:
            return replace(self, each=self.each - 1)
        return replace(self, most=len(self.told) - 1)


def measured(study: PriorStudy) -> str:
    """What was tuned, and by what it was judged."""
    model = f"{clip(study.model, 80)}, " if study.model else ""
    return f"{model}{clip(study.metric, 40)} ({study.direction}d)"


def describe(study: PriorStudy, count: int, space: SearchSpace, common: Set[str]) -> Iterator[str]:
    """The study, its best configurations, and the worst: where not to go."""
    known = [trial for trial in study.trials if trial.value is not None]
    middle = known[len(known) // 2].value
    spread = f", half of them at {middle:.3g} or better" if len(known) > 2 else ""
    default = {name: value for name, value in (space.default or {}).items() if name in study.shared}
    usual = next((f", the default {t.value:.4g}" for t in known if t.configuration == default), "")
    data = f" ({clip(study.data, 80)})" if study.data else ""
    own = "" if measured(study) in common else f"{measured(study)}, "
    yield f"{clip(study.name, 160)}{data}: {own}{len(study.trials)} trials{spread}{usual}"
    lines = [f"  {row(t.configuration, space)}: {t.value:.4g}" for t in different(known)]
    yield from lines[:count]
    if len(lines) > count >= WORST:
        yield f"{lines[-1]} (the worst)"


def different(trials: Sequence[PriorTrial]) -> list[PriorTrial]:
    """One of those that tie: five on one plateau say less than five steps away from it."""
    return [t for k, t in enumerate(trials) if k == 0 or t.value != trials[k - 1].value]
