"""Proposers that ask no model: the default configuration, and random ones."""

from __future__ import annotations

from collections.abc import Generator
from typing import cast

from tunewise.llm.base import ChatReply, ChatRequest
from tunewise.proposers.base import Ask, Proposal, Proposer, Proposing, draw


def random(ask: Ask) -> Proposing:
    """Uniform on the transformed scale, without repeats."""
    yield from nothing()
    return Proposal(configuration=draw(ask), source="random", method="random")


def default_first(proposer: Proposer) -> Proposer:
    """The same proposer, after the default configuration has been evaluated, where the space has one.

    The default explains most of a language model's head start [Defaults], so it is evaluated first, and a model is
    credited only for what it adds.
    """

    def propose(ask: Ask) -> Proposing:
        default = ask.space.default
        if default is not None and not ask.fixed and not ask.tried:
            return Proposal(
                configuration=default,
                source="default",
                reason="your starting point",
                method="default",
            )
        return (yield from proposer(ask))

    propose.__name__ = getattr(proposer, "__name__", "proposer")
    return propose


def nothing() -> Generator[ChatRequest, ChatReply, None]:
    """Yields no request; makes a function that needs no model a generator all the same."""
    yield from cast("tuple[ChatRequest, ...]", ())
