"""The calls that are made for a next trial while another one runs."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import ClassVar
from weakref import WeakSet

from tunewise.llm.ledger import Ledger
from tunewise.llm.waiting import in_thread
from tunewise.optuna_private import is_interrupted
from tunewise.pickling import Portable

__all__ = ["Prefetches"]

GIVING_UP = 10
"""How many tenths of a second calls get to end after they were given up; then they are left to themselves."""


class Prefetches(Portable):
    """Calls in threads of their own, each beside a trial of a study.

    Args:
        ledger: Who makes the calls.
    """

    of_process: ClassVar = {"_calls": dict}

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._calls: dict[tuple[str, int], Future[None]] = {}  # by study and trial

    @property
    def busy(self) -> bool:
        """Whether a call is under way."""
        return any(not call.done() for call in self._calls.values())

    def begin(self, study: str, trial: int, fetch: Callable[[], None]) -> None:
        """Fetch beside a trial."""
        EVERYBODYS.add(self)
        self._calls[study, trial] = in_thread(fetch, name="tunewise-prefetch")

    def raise_late(self, study: str) -> None:
        """What ended the calls beside an earlier trial, if anything did, ends this one."""
        for key, call in list(self._calls.items()):
            if key[0] == study and call.done():
                del self._calls[key]
                if error := call.exception():
                    raise error

    def wait(self, study: str, trial: int) -> None:
        """Wait for what is fetched beside a trial; not where Ctrl-C ends it."""
        call = self._calls.get((study, trial))
        if call is None or call.done():
            return
        if is_interrupted():
            self.give_up()
            return
        try:
            wait([call])
        except BaseException:
            self.give_up()
            raise

    def give_up(self) -> None:
        """End all calls at once, as for Ctrl-C; they are recorded. Later trials call again."""
        calls, self._calls = list(self._calls.values()), {}
        for _ in range(GIVING_UP):
            if all(call.done() for call in calls):
                break
            self._ledger.cancel()  # again, where a call was only about to begin
            wait(calls, timeout=0.1)
        self._ledger.reopen()


EVERYBODYS: WeakSet[Prefetches] = WeakSet()


@atexit.register
def give_up_all() -> None:
    """The end of the process waits for no call; those under way are recorded."""
    for prefetches in list(EVERYBODYS):
        prefetches.give_up()
