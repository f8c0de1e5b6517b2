"""Earlier studies in a few lines: what was best there, and how well it ranked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tunewise.prior_studies import PriorStudy, PriorTrial
from tunewise.prompts.views import show_value
from tunewise.space.values import exactly
from tunewise.text import clip

__all__ = ["describe_prior_studies"]

STUDIES = 8
"""At most so many are told, the first ones."""

CONFIGURATIONS = 12
"""At most so many of their configurations in all, and three of each study."""

MOST = 400
"""Characters of a line."""


def describe_prior_studies(studies: Sequence[PriorStudy]) -> tuple[str, ...]:
    """A line for each study, and one for each of its best configurations; below about 700 tokens in all."""
    told = studies[:STUDIES]
    each = max(1, min(3, CONFIGURATIONS // max(1, len(told))))
    left = [f"({len(studies) - STUDIES} more are left out)"] if len(studies) > STUDIES else []
    return (*(clip(line, MOST) for study in told for line in describe(study, each)), *left)


def describe(study: PriorStudy, count: int) -> Iterator[str]:
    """The study, and its best configurations."""
    known = [trial for trial in study.trials if trial.value is not None]
    middle = known[len(known) // 2].value
    spread = f", half of its trials at {middle:.3g} or better" if len(known) > 2 else ""
    yield f"{clip(study.name, 120)}: {len(study.trials)} trials, {clip(study.metric, 40)} ({study.direction}d){spread}"
    for rank, trial in enumerate(known[:count], 1):
        yield f"  {rank}. {shown(trial)} -> {trial.value:.4g}"


def shown(trial: PriorTrial) -> str:
    """A configuration with three significant digits: more would be of no use elsewhere."""
    cells = (
        f"{exactly(name)}: {f'{value:.3g}' if isinstance(value, float) else show_value(value)}"
        for name, value in trial.configuration.items()
    )
    return "{" + ", ".join(cells) + "}"
