"""`auto`: the default configuration first; then a language model decides, a surrogate advises, and credit guards.

From trial 1 on the model decides every trial, told what the trials say and where a Gaussian process would go next. How
its trials turn out beside the others is its credit. Where that is lost, where there is no model or it gives nothing
usable, the surrogate's own point runs, and the study says so.

The whole state stands in the history: what was offered, advised and wasted. Any process can go on.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Generator, Hashable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from tunewise.history import TrialRecord
from tunewise.llm.base import ChatReply, ChatRequest, Message
from tunewise.prompts.advised import AdvisedView, Nearest, Step
from tunewise.prompts.findings import Equal, equal_settings, say_findings, without_effect
from tunewise.prompts.prior import describe_prior_studies
from tunewise.prompts.render import render
from tunewise.prompts.views import ProblemView
from tunewise.proposers.asking import Answer, Batch, ask_for_batch, kept
from tunewise.proposers.base import Prefetching, ProposalContext, Proposing, draw
from tunewise.proposers.compressed import one_message
from tunewise.proposers.credit import DOUBT, LARGE, LEAST, fair_value, placement, read_credit
from tunewise.proposers.neighbours import find_nearest
from tunewise.proposers.options import AutoOptions
from tunewise.proposers.simple import nothing
from tunewise.proposers.steps import wanted_step
from tunewise.proposers.stopped import studies_at_steps
from tunewise.record import Advice, Candidate, Decision, Expected, Proposal
from tunewise.space import Configuration

if TYPE_CHECKING:
    from tunewise.surrogate import Surrogate

__all__ = ["Auto"]

ADVISED = 3
"""So many of its next points the surrogate advises."""
HEARD = 6
"""It is told from so many values on: before, to follow it gains no more than a capable reader's own ideas, and what it
expects rests on little (`benchmarks/steps.py --advice`)."""
DIFFERENT = 4
"""With fewer different values nothing can be expected of a point: its figures are not told."""
JUDGED = 10
"""By so many of its latest expectations the surrogate's uncertainty is corrected before it is told."""
MOST = 16
"""So many configurations a reply can give."""
RETRIED = 8
"""So many points are looked at where the first ones repeat what was tried."""
POOL = 12
"""So many candidates that have not run are remembered, the latest."""


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
        refused = refused_in(answer)
        first = answer.value.candidates[0] if answer.value else None
        if first and (why := state.objection(first.configuration)):
            refused, first = (*refused, why), None
        proposal = from_model(state, first, decision) if first else by_surrogate(state, decision)
        reply = kept(answer.reply.text) if answer.reply and answer.value else ""
        return replace(proposal, refused=refused, reply=reply)

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
        return (yield from ask_for_batch(context, messages, most=count, retries=self.options.retries))


