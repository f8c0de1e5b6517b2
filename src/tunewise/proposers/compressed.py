"""The compressed prompt [Zhang]: one system and one user message that hold the whole state, of bounded size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from tunewise.llm.base import Message
from tunewise.prompts.prior import PriorView
from tunewise.prompts.render import MAX_PROMPT_TOKENS, render, render_bounded
from tunewise.prompts.views import CompressedView, ProblemView, RequestView, SystemView
from tunewise.proposers.asking import ask_for_one
from tunewise.proposers.base import ProposalContext, Proposing
from tunewise.tokens import estimate_tokens

__all__ = ["REPLY_TOKENS", "Compressed", "compressed_messages", "one_message", "system"]

REPLY_TOKENS = 512
"""Room that is kept for a reply when the model's context is known."""


@dataclass(frozen=True)
class Compressed:
    """The model alone, with all trials in one message of bounded size."""

    name: ClassVar[str] = "compressed"
    needs_model: ClassVar[bool] = True

    def propose(self, context: ProposalContext) -> Proposing:
        """The problem, a line for each past trial (the best and the latest when they are many), the request."""
        return (yield from ask_for_one(context, compressed_messages(context), method=self.name))


def compressed_messages(context: ProposalContext) -> tuple[Message, ...]:
    """What is sent; below 2,000 tokens as long as the problem itself is."""
    history = context.history
    problem = render(ProblemView(context.task, context.space, context.reasoning, objectives=history.objectives))
    request = render(RequestView(history, context.reasoning, context.last, context.fixed))
    earlier = PriorView(context.prior_studies, context.space)
    return one_message(context, CompressedView(problem, request, history, context.task, earlier=earlier))


def one_message(context: ProposalContext, view: CompressedView) -> tuple[Message, ...]:
    """The expert role and a view with as many trials as fit."""
    before = system(context)
    limit = min(MAX_PROMPT_TOKENS, (context.context_tokens or math.inf) - REPLY_TOKENS)
    limit -= sum(estimate_tokens(message.content) for message in before)
    return (*before, Message("user", render_bounded(view, limit)))


def system(context: ProposalContext) -> tuple[Message, ...]:
    """The expert role, where it is wanted."""
    return (Message("system", render(SystemView())),) if context.expert else ()
