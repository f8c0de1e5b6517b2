"""Earlier studies in a few lines: what was best there, how well it ranked, and what the default gave."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tunewise.prior_studies import PriorStudy
from tunewise.prompts.table import row
from tunewise.space import SearchSpace
from tunewise.text import clip

__all__ = ["describe_prior_studies"]

STUDIES = 8
"""At most so many are told, the first ones."""

EACH = 5
"""At most so many configurations of each."""

MOST = 400
"""Characters of a line."""

WHOLE = 3000
"""Characters in all, about 750 tokens; where there are more, fewer configurations of each study are told."""


def describe_prior_studies(studies: Sequence[PriorStudy], space: SearchSpace) -> tuple[str, ...]:
    """A line for each study, and one for each of its best configurations, in the columns of a table of `space`."""
    if not studies:
        return ()
    told = studies[:STUDIES]
    left = [f"({len(studies) - STUDIES} more are left out)"] if len(studies) > STUDIES else []
    for each in range(EACH, 0, -1):
        lines = [clip(line, MOST) for study in told for line in describe(study, each, space)]
        if sum(map(len, lines)) <= WHOLE:
            break
    return (clip(f"trials by {' '.join(space)}, the best first", MOST), *lines, *left)


def describe(study: PriorStudy, count: int, space: SearchSpace) -> Iterator[str]:
    """The study, and its best configurations."""
    known = [trial for trial in study.trials if trial.value is not None]
    middle = known[len(known) // 2].value
    spread = f", half of its trials at {middle:.3g} or better" if len(known) > 2 else ""
    default = {name: value for name, value in (space.default or {}).items() if name in study.shared}
    usual = next((f", the default {t.value:.4g}" for t in known if t.configuration == default), "")
    metric = f"{clip(study.metric, 40)} ({study.direction}d)"
    yield f"{clip(study.name, 160)}: {len(study.trials)} trials, {metric}{spread}{usual}"
    for trial in known[:count]:
        yield f"  {row(trial.configuration, space)}: {trial.value:.4g}"
