"""What calls cost: every call is recorded before anything is read from it, and none is made that could exceed a cap.

Every request of a study passes here on its way to a model and to a cassette, so this is where secrets are masked.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import ClassVar

from tunewise.checks import check_whole
from tunewise.errors import (
    BudgetReached,
    Cancelled,
    ModelUnusable,
    ReplayMiss,
    StudyError,
    UsageError,
)
from tunewise.llm.base import ChatModel, ChatReply, ChatRequest
from tunewise.llm.calls import Call, Totals
from tunewise.llm.estimate import believed, least_input_tokens, least_output_tokens, most_input_tokens
from tunewise.llm.prices import Price, find_price
from tunewise.llm.streaming import stream
from tunewise.pickling import Portable
from tunewise.secrets import mask

__all__ = ["Caps", "Ledger", "masked"]

ROOM = 2_048
"""Tokens that a reply may take where neither the request nor the model says; and no less is worth a call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """What a study may spend; None is no cap, and the bounds themselves may be reached.

    Attributes:
        max_calls: Failed calls count too.
        max_tokens: Read and written, together.
        max_usd: US dollars.
    """

    max_calls: int | None = None
    max_tokens: int | None = None
    max_usd: float | None = None

    def __post_init__(self) -> None:
        for name in ("max_calls", "max_tokens"):
            value = getattr(self, name)
            if value is not None:
                check_whole(name, value, 0, way_out="Use None for no cap.")
        usd = self.max_usd
        if usd is not None and (isinstance(usd, bool) or not isinstance(usd, int | float) or not 0 <= usd < math.inf):
            raise UsageError(f"max_usd = {usd!r} is not a number of dollars, 0 or more. Use None for no cap.")


@dataclass(slots=True)
class Outcome:
    """What becomes of a call.

    Attributes:
        request: As it is sent.
        text: What has come of a reply that is read as it comes.
        reply: The whole reply.
    """

    request: ChatRequest
    text: str = ""
    reply: ChatReply | None = None


