"""The one driver of proposers: calls the model for what they yield."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar, cast

from tunewise.errors import ContextLimitExceeded, ModelUnavailable
from tunewise.llm.base import ChatReply, ChatRequest

__all__ = ["drive"]

Result = TypeVar("Result")


def drive(asking: Generator[ChatRequest, ChatReply, Result], complete: Callable[[ChatRequest], ChatReply]) -> Result:
    """Run a proposer: call the model for each request that it yields, until it returns.

    What a proposer can answer (no reply now, a request that is too long) is thrown into it; every other error ends it.
    """
    try:
        request = next(asking)
        while True:
            try:
                reply = complete(request)
            except (ModelUnavailable, ContextLimitExceeded) as error:
                request = asking.throw(error)
            else:
                request = asking.send(reply)
    except StopIteration as done:
        return cast("Result", done.value)
    finally:
        asking.close()
