"""Where a study stands for `auto`: whether the model is heard, what the surrogate advises, and what of that is told."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tunewise.history import TrialRecord
from tunewise.prompts.advised import FEW, Nearest, Step
from tunewise.prompts.findings import Equal, equal_settings, stale_for, without_effect
from tunewise.proposers.asking import Objection
from tunewise.proposers.base import ProposalContext
from tunewise.proposers.credit import DOUBT, LEAST, fair_value, placement, read_credit
from tunewise.proposers.neighbours import find_nearest
from tunewise.proposers.steps import FAR, wanted_step
from tunewise.proposers.stopped import highest_step, name_of, studies_at_steps
from tunewise.proposers.tried import ABSENT
from tunewise.record import Advice, Expected
from tunewise.space import Configuration, Hyperparameter, Value
from tunewise.space.numbers import Number

if TYPE_CHECKING:
    from tunewise.prior_studies import PriorStudy
    from tunewise.surrogate import Surrogate

__all__ = ["STALLED", "Assessment"]

ADVISED = 3
"""So many of its next points the surrogate advises."""
HEARD = 6
"""It is told from so many values on, at once where it knows prior studies: before, to follow it gains no more than a
capable reader's own ideas, and what it expects rests on little (`benchmarks/steps.py --advice`)."""
EARLIER = 3
"""So many of the best of a prior study are places that were looked at."""
DIFFERENT = 4
"""With fewer different values nothing can be expected of a point: its figures are not told."""
JUDGED = 10
"""By so many of its latest expectations the surrogate's uncertainty is corrected before it is told."""
STALLED = 8
"""After so many trials of the model in a row that brought nothing better, one is the surrogate's. It takes a capable
reader nothing within ten trials, and .0006 +- .0004 of regret within thirty (`benchmarks/steps.py --stalled`)."""
RETRIED = 8
"""So many points are looked at where the first ones repeat what was tried."""


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
        if self.credit is None or self.credit < LEAST or self.stalled:
            return False
        return self.credit >= DOUBT or self.turns >= 1 / self.credit - 1

    @cached_property
    def stalled(self) -> bool:
        """Whether many of the model's trials in a row brought nothing better: then the surrogate has one turn.

        So whoever stays where nothing is gained is compared with somebody who does not. The last few trials are the
        model's: what they would teach comes too late.
        """
        history, left = self.context.history, self.context.left
        if not self.context.has_model or (left is not None and left <= FEW):
            return False
        if len(history.told) < STALLED:
            return False
        since = takewhile(lambda t: t.number >= history.told[-STALLED].number, reversed(history.trials))
        return all(t.by_model for t in since) and stale_for(history) >= STALLED

    def objection(self, configuration: Configuration) -> Objection | None:
        """Why a proposal is turned down: by itself it raises doubt that the model has read the trials. Else None.

        One next to a bad trial is sent back, as the model may not have known. One hardly off the default is not: a
        model without ideas of its own gets farther by chance when it tries again.
        """
        if self.step == "far":
            return None
        context = self.context
        credit = read_credit(context, prior=context.capable, candidate=configuration)
        if credit >= min(DOUBT, self.credit or 0.0):
            return None
        nearest = context.nearest(configuration, context.trial)
        bad = nearest is not None and placement(configuration, context.trial, context) < 1
        why = (
            f"nearest to trial {nearest.number}, one of the worse half. Propose one that is nearer to a better trial"
            if bad and nearest
            else "hardly off the default"
        )
        return Objection(f"It does not run: it is {why}. It was {json.dumps(configuration)}", sent_back=bad)

    @property
    def turns(self) -> int:
        """How many trials the surrogate has had since the model was asked last, or since the beginning."""
        asked = max((t.number for t in self.context.history if t.by_model or t.proposal.decision.call), default=0)
        return sum(t.source == "surrogate" and t.number >= asked for t in self.context.history)

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
        """Fitted to all trials: says what to expect."""
        observed, _, pending = self.sorted_trials
        # Steps say more of a pruned trial than its rank, and its last value is as unknown as of one that runs.
        compared = {t.number for study in self.steps for t in study.trials if t.value is not None}
        if compared:
            ended = {t.number for t, _ in observed if t.state == "pruned"} & compared
            pending = [*(t.configuration for t, _ in observed if t.number in ended), *pending]
            observed = [(t, score) for t, score in observed if t.number not in ended]
        return self.fit(observed, pending, self.steps)

    @cached_property
    def searching(self) -> Surrogate:
        """Says where to look: while too few trials have come to the end, by the values at an earlier step."""
        there = highest_step(self.context.history)
        if there is None:
            return self.surrogate
        step, observed = there
        known = {t.number for t, _ in observed}
        ended = [t.configuration for t, _ in self.sorted_trials[0] if t.number not in known]
        others = [study for study in self.steps if study.name != name_of(step)]
        return self.fit(observed, [*ended, *self.sorted_trials[2]], others)

    @cached_property
    def steps(self) -> tuple[PriorStudy, ...]:
        """The values at steps where trials were ended."""
        return tuple(studies_at_steps(self.context.history, self.context.space))

    def fit(
        self,
        observed: Sequence[tuple[TrialRecord, float]],
        pending: Sequence[Configuration],
        steps: Sequence[PriorStudy],
    ) -> Surrogate:
        """A surrogate of trials with a score, beside what failed."""
        from tunewise.surrogate import fit_surrogate

        context = self.context
        return fit_surrogate(
            context.space,
            [t.configuration for t, _ in observed],
            [self.sign * score for _, score in observed],
            failed=self.sorted_trials[1],
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
        told = self.values >= ADVISED or self.context.prior_studies
        count = ADVISED if (self.model_decides or self.stalled) and told else 1
        for wanted in (count, RETRIED):
            points = [c for c in self.searching.propose(wanted) if not self.context.duplicate(c)][:count]
            if points:
                break
        return tuple(Advice(configuration=c, expected=self.expected(c)) for c in points)

    @cached_property
    def turn(self) -> Advice | None:
        """What the surrogate runs in a turn of its own; where the model has stalled the best of what it would tell.

        What is not told (corners, what is expected to be bad, what comes to the same) is nothing to compare with.
        """
        worth = (*self.told_advice, *(self.near.best if self.near else ())) if self.stalled else ()
        if not worth:
            return next(iter(self.advice), None)
        configuration = worth[0].configuration
        return Advice(configuration=configuration, expected=self.expected(configuration))  # not corrected

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
        if self.values < HEARD and not self.context.prior_studies:
            return ()
        seen = {self.canonical(a.configuration) for a in self.near.best} if self.near else set()
        told = []
        for advice in filter(self.promising, self.advice):
            same = self.canonical(advice.configuration)
            if same not in seen and not self.known(advice.configuration) and self.is_supported(advice.configuration):
                told.append(self.told(advice))
            seen.add(same)
        return tuple(told)

    def is_supported(self, configuration: Configuration) -> bool:
        """Whether every bound that a configuration lies at was looked at, by a trial or whoever knows the field.

        Beyond the outermost trials a Gaussian process knows nothing, so it likes bounds; an expert seldom does.
        """
        space, context = self.context.space, self.context
        earlier = [c for study in context.prior_studies for c in study.best(space, EARLIER)]
        known = [t.configuration for t in context.tried] + plausible(context, named=True) + earlier
        point, *points = space.encode_all([configuration, *known], absent=ABSENT)
        at_bound = [space.columns[n] for n, h in space.items() if n in configuration and is_bound(h, configuration[n])]
        return all(min(np.abs(other[c] - point[c]).max() for other in points) <= FAR for c in at_bound)

    @cached_property
    def close(self) -> Advice | None:
        """What the surrogate would take near the best trial, if its other advice lies elsewhere."""
        best = self.context.history.best
        if self.values < HEARD or self.near or best is None or not self.context.space.accepts(best.configuration):
            return None
        if any(self.context.distance(a.configuration, best.configuration) < FAR for a in self.told_advice):
            return None
        found = self.surrogate.refine(FAR)
        advice = Advice(configuration=found, expected=self.expected(found)) if found else None
        return self.told(advice) if advice and not self.known(advice.configuration) else None

    @cached_property
    def near(self) -> Nearest | None:
        """The grid around the best trial, where there is one."""
        if self.values < HEARD:
            return None
        found = find_nearest(self.context, self.expect, self.known, self.canonical)
        return replace(found, best=tuple(map(self.told, filter(self.promising, found.best)))) if found else None

    @cached_property
    def step(self) -> Step:
        """What kind of step the model is asked for; in doubt for no large one, which is not judged by its place."""
        step = wanted_step(self.context)
        return "" if step == "far" and (self.credit or 0.0) < DOUBT else step

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
        """As it is told: without an expectation that too few values support, with an uncertainty that can be meant.

        More than the range of all values is no knowledge, only noise in a prompt; less than half a step of a metric
        that counts is none either.
        """
        expected = advice.expected
        if expected is None or not self.knows:
            return replace(advice, expected=None)
        std = min(max(self.missed * expected.std, self.step_of_metric / 2), float(np.ptp(self.costs)))
        return replace(advice, expected=replace(expected, std=std))

    @cached_property
    def step_of_metric(self) -> float:
        """The smallest difference between two values."""
        return float(np.diff(np.unique(self.costs)).min(initial=np.inf))

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


def is_bound(hyperparameter: Hyperparameter, value: Value) -> bool:
    """Whether a value is the least or the largest of a number."""
    return isinstance(hyperparameter, Number) and value in (hyperparameter.low, hyperparameter.high)


def plausible(context: ProposalContext, *, named: bool) -> list[Configuration]:
    """What somebody who knows the field would try: the default, and what a model has named, run or not."""
    found = [c.configuration for t in context.history if named for c in t.proposal.decision.offered]
    default = context.space.default
    return [c for c in ([default] if default else []) + found if context.space.accepts(c)]
