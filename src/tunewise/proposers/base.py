"""What a proposer is: a generator that asks a model, or nobody, and returns a `Proposal`.

It does no I/O: it yields a `ChatRequest`, and is sent the `ChatReply` (or is thrown the `ModelError` that came in its
place). One driver (in `tunewise.sampler`) calls the model.

```python
asking = Compressed().propose(context)
request = next(asking)
try:
    request = asking.send(ChatReply(text='{"C": 10}', model="me"))  # refused: the next request says why
except StopIteration as done:
    proposal = done.value
```
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tunewise.history import History, TrialRecord
from tunewise.llm.base import ChatReply, ChatRequest
from tunewise.prior_studies import PriorStudy
from tunewise.proposers.tried import ABSENT, Tried, TriedBefore
from tunewise.record import Decision, Proposal
from tunewise.space import Configuration, SearchSpace, Value
from tunewise.task import Task

__all__ = ["Prefetching", "ProposalContext", "Proposer", "Proposing", "draw"]

PRIOR = 0.83
"""Probability that a model of which nothing is known is a capable one: two trials that lose to the default raise no
doubt yet, as a capable one's do where the default is nearly the best; three do, so that the surrogate is heard."""
NEAR = 1e-3
"""Configurations closer than this in every coordinate of the unit cube count as one: 0.1 % of the range is below what
one training run can tell apart, and 12 to 16 % of a model's proposals are that close to an earlier one."""

Proposing = Generator[ChatRequest, ChatReply, Proposal]
"""Yields requests, is sent replies, returns the proposal."""

Prefetching = Generator[ChatRequest, ChatReply, Decision]
"""Yields requests for what the next trial will need, is sent replies, returns what the call brought."""


@dataclass(frozen=True, kw_only=True)
class ProposalContext:
    """What a proposer knows.

    Attributes:
        task: What is tuned.
        space: What must be proposed.
        history: All other trials.
        trial: How many trials precede the one that is asked for.
        rng: The only randomness.
        seed: For servers that can repeat a sampled reply.
        fixed: What this trial has already been given.
        context_tokens: The model's limit, if known.
        reasoning: Whether the model is to analyse before it proposes (chain of thought).
        expert: Whether the system message gives the model the role of an expert.
        temperature: Of the first request for a trial [Zhang: 0]; those after a refusal are warmer.
        has_model: Whether there is a model to ask.
        workers: How many trials are evaluated at a time.
        inferred: Whether the space is what past trials happened to have, so that what one lacks did not exist in it.
        capable: Probability that the model is a capable one, before its trials here say more.
        prior_studies: Earlier studies of the same or an overlapping space.
        before: What had been tried when another context was made, so that only what is new is looked at.
    """

    task: Task
    space: SearchSpace
    history: History = field(default_factory=History)
    trial: int = 0
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    seed: int | None = None
    fixed: Mapping[str, Value] = field(default_factory=dict)
    context_tokens: int | None = None
    reasoning: bool = False
    expert: bool = True
    temperature: float = 0.0
    has_model: bool = True
    workers: int = 1
    inferred: bool = False
    capable: float = PRIOR
    prior_studies: tuple[PriorStudy, ...] = ()
    before: TriedBefore = field(default_factory=TriedBefore, repr=False, compare=False)

    @property
    def left(self) -> int | None:
        """How many evaluations are left, this one included; None when nobody knows."""
        return None if self.task.budget is None else max(1, self.task.budget - self.trial)

    @property
    def last(self) -> bool:
        """Whether the budget ends with this trial."""
        return self.left == 1

    @cached_property
    def tried(self) -> tuple[TrialRecord, ...]:
        """Trials that gave a value to some hyperparameter of the space; those that still run come last."""
        return self._tried.trials

    @cached_property
    def _tried(self) -> Tried:
        return self._ended.joined(self.history.open)

    @cached_property
    def _ended(self) -> Tried:
        return self.before.of(self.space, self.history.told)

    def _place(self, configurations: Sequence[Mapping[str, Value]]) -> NDArray[np.float64]:
        return self.space.encode_all(configurations, absent=ABSENT)

    @cached_property
    def exhausted(self) -> bool:
        """Whether every configuration has been tried."""
        count = self.space.count
        return count <= len(self.tried) and count <= len(np.unique(self._tried.points, axis=0))

    def duplicate(self, configuration: Mapping[str, Value]) -> TrialRecord | None:
        """The earlier trial that a configuration repeats, if it does and something else is left to try.

        What counts is what a trial really had: an objective that asks for one hyperparameter or another would run the
        same again with other values of what it did not ask for, whether the space says so or not.
        """
        if self.fixed or not self.tried or self.exhausted:
            return None
        points = self._tried.points
        apart = np.where(self._tried.unused, 0.0, np.abs(points - self._place([configuration])))
        if self.inferred:
            ended = len(self._ended.trials)
            real = np.array([*[True] * ended, *(t.state != "running" for t in self.tried[ended:])])
            apart[real[:, None] & (points == ABSENT)] = 0.0
        distances = apart.max(axis=1)
        nearest = int(distances.argmin())
        return self.tried[nearest] if distances[nearest] < NEAR else None

    def nearest(self, configuration: Mapping[str, Value], number: int) -> TrialRecord | None:
        """The trial below a number that has ended and lies nearest, by the squared distance in the unit cube."""
        count = bisect_left(self._ended.trials, number, key=lambda trial: trial.number)
        if not count:
            return None
        apart = self._ended.points[:count] - self._place([configuration])
        return self._ended.trials[int((apart**2).sum(axis=1).argmin())]

    def distance(self, one: Mapping[str, Value], other: Mapping[str, Value]) -> float:
        """How far two configurations are apart, as a share of the range where they differ most."""
        first, second = self._place([one, other])
        return float(np.abs(first - second).max())

    def away(self, configuration: Mapping[str, Value]) -> float:
        """How far a configuration is from the nearest trial, as `distance` has it; infinite before there is one."""
        apart = np.abs(self._tried.points - self._place([configuration]))
        return float(apart.max(axis=1).min(initial=np.inf))

    def same(self, one: Mapping[str, Value], other: Mapping[str, Value]) -> bool:
        """Whether two configurations count as one."""
        return self.distance(one, other) < NEAR


@runtime_checkable
class Proposer(Protocol):
    """A way to find the next configuration. One that has options keeps them in a frozen dataclass, `options`."""

    @property
    def name(self) -> str:
        """As a study file and a command line say it."""
        ...

    @property
    def needs_model(self) -> bool:
        """Whether it can do nothing without one."""
        ...

    def propose(self, context: ProposalContext) -> Proposing:
        """Yields requests, is sent replies, returns the proposal."""
        ...


def draw(context: ProposalContext) -> Configuration:
    """A random configuration that has not been tried, where one is found."""
    for _ in range(100):
        configuration = context.space.sample(context.rng)
        if not context.duplicate(configuration):
            break
    return configuration