@dataclass(frozen=True)
class Assessment:
    """Where a study stands, worked out as far as it is needed."""

    context: ProposalContext

    @property
    def model_decides(self) -> bool:
        """Whether the model is heard. What is partly fixed is completed by the surrogate."""
        context = self.context
        if not context.has_model or context.fixed or context.exhausted:
            return False
        if self.credit is None or self.credit < LEAST:
            return False
        return self.credit >= DOUBT or self.turns >= 1 / self.credit - 1

    def objection(self, configuration: Configuration) -> str:
        """Why a proposal is turned down: by itself it raises doubt that the model has read the trials. Else empty."""
        context = self.context
        credit = read_credit(context, prior=context.capable, candidate=configuration)
        if credit >= min(DOUBT, self.credit or 0.0):
            return ""
        nearest = context.nearest(configuration, context.trial)
        bad = nearest is not None and placement(configuration, context.trial, context) < 1
        why = (
            f"nearest to trial {nearest.number}, one of the worse half" if bad and nearest else "hardly off the default"
        )
        return f"{json.dumps(configuration)} did not run: it is {why}"

    @property
    def turns(self) -> float:
        """How many trials the surrogate has had since the model was asked last; infinite where it never was."""
        asked = [t.number for t in self.context.history if t.by_model or t.proposal.decision.call]
        if not asked:
            return math.inf
        return sum(t.source == "surrogate" and t.number >= asked[-1] for t in self.context.history)

    @cached_property
    def credit(self) -> float | None:
        """The model's; None where there is none."""
        return read_credit(self.context, prior=self.context.capable) if self.context.has_model else None

    @cached_property
    def sorted_trials(self) -> tuple[list[tuple[TrialRecord, float]], list[Configuration], list[Configuration]]:
        """Trials with a score (a fair one where they were pruned), failed ones, and those that have not ended."""
        observed: list[tuple[TrialRecord, float]] = []
        failed, pending = [], []
        history = self.context.history
        for trial in self.context.tried:
            score = fair_value(trial, history) if trial.state == "pruned" else history.score(trial)
            if not trial.ended:
                pending.append(trial.configuration)
            elif score is not None and math.isfinite(score) and trial.state != "failed":
                observed.append((trial, score))
            else:
                failed.append(trial.configuration)
        return observed, failed, pending

    @cached_property
    def values(self) -> int:
        """How many there are."""
        return len(self.sorted_trials[0])

    @cached_property
    def sign(self) -> float:
        """Turns the score into something to minimize."""
        return 1.0 if self.context.history.direction == "minimize" else -1.0

    @cached_property
    def surrogate(self) -> Surrogate:
        """Fitted to all trials."""
        from tunewise.surrogate import fit_surrogate

        context = self.context
        observed, failed, pending = self.sorted_trials
        steps = list(studies_at_steps(context.history, context.space))
        # They say more of a pruned trial than its rank, and its last value is as unknown as of one that runs.
        compared = {t.number for study in steps for t in study.trials if t.value is not None}
        ended = {t.number for t, _ in observed if t.state == "pruned"} & compared
        pending = [*(t.configuration for t, _ in observed if t.number in ended), *pending]
        observed = [(t, score) for t, score in observed if t.number not in ended]
        return fit_surrogate(
            context.space,
            [t.configuration for t, _ in observed],
            [self.sign * score for _, score in observed],
            failed=failed,
            pending=pending,
            plausible=plausible(context, named=self.credit is None or self.credit >= DOUBT),
            rng=context.rng,
            constraints=[context.history.limiting(t) for t, _ in observed],
            prior_studies=[*context.prior_studies, *steps],
        )

    @cached_property
    def advice(self) -> tuple[Advice, ...]:
        """The surrogate's next points, the first one alone where nobody is told; none while nothing is known.

        A point that differs from a trial only in what did not exist there is none of them.
        """
        if not self.context.tried and not self.context.prior_studies:
            return ()
        count = ADVISED if self.model_decides and self.values >= ADVISED else 1
        for wanted in (count, RETRIED):
            points = [c for c in self.surrogate.propose(wanted) if not self.context.duplicate(c)][:count]
            if points:
                break
        return tuple(Advice(configuration=c, expected=self.expected(c)) for c in points)

    def expected(self, configuration: Configuration) -> Expected | None:
        """What the surrogate expects of a configuration; None where it knows too little to expect anything."""
        return self.expect([configuration])[0] if self.knows else None

    def expect(self, configurations: Sequence[Configuration]) -> list[Expected]:
        """What the surrogate expects of configurations, once there are values."""
        mean, std = self.surrogate.predict(configurations)
        return [Expected(mean=self.sign * float(m), std=float(s)) for m, s in zip(mean, std, strict=True)]

    @cached_property
    def told_advice(self) -> tuple[Advice, ...]:
        """What of the advice is worth the model's while: nothing that is expected to be worse than the middle trial."""
        if self.values < HEARD:
            return ()
        named = [a.configuration for a in self.near.best] if self.near else []
        wanted = (a for a in self.advice if a.configuration not in named and not self.known(a.configuration))
        return tuple(self.told(a) for a in wanted if self.promising(a))

    @cached_property
    def near(self) -> Nearest | None:
        """The grid around the best trial, where there is one."""
        found = find_nearest(self.context, self.expect, self.known) if self.values >= HEARD else None
        return replace(found, best=tuple(map(self.told, filter(self.promising, found.best)))) if found else None

    @cached_property
    def step(self) -> Step:
        """What kind of step the model is asked for."""
        return wanted_step(self.context)

    def known(self, configuration: Configuration) -> bool:
        """Whether it was tried, or one that differs from it only where no difference has ever been seen."""
        return self.canonical(configuration) in self.tried or self.context.duplicate(configuration) is not None

    @cached_property
    def equal(self) -> Equal:
        """Settings between which no difference was seen."""
        return equal_settings(self.context.history, self.context.space)

    @cached_property
    def canonical(self) -> Callable[[Configuration], Hashable]:
        """What configurations have in common that differ in equal settings only."""
        return without_effect(self.equal, self.context.space)

    @cached_property
    def tried(self) -> set[Hashable]:
        """That, of all trials."""
        return {self.canonical(t.configuration) for t in self.context.tried}

    def promising(self, advice: Advice) -> bool:
        """Whether a point is not expected to be worse than the middle trial, as far as anything can be expected."""
        known = advice.expected if self.knows else None
        return known is None or self.sign * known.mean <= float(np.median(self.costs))

    def told(self, advice: Advice) -> Advice:
        """As it is told: an expectation that too few values support is left out, an uncertainty ends with their range.

        More than the range of all values is no knowledge, only noise in a prompt.
        """
        expected = advice.expected
        if expected is None or not self.knows:
            return replace(advice, expected=None)
        std = min(self.missed * expected.std, float(np.ptp(self.costs)))
        return replace(advice, expected=replace(expected, std=std))

    @cached_property
    def missed(self) -> float:
        """By how many of the stated deviations 68 % of the latest values were missed; 1 where they were not."""
        latest = [(t, score) for t, score in self.sorted_trials[0] if t.proposal.decision.expected][-JUDGED:]
        off = [abs(score - e.mean) / e.std for t, score in latest if (e := t.proposal.decision.expected) and e.std > 0]
        return max(1.0, float(np.quantile(off, 0.68))) if len(off) >= DIFFERENT else 1.0

    @cached_property
    def costs(self) -> NDArray[np.float64]:
        """All values, as something to minimize."""
        return self.sign * np.array([score for _, score in self.sorted_trials[0]])

    @property
    def knows(self) -> bool:
        """Whether there are enough different values to expect anything."""
        return len(np.unique(self.costs)) >= DIFFERENT


def plausible(context: ProposalContext, *, named: bool) -> list[Configuration]:
    """What somebody who knows the field would try: the default, and what a model has named, run or not."""
    found = [c.configuration for t in context.history if named for c in t.proposal.decision.offered]
    default = context.space.default
    return [c for c in ([default] if default else []) + found if context.space.accepts(c)]


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
    context, advice = state.context, state.advice
    configuration = advice[0].configuration if advice else draw(context)
    expected = advice[0].expected if advice else None
    reason = "the largest expected improvement" if advice else ""
    if expected:
        reason += f": {context.task.metric} {expected.mean:.4g} ± {expected.std:.2g}"
    return Proposal(
        configuration=configuration,
        source="surrogate" if advice else "random",
        reason=reason,
        fallback=decision.failure,
        note=stop_notice(state),
        method="auto",
        decision=replace(decision, advice=advice, expected=expected),
    )


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
        near=state.near,
        step=state.step,
        prior=describe_prior_studies(context.prior_studies),
    )
    return one_message(context, view)
