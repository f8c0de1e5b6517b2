"""Dask as an executor that goes on after what happens to clusters.

A worker that dies has its trials run elsewhere by Dask itself, at most `distributed.scheduler.allowed-failures` times.
When the scheduler restarts, or the connection to it is lost, Dask forgets its tasks; they are handed in again here.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from tunewise.errors import StudyError, TrialFailed
from tunewise.evaluate.mailbox import Report, Take

try:
    import distributed
    from distributed.scheduler import KilledWorker
except ImportError:
    raise StudyError("Dask is missing. Run: pip install 'tunewise[dask]', here and on every worker.") from None

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["DaskExecutor"]

P = ParamSpec("P")
R = TypeVar("R")

logger = logging.getLogger("tunewise")

ANSWER_S = 20.0
"""How long a scheduler may take to answer at the start."""
LOOK_S = 0.2


class DaskExecutor(Executor):
    """Runs evaluations on the workers of a Dask scheduler.

    Args:
        scheduler: Its address, such as "host:8786"; the path of its scheduler file; or a `Client`, which stays open,
            and in whose place one like it is used where its connection is lost.
        patience_s: How long a scheduler that is gone is waited for, in seconds.

    Raises:
        StudyError: Dask is missing, or no scheduler answers.
    """

    def __init__(self, scheduler: str | Client, *, patience_s: float = 600.0) -> None:
        self._own = isinstance(scheduler, str)
        self._address = scheduler if isinstance(scheduler, str) else str(scheduler.scheduler.address)
        self._security = None if isinstance(scheduler, str) else scheduler.security
        self._client: Client = self._connect(ANSWER_S) if isinstance(scheduler, str) else scheduler
        self._patience_s = patience_s
        self._topic = f"tunewise-{uuid.uuid4().hex}"
        self._takes: dict[str, Take] = {}
        self._tasks: dict[str, tuple[Future[Any], Callable[[], Any]]] = {}  # handed in, by Dask's key
        self._reader = ThreadPoolExecutor(1)  # reports are stored there, one after the other
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._listen()

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Run it on some worker."""
        future: Future[R] = Future()
        call = partial(fn, *args, **kwargs)
        if not self._lock.acquire(blocking=False):  # somebody connects anew
            self._wait(future, call)
            return future
        try:
            self._hand_in(future, call)
        except OSError:  # the connection has just been lost
            self._wait(future, call)
        finally:
            self._lock.release()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002 - as `Executor` has it
        """Let go of the scheduler. Whoever cancels a future frees its worker as soon as the evaluation ends."""
        self._closing.set()
        with suppress(Exception):  # a scheduler that is gone
            self._client.unsubscribe_topic(self._topic)
        if self._own:
            let_go(self._client)
        self._reader.shutdown(wait=wait)

    def wire(self, take: Take) -> DaskWire:
        """See `Wired`."""
        return DaskWire(self, take)

    def _connect(self, answer_s: float) -> Client:
        is_file = self._address.endswith(".json")
        where = {"scheduler_file": self._address} if is_file else {"address": self._address}
        try:
            return distributed.Client(**where, timeout=answer_s, security=self._security, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            first = next(iter(str(error).splitlines()), type(error).__name__)
            raise StudyError(
                f"No Dask scheduler answers at {self._address}: {first} Start one (dask scheduler), or correct the "
                "address."
            ) from None

    def _replace(self, patience_s: float) -> None:
        """Connect anew, without waiting for a client that tries to: it may fail half-way and say "connecting" for ever.

        That happens when a report comes with the scheduler's first answer, which Dask takes to come alone.
        """
        lost, own = self._client, self._own
        self._client, self._own = self._connect(min(ANSWER_S, patience_s)), True
        while self._tasks:  # it may not even say that they are lost
            _, (future, call) = self._tasks.popitem()
            self._wait(future, call)
        if own:  # else whoever gave it closes it
            threading.Thread(target=let_go, args=(lost,), daemon=True).start()  # takes a while

    def _listen(self) -> None:
        self._client.subscribe_topic(self._topic, self._heard)

    def _heard(self, event: tuple[float, tuple[str, str, float, int | None]]) -> None:
        """In Dask's thread, which must not wait."""
        _, (name, attempt, value, step) = event
        if take := self._takes.get(name):
            with suppress(RuntimeError):  # shut down
                self._reader.submit(take, attempt, value, step)

    def _hand_in(self, future: Future[R], call: Callable[[], R]) -> None:
        """While `_lock` is held, as a client that is replaced gives up what it has."""
        if self._client.status != "running":
            raise ConnectionError
        key = f"tunewise-{uuid.uuid4().hex}"
        task = self._client.submit(call, key=key, pure=False)
        self._tasks[key] = future, call
        future.add_done_callback(lambda ended: task.cancel() if ended.cancelled() else None)
        task.add_done_callback(self._done)

    def _done(self, task: distributed.Future) -> None:
        future, call = self._tasks.pop(task.key, (None, None))
        if future is None or call is None or future.cancelled() or self._closing.is_set():
            return
        try:
            result = task.result()
        except KilledWorker as error:
            future.set_exception(TrialFailed(f"Every worker that ran it died, perhaps out of memory. {error}"))
        except BaseException as error:  # noqa: BLE001 - the evaluation's, or a loss on the way back
            if task.status != "error" and isinstance(error, distributed.CancelledError | OSError):
                self._wait(future, call)
            else:
                future.set_exception(error)
        else:
            future.set_result(result)

    def _wait(self, future: Future[R], call: Callable[[], R]) -> None:
        threading.Thread(target=self._again, args=(future, call), daemon=True).start()

    def _again(self, future: Future[R], call: Callable[[], R]) -> None:
        """The scheduler has forgotten it: hand it in again, as soon as there is one."""
        until = time.monotonic() + self._patience_s
        while not self._closing.wait(LOOK_S) and (left := until - time.monotonic()) > 0:
            with self._lock, suppress(Exception):  # the next look tries again
                if self._client.status != "running":
                    self._replace(left)
                self._listen()
                self._hand_in(future, call)
                logger.info("The Dask scheduler is back; an interrupted evaluation is handed in again.")
                return
        if not self._closing.is_set():
            future.set_exception(
                StudyError(
                    f"The Dask scheduler at {self._address} has been gone for {self._patience_s:g} s. Start it again; "
                    "the same command goes on."
                )
            )


def let_go(client: Client) -> None:
    """Close it, in whatever state it is."""
    try:
        client.close()
    except Exception:  # noqa: BLE001 - it would fail again when it is collected, and print that
        client.status = "closed"


class DaskWire:
    """Reports as events of the scheduler; an `Event` says stop."""

    def __init__(self, executor: DaskExecutor, take: Take) -> None:
        self._executor = executor
        self._name = uuid.uuid4().hex
        executor._takes[self._name] = take

    def far_end(self) -> DaskChannel:
        """See `Wire`."""
        return DaskChannel(self._executor._topic, self._name)

    def stop(self, attempt: str) -> None:
        """See `Wire`."""
        distributed.Event(f"stop-{attempt}", client=self._executor._client).set()

    def close(self) -> None:
        """See `Wire`. The result came after the reports, on the same way."""
        with suppress(RuntimeError):
            self._executor._reader.submit(int).result()
        self._executor._takes.pop(self._name, None)


class DaskChannel:
    """The far end, on a worker."""

    def __init__(self, topic: str, name: str) -> None:
        self.heard = False
        self.late: list[Report] = []
        self._topic = topic
        self._name = name
        self._attempt = uuid.uuid4().hex

    def send(self, value: float, step: int | None) -> None:
        """Hand it to the scheduler, who hands it on."""
        try:
            distributed.get_worker().log_event(self._topic, (self._name, self._attempt, value, step))
        except Exception:  # noqa: BLE001 - a connection that is gone; the values come with the result
            self.late.append((value, step))

    def stopped(self) -> bool:
        """Ask the scheduler. While it does not answer, no."""
        if not self.heard:
            with suppress(Exception):
                self.heard = bool(distributed.Event(f"stop-{self._attempt}").is_set())
        return self.heard

    def __reduce__(self) -> tuple[type[DaskChannel], tuple[str, str]]:
        return DaskChannel, (self._topic, self._name)
