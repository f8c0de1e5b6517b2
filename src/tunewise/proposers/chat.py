"""The chat prompt [Zhang]: the whole dialogue every time, rebuilt from the history, so that any process can go on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from tunewise.errors import ContextLimitExceeded
from tunewise.history import TrialRecord
from tunewise.llm.base import Message, Role
from tunewise.prompts.prior import PriorView
from tunewise.prompts.render import render
from tunewise.prompts.views import FeedbackView, ProblemView, RequestView
from tunewise.proposers.asking import ask_for_one
from tunewise.proposers.base import ProposalContext, Proposing
from tunewise.proposers.compressed import REPLY_TOKENS, Compressed, system
from tunewise.tokens import estimate_tokens

__all__ = ["Chat", "chat_messages"]

PRIOR_TOKENS = 1_000
"""Earlier studies take no more of a dialogue: half of what a compressed prompt may be long."""


@dataclass(frozen=True)
class Chat:
    """The model alone, in one dialogue that holds everything said so far."""

    name: ClassVar[str] = "chat"
    needs_model: ClassVar[bool] = True

    def propose(self, context: ProposalContext) -> Proposing:
        """The dialogue so far; once it outgrows the model's context, the compressed prompt, and it says so."""
        messages = chat_messages(context)
        size = sum(estimate_tokens(message.content) for message in messages)
        if context.context_tokens is None or size + REPLY_TOKENS <= context.context_tokens:
            try:
                return (yield from ask_for_one(context, messages, method=self.name))
            except ContextLimitExceeded:
                pass
        proposal = yield from Compressed().propose(context)
        return replace(
            proposal, note=f"The dialogue of about {size} tokens outgrew the context; the prompt was compressed."
        )


def told_of_prior_studies(context: ProposalContext) -> str:
    """What earlier studies found, as much of it as fits below `PRIOR_TOKENS`."""
    view = PriorView(context.prior_studies, context.space)
    while estimate_tokens(text := render(view)) > PRIOR_TOKENS:
        view = view.smaller()
    return text


def chat_messages(context: ProposalContext) -> tuple[Message, ...]:
    """The problem and what earlier studies found, then what the model said and what came of it, then the request."""
    history = context.history
    problem = ProblemView(context.task, context.space, context.reasoning, objectives=history.objectives)
    turns: list[tuple[Role, str]] = [("user", render(problem))]
    if context.prior_studies:
        turns.append(("user", told_of_prior_studies(context)))
    for trial in history.told:
        own = is_own(trial)
        if own:
            turns.append(("assistant", trial.proposal.reply))
        feedback = FeedbackView(trial, context.task, by_other=not own, objectives=history.objectives)
        turns.append(("user", render(feedback)))
    request = RequestView(history, context.reasoning, context.last, context.fixed, dialogue=True)
    turns.append(("user", render(request)))
    return (*system(context), *merged(turns))


def is_own(trial: TrialRecord) -> bool:
    """Whether the model proposed it, and its words are known."""
    return trial.by_model and bool(trial.proposal.reply.strip())


def merged(turns: list[tuple[Role, str]]) -> tuple[Message, ...]:
    """Neighbouring turns of one role as one message: many chat templates insist on alternation."""
    messages: list[Message] = []
    for role, content in turns:
        if messages and messages[-1].role == role:
            messages[-1] = Message(role, f"{messages[-1].content}\n\n{content}")
        else:
            messages.append(Message(role, content))
    return tuple(messages)
