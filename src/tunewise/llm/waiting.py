"""Waiting for something that may never come: the wait can be given up at once, whatever the other side does."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from concurrent.futures import TimeoutError as Late
from contextlib import suppress
from typing import Any, TypeVar

from tunewise.errors import Cancelled, ModelUnavailable

__all__ = ["Waiting", "in_thread"]

Result = TypeVar("Result")


def in_thread(function: Callable[[], Result], *, name: str) -> Future[Result]:
    """What a function will return or raise. The end of the process does not wait for its thread."""
    future: Future[Result] = Future()

    def work() -> None:
        try:
            result = function()
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            with suppress(InvalidStateError):
                future.set_exception(error)
        else:
            with suppress(InvalidStateError):
                future.set_result(result)

    context = contextvars.copy_context()
    threading.Thread(target=lambda: context.run(work), daemon=True, name=name).start()
    return future


class Waiting:
    """Calls that run in threads of their own. A thread that nobody waits for any more is left to itself."""

    def __init__(self) -> None:
        self._pending: set[Future[Any]] = set()
        self._lock = threading.Lock()

    def run(self, function: Callable[[], Result], *, seconds: float, late: str) -> Result:
        """What the function returns or raises.

        Args:
            function: May block.
            seconds: How long it may take altogether.
            late: What to say when it has not ended then.

        Raises:
            ModelUnavailable: It has not ended in time.
            Cancelled: `cancel` was called.
            KeyboardInterrupt: At once, as the waiting can be interrupted.
        """
        future = in_thread(function, name="tunewise-call")
        with self._lock:
            self._pending.add(future)
        try:
            return future.result(seconds)
        except Late:
            if future.done():  # its own
                raise
            raise ModelUnavailable(late) from None
        finally:
            with self._lock:
                self._pending.discard(future)

    def cancel(self) -> None:
        """End all waits, with `Cancelled`."""
        with self._lock:
            pending = list(self._pending)
        for future in pending:
            with suppress(InvalidStateError):
                future.set_exception(Cancelled("The call was given up before its reply came; it may be billed."))