class Ledger(Portable):
    """A model with an account: `complete` as the model does, within the caps, with a record of every call.

    Failed calls may have been billed, so they count with their upper bound towards the caps, and as unknown in the
    totals. What an adapter's own retries cost is unknown everywhere. Threads may share a ledger.

    Args:
        model: Who is asked.
        caps: What may be spent.
        price: What the model charges; None for what the model itself states, or else its list price.

    Raises:
        StudyError: There is a cap on dollars and nobody knows the price.
    """

    of_process: ClassVar = {"_lock": threading.RLock}

    def __init__(self, model: ChatModel, *, caps: Caps | None = None, price: Price | None = None) -> None:
        self.model = model
        self.caps = caps or Caps()
        self.price = find_price(model) if price is None else price
        self._calls: list[Call] = []
        self._pending: list[Call] = []
        self._cancelled = False
        self._lock = threading.RLock()
        if self.caps.max_usd is not None and self.price is None:
            raise StudyError(
                f"max_usd = {self.caps.max_usd} cannot be kept: the price of the model {model.name!r} is unknown. "
                "State it in dollars per million tokens (in a study file as `price` of the model, else as Price(2.5, "
                "10)), or cap tokens or calls."
            )

    @property
    def is_waiting(self) -> bool:
        """Whether a call is under way."""
        return bool(self._pending)

    def complete(self, request: ChatRequest, record: Callable[[Call], None]) -> ChatReply:
        """Ask the model, with no more room for the reply than the caps leave.

        Args:
            request: What to ask.
            record: Receives the call, also a failed or interrupted one, before anything is read from the reply.

        Raises:
            BudgetReached: The call could exceed a cap; it was not made.
            ModelError: What the model raised; the call is recorded.
        """
        with self._booked(masked(request), record) as outcome:
            reply = outcome.reply = self.model.complete(outcome.request)
        return reply

    def stream(self, request: ChatRequest, record: Callable[[Call], None]) -> Generator[str, None, ChatReply]:
        """Ask the model and yield its text as it comes; returns the reply.

        Closing the generator stops the model; the call is recorded as interrupted, with the text that had come.

        Raises:
            BudgetReached, ModelError: As for `complete`.
        """
        with self._booked(masked(request), record) as outcome:
            reading = stream(self.model, outcome.request)
            try:
                while True:
                    piece = next(reading)
                    outcome.text += piece
                    yield piece
            except StopIteration as done:
                reply: ChatReply = done.value
                outcome.reply = reply
            finally:
                reading.close()
        return reply

    def cancel(self) -> None:
        """Give up the calls under way and make no more, from any thread: for Ctrl-C.

        They raise `Cancelled` at once where the model can be closed, and are recorded; they may be billed all the same.
        """
        with self._lock:
            self._cancelled = True
        close = getattr(self.model, "close", None)
        if callable(close):
            close()

    def reopen(self) -> None:
        """Make calls again after `cancel`."""
        with self._lock:
            self._cancelled = False

    @contextmanager
    def _booked(self, request: ChatRequest, record: Callable[[Call], None]) -> Iterator[Outcome]:
        """Reserve what a call may take, and record what became of it."""
        bound, request = self._reserve(request)
        started = time.perf_counter()
        outcome = Outcome(request)
        try:
            yield outcome
        except ReplayMiss:  # nobody was called
            self._release(bound)
            raise
        except BaseException as error:
            failure = mask(f"{type(error).__name__}: {error}") if isinstance(error, Exception) else "interrupted"
            call = replace(bound, error=failure, text=outcome.text, seconds=time.perf_counter() - started)
            if isinstance(error, ModelUnusable):  # a server that is not there or does not serve us bills nothing
                call = replace(call, input_tokens=0, output_tokens=0, cost_usd=0.0)
            self._settle(bound, call, record)
            raise
        assert outcome.reply is not None
        self._settle(bound, self._counted(bound, request, outcome.reply), record)

    def restore(self, calls: Iterable[Call]) -> None:
        """Count the calls of an earlier session, so that caps and totals are the whole study's."""
        with self._lock:
            self._calls.extend(calls)

    @property
    def totals(self) -> Totals:
        """What the calls so far took; those under way are not in it."""
        with self._lock:
            return Totals.of(self._calls)

    def _reserve(self, request: ChatRequest) -> tuple[Call, ChatRequest]:
        """The call at its upper bound, counted from now on, so that threads cannot exceed a cap together.

        Returns:
            The call, and the request with as much room as the caps leave, where that is less than there would be.
        """
        given = request.max_output_tokens
        room = given if given is not None else room_of(self.model)
        bound = Call(
            key=request.key,
            model=self.model.name,
            most_input_tokens=most_input_tokens(request),
            most_output_tokens=room,
        )
        with self._lock:
            if self._cancelled:
                raise Cancelled("The study is being ended: no more calls are made.")
            if self.caps != Caps():
                taken = [call.most(self.price) for call in (*self._calls, *self._pending)]
                tokens, usd = sum(part for part, _ in taken), sum(part for _, part in taken)
                share = self._left(tokens, usd, bound.most_input_tokens) / 2  # leaves something for others
                bound = replace(bound, most_output_tokens=int(min(room, max(share, min(ROOM, room)))))
                self._check(len(taken), tokens, usd, bound)
            self._pending.append(bound)
        less = bound.most_output_tokens < room
        return bound, replace(request, max_output_tokens=bound.most_output_tokens) if less else request

    def _left(self, tokens: int, usd: float, reading: int) -> float:
        """How many tokens the caps leave for a reply."""
        left = math.inf if self.caps.max_tokens is None else self.caps.max_tokens - tokens - reading
        if self.caps.max_usd is not None and self.price and self.price.output_usd_per_million > 0:
            dollars = self.caps.max_usd - usd - reading * self.price.input_usd_per_million / 1e6
            left = min(left, 1e6 * dollars / self.price.output_usd_per_million)
        return left

    def _counted(self, bound: Call, request: ChatRequest, reply: ChatReply) -> Call:
        """The call with its reply. Of counts that cannot be true our own estimate is the least."""
        writing = least_output_tokens(reply)
        return replace(
            bound,
            model=reply.model,
            text=reply.text,
            finish_reason=reply.finish_reason,
            input_tokens=believed(reply.input_tokens, least_input_tokens(request)),
            output_tokens=believed(reply.output_tokens, writing),
            most_output_tokens=min(bound.most_output_tokens, 2 * writing + ROOM),
            seconds=reply.seconds,
            tool_calls=reply.tool_calls,
        )

    def _check(self, calls: int, tokens: int, usd: float, bound: Call) -> None:
        next_tokens, next_usd = bound.most(self.price)
        for name, cap, spent, needed in (
            ("max_calls", self.caps.max_calls, calls, 1),
            ("max_tokens", self.caps.max_tokens, tokens, next_tokens),
            ("max_usd", self.caps.max_usd, usd, next_usd),
        ):
            if cap is not None and spent + needed > cap:
                raise BudgetReached(
                    f"The next call of {self.model.name!r} could exceed {name} = {cap}: {spent:.6g} is spent, and the "
                    f"call could take up to {needed:.6g}. It was not made. Raise the cap to go on."
                )

    def _settle(self, bound: Call, call: Call, record: Callable[[Call], None]) -> None:
        if call.cost_usd is None and self.price:
            call = replace(call, cost_usd=self.price.cost(call.input_tokens, call.output_tokens))
        with self._lock:
            self._release(bound)
            self._calls.append(call)
        record(call)

    def _release(self, bound: Call) -> None:
        with self._lock:
            self._pending = [pending for pending in self._pending if pending is not bound]


def room_of(model: ChatModel) -> int:
    """Tokens that a reply of a model may take where the request does not say."""
    stated = getattr(model, "max_output_tokens", None)
    return stated if isinstance(stated, int) and not isinstance(stated, bool) and stated > 0 else ROOM


def masked(request: ChatRequest) -> ChatRequest:
    """The request as it is sent and recorded: without secrets that stand in its messages."""
    calls = {m: tuple(replace(c, arguments=mask(c.arguments)) for c in m.tool_calls) for m in request.messages}
    messages = tuple(replace(m, content=mask(m.content), tool_calls=calls[m]) for m in request.messages)
    return replace(request, messages=messages)
