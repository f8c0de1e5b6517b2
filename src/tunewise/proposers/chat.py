"""The chat prompt [Zhang]: the whole dialogue every time, rebuilt from the history, so that any process can go on."""

from __future__ import annotations

from dataclasses import replace

from tunewise.errors import ContextLimitExceeded
from tunewise.history import TrialRecord
from tunewise.llm.base import Message, Role
from tunewise.prompts.render import render
from tunewise.prompts.views import FeedbackView, ProblemView, RequestView
from tunewise.proposers.base import Ask, Proposing, ask_until_valid
from tunewise.proposers.compressed import REPLY_TOKENS, compressed, system
from tunewise.tokens import estimate_tokens


def chat(ask: Ask) -> Proposing:
    """The dialogue so far; once it outgrows the model's context, the compressed prompt, and it says so."""
    messages = chat_messages(ask)
    size = sum(estimate_tokens(message.content) for message in messages)
    if ask.context_tokens is None or size + REPLY_TOKENS <= ask.context_tokens:
        try:
            return (yield from ask_until_valid(ask, messages, method="chat"))
        except ContextLimitExceeded:
            pass
    proposal = yield from compressed(ask)
    return replace(
        proposal, note=f"The dialogue of about {size} tokens outgrew the context; the prompt was compressed."
    )


def chat_messages(ask: Ask) -> tuple[Message, ...]:
    """The problem, then for each known trial what the model said and what came of it, then the request."""
    objectives = ask.history.objectives
    problem = ProblemView(ask.task, ask.space, ask.reasoning, objectives=objectives)
    turns: list[tuple[Role, str]] = [("user", render(problem))]
    for trial in ask.history.told:
        own = is_own(trial)
        if own:
            turns.append(("assistant", trial.proposal["reply"]))
        turns.append(("user", render(FeedbackView(trial, ask.task, by_other=not own, objectives=objectives))))
    turns.append(("user", render(RequestView(ask.history, ask.reasoning, ask.last, ask.fixed, dialogue=True))))
    return (*system(ask), *merged(turns))


def is_own(trial: TrialRecord) -> bool:
    """Whether the model proposed it, and its words are known."""
    return trial.by_model and bool(trial.proposal.get("reply", "").strip())


def merged(turns: list[tuple[Role, str]]) -> tuple[Message, ...]:
    """Neighbouring turns of one role as one message: many chat templates insist on alternation."""
    messages: list[Message] = []
    for role, content in turns:
        if messages and messages[-1].role == role:
            messages[-1] = Message(role, f"{messages[-1].content}\n\n{content}")
        else:
            messages.append(Message(role, content))
    return tuple(messages)
