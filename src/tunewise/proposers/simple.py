"""Proposers that ask no model: the default configuration, and random ones."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import ClassVar, cast

import numpy as np

from tunewise.llm.base import ChatReply, ChatRequest
from tunewise.proposers.base import ProposalContext, Proposer, Proposing, draw
from tunewise.record import Proposal
from tunewise.space import Configuration, SearchSpace

__all__ = ["DefaultFirst", "Random", "nothing", "only_one", "without_choice"]


@dataclass(frozen=True)
class Random:
    """Uniform on the transformed scale, without repeats; no model is asked."""

    name: ClassVar[str] = "random"
    needs_model: ClassVar[bool] = False

    def propose(self, context: ProposalContext) -> Proposing:
        """A draw."""
        yield from nothing()
        return Proposal(configuration=draw(context), source="random", method=self.name)


@dataclass(frozen=True)
class DefaultFirst:
    """Another proposer, after the default configuration has been evaluated, where the space has one.

    The default explains most of a language model's head start [Defaults], so it is evaluated first, and a model is
    credited only for what it adds.
    """

    proposer: Proposer
    name: ClassVar[str] = "default"
    needs_model: ClassVar[bool] = False

    def propose(self, context: ProposalContext) -> Proposing:
        """The default where nothing has been tried."""
        default = context.space.default
        if default is None or context.fixed or context.tried:
            return (yield from self.proposer.propose(context))
        return Proposal(
            configuration=default,
            source="default",
            reason="your starting point",
            method=self.name,
        )


def only_one(space: SearchSpace) -> Proposal:
    """The proposal where every hyperparameter has one value."""
    return without_choice(space.sample(np.random.default_rng(0)))


def without_choice(only: Configuration) -> Proposal:
    """The proposal that nobody made, for there is no other."""
    return Proposal(configuration=only, source="default", reason="nothing to choose", method=DefaultFirst.name)


def nothing() -> Generator[ChatRequest, ChatReply, None]:
    """Yields no request; makes a function that needs no model a generator all the same."""
    yield from cast("tuple[ChatRequest, ...]", ())
