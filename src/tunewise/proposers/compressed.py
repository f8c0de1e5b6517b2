"""The compressed prompt [Zhang]: one system and one user message that hold the whole state, of bounded size."""

from __future__ import annotations

import math

from tunewise.llm.base import Message
from tunewise.prompts.render import MAX_PROMPT_TOKENS, render, render_bounded
from tunewise.prompts.state import StateView
from tunewise.prompts.views import CompressedView, ProblemView, RequestView, SystemView
from tunewise.proposers.base import Ask, Proposing, ask_until_valid
from tunewise.tokens import estimate_tokens

REPLY_TOKENS = 512
"""Room that is kept for a reply when the model's context is known."""


def compressed(ask: Ask) -> Proposing:
    """The problem, a line for each past trial (the best and the latest when they are many), the request."""
    return (yield from ask_until_valid(ask, compressed_messages(ask), method="compressed"))


def compressed_messages(ask: Ask) -> tuple[Message, ...]:
    """What is sent; below 2,000 tokens as long as the problem itself is."""
    problem = render(ProblemView(ask.task, ask.space, ask.reasoning, objectives=ask.history.objectives))
    request = render(RequestView(ask.history, ask.reasoning, ask.last, ask.fixed))
    return one_message(ask, CompressedView(problem, request, ask.history, ask.task))


def one_message(ask: Ask, view: CompressedView | StateView) -> tuple[Message, ...]:
    """The expert role and a view with as many trials as fit."""
    before = system(ask)
    limit = min(MAX_PROMPT_TOKENS, (ask.context_tokens or math.inf) - REPLY_TOKENS)
    limit -= sum(estimate_tokens(message.content) for message in before)
    return (*before, Message("user", render_bounded(view, limit)))


def system(ask: Ask) -> tuple[Message, ...]:
    """The expert role, where it is wanted."""
    return (Message("system", render(SystemView())),) if ask.expert else ()
