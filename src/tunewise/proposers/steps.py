"""How far the model is asked to go: by what the recorded steps of a capable reader gained (`benchmarks/steps.py`)."""

from __future__ import annotations

from typing import Final

import numpy as np

from tunewise.prompts.advised import FEW, Step
from tunewise.prompts.findings import at_bound, stale_for
from tunewise.proposers.base import ProposalContext

__all__ = ["FAR", "has_room", "wanted_step", "worth_exploring"]

OPENING: Final = 2
"""Of so many first trials those that go far from the default gain most."""
SETTLED: Final = 6
"""Before so many trials steps next to the best pay; from then on, where nothing was better of late, large ones gain
about twice as much as small ones."""
STALE: Final = 2
"""So many trials without a better one are such a time. Every second of its calls is for a large step, no more: the
others go on from the best."""
FAR: Final = 1 / 6
"""A large step, as a share of the range of some hyperparameter: away from every trial. One that is only far from the
best, and next to another trial, gains less than a small one."""
EXPLORED: Final = 1 / 2
"""After this share of the budget large steps gain no more than small ones."""
PLATEAU: Final = 5
"""Where so many trials share the best value, neither do they."""
DRAWS: Final = 100
"""Where none of so many random configurations is far from every trial, there is no room for a large step."""


def wanted_step(context: ProposalContext) -> Step:
    """Whether the next configuration should be a bold beginning, far from every trial, or neither."""
    history, left = context.history, context.left
    if not history.told or history.scalarization or (left is not None and left <= FEW):
        return ""
    if context.trial <= OPENING:
        return "open" if context.space.default and not context.prior_studies else ""
    due = context.trial >= SETTLED and context.trial % 2 == 0 and stale_for(history) >= STALE
    return "far" if due and worth_exploring(context) and has_room(context) else ""


def worth_exploring(context: ProposalContext) -> bool:
    """Whether a better value elsewhere can be hoped for, and there is time to make use of it."""
    history, budget = context.history, context.task.budget
    late = budget is not None and context.trial >= EXPLORED * budget
    best = history.best
    return not late and not at_bound(history) and sum(history.ties(t, best) for t in history.ranked if best) < PLATEAU


def has_room(context: ProposalContext) -> bool:
    """Whether some configuration is far from every trial."""
    rng = np.random.default_rng(0)
    return any(context.away(context.space.sample(rng)) >= FAR for _ in range(DRAWS))
