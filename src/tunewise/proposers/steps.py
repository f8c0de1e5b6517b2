"""How far the model is asked to go: by what the recorded steps of a capable reader gained (`benchmarks/steps.py`)."""

from __future__ import annotations

from typing import Final

from tunewise.prompts.advised import FEW, Step
from tunewise.prompts.findings import stale_for
from tunewise.proposers.base import ProposalContext

__all__ = ["FAR", "wanted_step"]

OPENING: Final = 2
"""Of so many first trials those that go far from the default gain most."""
SETTLED: Final = 6
"""Before so many trials steps next to the best pay; from then on, where nothing was better of late, large ones gain
about twice as much as small ones."""
STALE: Final = 2
"""So many trials without a better one are such a time. Every second of its calls is for a large step, no more: the
others go on from the best."""
FAR: Final = 1 / 6
"""A large step, as a share of the range of some hyperparameter."""


def wanted_step(context: ProposalContext) -> Step:
    """Whether the next configuration should be a bold beginning, far from the best, or neither."""
    history, left = context.history, context.left
    if not history.told or history.scalarization or (left is not None and left <= FEW):
        return ""
    if context.trial <= OPENING:
        return "open" if context.space.default else ""
    far = context.trial >= SETTLED and context.trial % 2 == 0 and stale_for(history) >= STALE
    return "far" if far else ""
