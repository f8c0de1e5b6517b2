"""What trials were worth at the steps where others were ended, as prior studies of the study itself.

A trial that a pruner ended has no value on the scale of the finished ones, but it compares with all trials that came
as far. So each such step (each lower fidelity) is a study of the same space, and the surrogate weighs it as it weighs
prior studies: levels need not agree, and a step that ranks the finished trials wrongly is left out [Li].
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Final

from tunewise.errors import StudyError
from tunewise.history import History, TrialRecord
from tunewise.prior_studies import PriorStudy
from tunewise.space import SearchSpace

__all__ = ["highest_step", "name_of", "studies_at_steps"]

FEWEST: Final = 4
"""With fewer values at a step it tells nothing."""

ENOUGH: Final = 6
"""So many values at a step are enough to look by them."""

MOST: Final = 3
"""At most so many steps are read, those where most trials were ended."""


WEIGHT: Final = 10.0
"""Of each, beside other prior studies: the configurations, the data and the training are those of this study."""


def studies_at_steps(history: History, space: SearchSpace) -> Iterator[PriorStudy]:
    """A prior study for each step where trials were pruned: all trials that came so far, with their values there."""
    ended = Counter(t.curve[-1][0] for t in history.told if t.state == "pruned" and t.curve)
    for step, _ in ended.most_common(MOST):
        there = [(t, value) for t in history.told for at, value in t.curve if at == step]
        trials = tuple(replace(t, state="finished", value=value) for t, value in there)
        if len(trials) >= FEWEST:
            with suppress(StudyError):  # none of them fits a space that has changed
                study = PriorStudy.of(History(trials, history.direction), space, name=name_of(step))
                yield replace(study, weight=WEIGHT)


def name_of(step: int) -> str:
    """What the study of the values at a step is called."""
    return f"step {step}"


def highest_step(history: History) -> tuple[int, list[tuple[TrialRecord, float]]] | None:
    """The highest step where trials were ended that has values enough, and these; None where enough trials finished.

    A process of many values at an earlier step knows better where to look than one of two at the last [Falkner]. What
    diverged is as bad there as the worst.
    """
    if len(history.finished) >= ENOUGH or history.scalarization:
        return None
    ended = {t.curve[-1][0] for t in history.told if t.state == "pruned" and t.curve}
    for step in sorted(ended, reverse=True):
        there = [(t, value) for t in history.told if t.state != "failed" for at, value in t.curve if at == step]
        finite = [value for _, value in there if math.isfinite(value)]
        if len(finite) >= ENOUGH:
            worst = max(finite) if history.direction == "minimize" else min(finite)
            return step, [(t, value if math.isfinite(value) else worst) for t, value in there]
    return None
