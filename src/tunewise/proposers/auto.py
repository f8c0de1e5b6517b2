"""`auto`: a language model proposes, a Gaussian process vets, and what each side achieves decides who is heard.

Trial 0 is the default configuration. One call soon brings a batch of different configurations, and from then on each
step compares what the model has offered with the surrogate's own next point, by one acquisition. The model's candidate
runs when it comes within a margin that shrinks with the trials and grows with the model's credit [LLINBO]; else the
surrogate's point does. A model without credit is not asked at all, so that a bad one costs an evaluation or two.

The whole state stands in the history: what was offered, what was expected, what was wasted. Any process can go on.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tunewise.history import TrialRecord
from tunewise.llm.base import ChatReply, ChatRequest, Message
from tunewise.prompts.render import render
from tunewise.prompts.state import StateView
from tunewise.prompts.views import ProblemView
from tunewise.proposers.base import Ask, Meanwhile, Proposal, Proposer, Proposing, draw
from tunewise.proposers.batch import Batch, Candidate, ask_for_batch, unused
from tunewise.proposers.compressed import one_message
from tunewise.proposers.credit import fair_value, policy_of, read_evidence, stale_for
from tunewise.proposers.options import AutoOptions
from tunewise.proposers.plain import nothing
from tunewise.proposers.prior import ask_for_prior, guesses_in, guide, led, prior_asked
from tunewise.space import Configuration

if TYPE_CHECKING:
    from tunewise.surrogate import Surrogate

__all__ = ["auto", "auto_prior", "auto_with"]


@dataclass(frozen=True)
class Standing:
    """Where a study stands, seen by both sides.

    Attributes:
        surrogate: Fitted to all trials.
        own: Its next point; None while nothing was observed and no trial runs.
        bar: What it expects there, in the metric's unit; None before there is a value.
        observed: How many values there are.
        credit: The model's.
        beat: The log acquisition that a candidate must reach.
        guided: The surrogate's next point where a prior of the model's leads it elsewhere; else None.
        trust: In that prior.
    """

    surrogate: Surrogate
    own: Configuration | None
    bar: float | None
    observed: int
    credit: float
    beat: float
    guided: Configuration | None = None
    trust: float = 0.0

    @property
    def informed(self) -> bool:
        """Whether there is a value to judge by."""
        return self.bar is not None


def auto_with(options: AutoOptions) -> Proposer:
    """The proposer with other numbers."""

    def auto(ask: Ask) -> Proposing:
        """The policy, for one trial."""
        yield from nothing()
        standing = stand(ask, options)
        heard = may_be_heard(ask, standing, options)
        candidates = unused(ask, most=options.pool) if heard else ()
        chosen, batch = choose(standing, candidates), Batch()
        policy: dict[str, Any] = {"credit": round(standing.credit, 3)} if ask.model else {}
        if heard and chosen is None and not (ask.ahead and standing.informed):
            batch, left = yield from consult(ask, standing, options)
            chosen = choose(standing, batch.candidates)
            policy |= left
        if chosen is not None:
            policy |= expectation(ask, standing, chosen.configuration)
            policy |= {"alternative": standing.own} if standing.own else {}
            proposal = from_candidate(chosen, batch, policy)
        else:
            proposal = classical(ask, standing, batch, policy, note=farewell(ask, standing, options))
        if ask.ahead and ask.model and not ask.last and standing.credit >= options.least:
            return replace(proposal, meanwhile=look_ahead(ask, proposal, options))
        return proposal

    return auto


auto = auto_with(AutoOptions())
auto_prior = auto_with(AutoOptions(prior=True))


def look_ahead(ask: Ask, proposal: Proposal, options: AutoOptions) -> Meanwhile:
    """What is asked while a trial runs: candidates for the next one, so that nobody waits for the model.

    The request sees the trial as a running one. It depends on nothing else, so when the reply comes changes nothing.
    """
    running = TrialRecord(
        number=ask.trial, state="running", configuration=proposal.configuration, proposal=proposal.to_dict()
    )
    ahead = replace(
        ask,
        history=ask.history.while_running(running),
        trial=ask.trial + 1,
        rng=ask.rng.spawn(1)[0],
        fixed={},
    )
    standing = stand(ahead, options)
    if not may_be_heard(ahead, standing, options, soon=1) or choose(standing, unused(ahead, most=options.pool)):
        return {}
    _, left = yield from consult(ahead, standing, options)
    return left


def may_be_heard(ask: Ask, standing: Standing, options: AutoOptions, *, soon: int = 0) -> bool:
    """Whether the model has a say in this trial; `soon` values more will be there by then.

    Without any value (no default, or it still runs) the surrogate has nothing to say, so the model has. What is partly
    fixed is completed by the surrogate: candidates are whole configurations.
    """
    if not ask.model or ask.fixed or ask.exhausted or 0 < standing.observed + soon < options.after:
        return False
    return standing.credit >= options.least


def stand(ask: Ask, options: AutoOptions) -> Standing:
    """Fit the surrogate to all trials, find its next point, read the credit."""
    from tunewise.surrogate import fit_surrogate

    sign = sign_of(ask)
    observed, failed, pending = sorted_out(ask)
    surrogate = fit_surrogate(
        ask.space,
        [t.configuration for t, _ in observed],
        [sign * value for _, value in observed],
        failed=failed,
        pending=pending,
        rng=ask.rng,
        constraints=[ask.history.limiting(t) for t, _ in observed],
    )
    evidence = read_evidence(ask.history, options)
    credit = evidence.credit if ask.model else 0.0
    if not ask.tried:
        return Standing(surrogate, None, None, 0, credit, -math.inf)
    (own,) = surrogate.propose()
    if not observed:
        return Standing(surrogate, own, None, 0, credit, -math.inf)
    bar = sign * float(surrogate.predict([own])[0][0])
    known = [(t.configuration, sign * value) for t, value in observed]
    guesses = guesses_in(ask.history, ask.space) if options.prior and ask.model else {}
    surrogate, trust = guide(surrogate, guesses, known, credit=credit, options=options)
    aim = surrogate.propose()[0] if trust else own
    best = float(surrogate.score([aim])[0])
    margin = credit * (options.margin + options.praise * evidence.model[0]) / len(observed) ** options.fade
    guided = aim if led(ask.space, own, aim) else None
    return Standing(surrogate, own, bar, len(observed), credit, best - margin, guided, trust)


def sorted_out(ask: Ask) -> tuple[list[tuple[TrialRecord, float]], list[Configuration], list[Configuration]]:
    """Trials with a value (a fair one where they were pruned), failed ones, and running ones."""
    observed: list[tuple[TrialRecord, float]] = []
    failed, pending = [], []
    for trial in ask.tried:
        value = fair_value(trial, ask.history) if trial.state == "pruned" else trial.value
        if trial.state == "running":
            pending.append(trial.configuration)
        elif value is not None and math.isfinite(value) and trial.state != "failed":
            observed.append((trial, value))
        else:
            failed.append(trial.configuration)
    return observed, failed, pending


def choose(standing: Standing, candidates: tuple[Candidate, ...]) -> Candidate | None:
    """The best candidate by the surrogate's judgement, if it is good enough; the first while nothing was observed."""
    if not candidates:
        return None
    if not standing.informed:
        return candidates[0]
    scores = standing.surrogate.score([c.configuration for c in candidates])
    best = int(scores.argmax())
    return candidates[best] if scores[best] >= standing.beat else None


