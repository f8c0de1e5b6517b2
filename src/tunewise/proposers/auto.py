"""`auto`: the default configuration first; then a language model decides, a surrogate advises, and credit guards.

From trial 1 on the model decides, told what the trials say and where a Gaussian process would go next. How
its trials turn out beside the others is its credit. Where that is lost, where there is no model or it gives nothing
usable, the surrogate's own point runs, and the study says so.

The whole state stands in the history: what was offered, advised and wasted. Any process can go on.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from typing import ClassVar

from tunewise.history import TrialRecord
from tunewise.llm.base import ChatReply, ChatRequest, Message
from tunewise.prompts.advised import AdvisedView
from tunewise.prompts.by_value import say_by_value
from tunewise.prompts.findings import say_findings
from tunewise.prompts.prior import PriorView
from tunewise.prompts.render import render
from tunewise.prompts.views import ProblemView
from tunewise.proposers.asking import Answer, Batch, ask_for_batch, kept
from tunewise.proposers.assessment import STALLED, Assessment
from tunewise.proposers.base import Prefetching, ProposalContext, Proposing, draw
from tunewise.proposers.compressed import one_message
from tunewise.proposers.credit import DOUBT, LARGE, LEAST
from tunewise.proposers.options import AutoOptions
from tunewise.proposers.simple import nothing
from tunewise.record import Candidate, Decision, Proposal

__all__ = ["Auto"]

MOST = 16
"""So many configurations a reply can give."""
POOL = 12
"""So many candidates that have not run are remembered, the latest."""
STALLED_NOTE = f"{STALLED} trials of the model in a row brought nothing better: one turn for the surrogate."
"""Why a model of which nothing is wrong is not asked."""


@dataclass(frozen=True)
class Auto:
    """The model decides and a surrogate advises, as long as the model's trials earn it; else the surrogate alone."""

    options: AutoOptions = field(default_factory=AutoOptions)
    name: ClassVar[str] = "auto"
    needs_model: ClassVar[bool] = False

    def propose(self, context: ProposalContext) -> Proposing:
        """The policy, for one trial."""
        yield from nothing()
        state = Assessment(context)
        if not state.model_decides:
            return by_surrogate(state, Decision(credit=state.credit))
        waiting = waiting_candidates(context)
        if waiting:
            return from_model(state, waiting[0], Decision(credit=state.credit))
        answer = yield from self.ask(state)
        decision = decision_of(state, answer)
        batch = answer.value
        first = batch.candidates[0] if batch and not batch.turned_down else None
        proposal = from_model(state, first, decision) if first else by_surrogate(state, decision)
        reply = kept(answer.reply.text) if answer.reply and batch else ""
        return replace(proposal, refused=refused_in(answer), reply=reply)

    def prefetch(self, context: ProposalContext) -> Prefetching | None:
        """What is asked while the trial before this one runs, if that is wanted."""
        state = Assessment(context)
        if not state.model_decides or waiting_candidates(context):
            return None
        return self._prefetch(state)

    def _prefetch(self, state: Assessment) -> Prefetching:
        answer = yield from self.ask(state)
        return decision_of(state, answer)

    def ask(self, state: Assessment) -> Generator[ChatRequest, ChatReply, Answer[Batch]]:
        """Ask the model for its next configurations."""
        context = state.context
        free = context.workers - len(context.history.running)
        count = max(1, min(max(self.options.batch_size, free), context.left or MOST))
        messages = advised_messages(state, count)
        return (
            yield from ask_for_batch(
                context, messages, most=count, retries=self.options.retries, objection=state.objection
            )
        )


def waiting_candidates(context: ProposalContext) -> tuple[Candidate, ...]:
    """What the latest call offered and nobody has tried, read from the history."""
    offered = [c for t in context.history if not turned_down(t) for c in t.proposal.decision.offered]
    fitting = [
        c for c in offered if context.space.accepts(c.configuration) and set(c.configuration) <= set(context.space)
    ]
    return tuple(c for c in fitting if not context.duplicate(c.configuration))[-POOL:]


def turned_down(trial: TrialRecord) -> bool:
    """Whether what the model offered for a trial was left alone."""
    return bool(trial.proposal.decision.offered) and not trial.by_model


def decision_of(state: Assessment, answer: Answer[Batch]) -> Decision:
    """What is kept of a call."""
    return Decision(
        credit=state.credit,
        call="no reply" if answer.error else LARGE if state.step == "far" else "candidates",
        offered=answer.value.candidates if answer.value else (),
        failure=answer.failure,
        unreadable=answer.unreadable,
    )


def refused_in(answer: Answer[Batch]) -> tuple[str, ...]:
    """Objections to what could not be used."""
    return answer.refused + (answer.value.objections if answer.value else ())


def from_model(state: Assessment, candidate: Candidate, decision: Decision) -> Proposal:
    """The model's own."""
    return Proposal(
        configuration=candidate.configuration,
        source="repair" if candidate.repairs else "model",
        reason=candidate.reason,
        repairs=candidate.repairs,
        note=candidate.note,
        method="auto",
        model=candidate.model,
        decision=replace(decision, advice=state.advice, expected=state.expected(candidate.configuration)),
    )


def by_surrogate(state: Assessment, decision: Decision) -> Proposal:
    """The surrogate's own point; a random one while there is nothing at all to fit."""
    context, turn = state.context, state.turn
    expected = turn.expected if turn else None
    reason = ("the surrogate's advice" if state.stalled else "the largest expected improvement") if turn else ""
    if expected:
        reason += f": {context.task.metric} {expected.mean:.4g} ± {expected.std:.2g}"
    return Proposal(
        configuration=turn.configuration if turn else draw(context),
        source="surrogate" if turn else "random",
        reason=reason,
        fallback=decision.failure,
        note=first_notice(state) or stop_notice(state) or (STALLED_NOTE if state.stalled else ""),
        method="auto",
        decision=replace(decision, advice=state.advice, expected=expected),
    )


def first_notice(state: Assessment) -> str:
    """Says once why a model whose score is bad is not asked at first."""
    credit, trials = state.credit, state.context.history.trials
    if credit is None or credit >= DOUBT or any(t.proposal.decision.credit is not None for t in trials):
        return ""
    turns = math.ceil(1 / credit - 1)
    return f"The model is asked after {turns} trials of the surrogate: its score gives it a credit of {credit:.0%}."


def stop_notice(state: Assessment) -> str:
    """Says once that the model is not asked any more."""
    before = [t.proposal.decision.credit for t in state.context.history if t.proposal.decision.credit is not None]
    if state.credit is not None and state.credit < LEAST <= (before[-1] if before else 1.0):
        return "The model's proposals have not paid; from here on the surrogate proposes alone."
    return ""


def advised_messages(state: Assessment, count: int) -> tuple[Message, ...]:
    """The trials, the surrogate's advice, and the request for some configurations."""
    context = state.context
    history = context.history
    problem = ProblemView(context.task, context.space, context.reasoning, batch=count, objectives=history.objectives)
    view = AdvisedView(
        problem=render(problem),
        history=history,
        task=context.task,
        space=context.space,
        batch=count,
        left=context.left,
        advice=state.told_advice,
        findings=say_findings(history, context.space, state.equal),
        by_value=say_by_value(history, context.space),
        near=state.near,
        close=state.close,
        step=state.step,
        earlier=PriorView(context.prior_studies, context.space),
    )
    return one_message(context, view)