def wanted(ask: Ask, options: AutoOptions) -> int:
    """How many configurations to ask for now; 0: none."""
    calls = {t.number: policy["call"] for t in ask.history if "call" in (policy := policy_of(t))}
    if not calls:
        return min(options.warm, max(1, ask.task.budget // 3) if ask.task.budget else options.warm)
    left_alone = any(call != "candidates" and ask.trial - number <= options.rest for number, call in calls.items())
    return 0 if left_alone else options.fresh


def plateau(ask: Ask, options: AutoOptions) -> int:
    """For how many trials nothing has improved, when that is long enough to ask about; else 0."""
    stale = stale_for(ask.history)
    return stale if stale >= options.plateau else 0


def consult(
    ask: Ask, standing: Standing, options: AutoOptions
) -> Generator[ChatRequest, ChatReply, tuple[Batch, dict[str, Any]]]:
    """Ask the model for candidates, unless it is to be left alone.

    Returns:
        What it offered, and what the call leaves behind: that, and what it cost in credit.
    """
    count = wanted(ask, options)
    if not count:
        return Batch(), {}
    told = {}
    if options.prior and not prior_asked(ask.history):
        told = yield from ask_for_prior(ask, retries=options.retries)
    stuck = plateau(ask, options)
    messages = state_messages(ask, standing, count, stuck)
    batch = yield from ask_for_batch(ask, messages, most=count, retries=options.retries)
    left: dict[str, Any] = {"call": "no reply" if batch.no_reply else "plateau" if stuck else "candidates"}
    if batch.candidates:
        left["offered"] = [c.to_dict() for c in batch.candidates]
    else:
        left |= {"wasted": options.wasted, "failure": batch.failure}
    refused = [*told.pop("refused", ()), *batch.refused]
    return batch, told | left | ({"refused": refused} if refused else {})


def expectation(ask: Ask, standing: Standing, configuration: Configuration) -> dict[str, Any]:
    """What the surrogate expects, to be compared with what comes."""
    if standing.bar is None:
        return {}
    mean, std = standing.surrogate.predict([configuration])
    return {"bar": standing.bar, "expected": {"mean": sign_of(ask) * float(mean[0]), "std": float(std[0])}}


def from_candidate(candidate: Candidate, batch: Batch, policy: dict[str, Any]) -> Proposal:
    """The model's own."""
    return Proposal(
        configuration=candidate.configuration,
        source="repair" if candidate.repairs else "model",
        reason=candidate.reason,
        repairs=candidate.repairs,
        reply=batch.reply,
        refused=batch.refused,
        note=candidate.note,
        method="auto",
        model=candidate.model,
        policy=policy,
    )


def classical(ask: Ask, standing: Standing, batch: Batch, policy: dict[str, Any], *, note: str) -> Proposal:
    """The surrogate's point, its own or where a prior leads it; a random one while there is nothing at all to fit."""
    known = standing.own is not None
    configuration = standing.guided or (standing.own if standing.own is not None else draw(ask))
    expected = expectation(ask, standing, configuration) if known else {}
    reason = "where the surrogate expects most of another trial"
    if standing.guided:
        reason = "where the surrogate, weighted by the model's prior, expects most of another trial"
        policy |= {"alternative": standing.own, "trust": round(standing.trust, 3)}
    if "expected" in expected:
        reason += f": {ask.task.metric} {expected['expected']['mean']:.4g} ± {expected['expected']['std']:.2g}"
    return Proposal(
        configuration=configuration,
        source="prior" if standing.guided else "acquisition" if known else "random",
        reason=reason if known else "",
        fallback=policy.get("failure", "") or failed_ahead(ask),
        refused=batch.refused,
        note=note,
        method="auto",
        policy=policy | expected,
    )


def failed_ahead(ask: Ask) -> str:
    """Why the call that ran beside the latest trial brought nothing, if so."""
    return str(policy_of(ask.history[-1]).get("failure", "")) if ask.ahead and ask.history else ""


def farewell(ask: Ask, standing: Standing, options: AutoOptions) -> str:
    """Says once that the model is not asked any more."""
    before = [policy["credit"] for t in ask.history if "credit" in (policy := policy_of(t))]
    if ask.model and standing.credit < options.least <= (before[-1] if before else 1.0):
        return "The model's proposals have not paid; from here on the surrogate proposes alone."
    return ""


def state_messages(ask: Ask, standing: Standing, count: int, stuck: int) -> tuple[Message, ...]:
    """The optimizer's state in one message of bounded size."""
    view = StateView(
        problem=render(ProblemView(ask.task, ask.space, ask.reasoning, batch=count, objectives=ask.history.objectives)),
        history=ask.history,
        task=ask.task,
        space=ask.space,
        most_wanted=count,
        effects=standing.surrogate.effects() if standing.informed else (),
        next_try=standing.own if standing.informed else None,
        expected=None if ask.history.aim else standing.bar,
        plateau=stuck,
        last=ask.last,
    )
    return one_message(ask, view)


def sign_of(ask: Ask) -> float:
    """Turns the metric into something to minimize."""
    return 1.0 if ask.history.direction == "minimize" else -1.0
