"""Ray as an executor.

A worker process or node that dies has its trials run elsewhere by Ray itself. Reports go through an actor.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from functools import partial
from typing import ParamSpec, TypeVar

from tunewise.errors import StudyError, TrialFailed
from tunewise.evaluate.mailbox import Report, Take

try:
    import ray
    from ray.actor import ActorHandle
except ImportError:
    raise StudyError("Ray is missing. Run: pip install 'tunewise[ray]', here and on every worker.") from None

__all__ = ["RayExecutor"]

P = ParamSpec("P")
R = TypeVar("R")

RETRIES = 3
"""So often a trial whose worker died is run again, as Dask does."""
LOOK_S = 0.05


class RayExecutor(Executor):
    """Runs evaluations on a Ray cluster.

    Args:
        address: `ray://host:port`; None: where this process is connected already, else the cluster that this machine
            belongs to, else one that is started for as long as this executor lives.
        num_cpus: CPUs that an evaluation takes.
        num_gpus: GPUs that it takes; Ray sets `CUDA_VISIBLE_DEVICES`.

    Raises:
        StudyError: Ray is missing, or no cluster answers.
    """

    def __init__(self, address: str | None = None, *, num_cpus: float = 1, num_gpus: float = 0) -> None:
        self._own = not ray.is_initialized()
        if self._own:
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # what is started here tells nobody
            try:
                ray.init(address, log_to_driver=True, logging_level="warning")
            except (ConnectionError, OSError, RuntimeError, ValueError) as error:
                first = next(iter(str(error).splitlines()), type(error).__name__)
                raise StudyError(
                    f"No Ray cluster answers at {address or 'this machine'}: {first} Start one (ray start --head), or "
                    "correct the address."
                ) from None
        self._address = address or "this machine"
        self._call = ray.remote(num_cpus=num_cpus, num_gpus=num_gpus, max_retries=RETRIES)(call)
        self._post: ActorHandle[Post] = ray.remote(num_cpus=0, max_restarts=-1)(Post).remote()
        self._takes: dict[str, Take] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._reader = threading.Thread(target=self._follow, daemon=True)
        self._reader.start()

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        """Run it on some worker."""
        future: Future[R] = Future()
        try:
            task = self._call.remote(partial(fn, *args, **kwargs))
        except ConnectionError as error:
            raise self._gone(error) from None
        future.add_done_callback(lambda ended: ray.cancel(task, force=True) if ended.cancelled() else None)
        task.future().add_done_callback(lambda done: self._done(done, future))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002 - as `Executor` has it
        """Let go of the cluster; one that was started for this executor ends."""
        self._closing.set()
        self._reader.join()
        with suppress(Exception):  # a cluster that is gone
            ray.kill(self._post)
        if self._own:
            ray.shutdown()

    def wire(self, take: Take) -> RayWire:
        """See `Wired`."""
        return RayWire(self, take)

    def _done(self, task: Future[R], future: Future[R]) -> None:
        if future.cancelled():
            return
        try:
            future.set_result(task.result())
        except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError, ray.exceptions.NodeDiedError):
            future.set_exception(
                TrialFailed(f"Each of the {RETRIES + 1} workers that ran it died, perhaps out of memory.")
            )
        except ConnectionError as error:
            future.set_exception(self._gone(error))
        except ray.exceptions.RayTaskError as error:
            future.set_exception(error.cause if isinstance(error.cause, Exception) else error)
        except BaseException as error:  # noqa: BLE001 - the executor hands over every error
            future.set_exception(error)

    def _gone(self, error: Exception) -> StudyError:
        return StudyError(
            f"The Ray cluster at {self._address} is gone: {error}. Start it again; the same command goes on."
        )

    def _follow(self) -> None:
        while not self._closing.wait(LOOK_S):
            if self._takes:
                self._look()

    def _look(self) -> None:
        """Take what has come to the actor; under a lock, so that it keeps its order."""
        with self._lock:
            reports = []
            with suppress(Exception):  # what is wrong with the cluster, its tasks will tell
                reports = ray.get(self._post.take.remote())
            for name, attempt, value, step in reports:
                if take := self._takes.get(name):
                    take(attempt, value, step)


def call(function: Callable[[], R]) -> R:
    """What runs on a worker."""
    return function()


class Post:
    """An actor that keeps reports until the driver fetches them, and knows which attempts should stop."""

    def __init__(self) -> None:
        self._reports: list[tuple[str, str, float, int | None]] = []
        self._stopping: set[str] = set()

    def send(self, name: str, attempt: str, value: float, step: int | None) -> None:
        """Keep a report."""
        self._reports.append((name, attempt, value, step))

    def take(self) -> list[tuple[str, str, float, int | None]]:
        """All that has come since the last time."""
        reports, self._reports = self._reports, []
        return reports

    def stop(self, attempt: str) -> None:
        """An attempt should stop."""
        self._stopping.add(attempt)

    def stopping(self, attempt: str) -> bool:
        """Whether it should."""
        return attempt in self._stopping


class RayWire:
    """Reports through the actor."""

    def __init__(self, executor: RayExecutor, take: Take) -> None:
        self._executor = executor
        self._name = uuid.uuid4().hex
        executor._takes[self._name] = take

    def far_end(self) -> RayChannel:
        """See `Wire`."""
        return RayChannel(self._executor._post, self._name)

    def stop(self, attempt: str) -> None:
        """See `Wire`."""
        self._executor._post.stop.remote(attempt)

    def close(self) -> None:
        """See `Wire`."""
        self._executor._look()
        self._executor._takes.pop(self._name, None)


class RayChannel:
    """The far end, on a worker."""

    def __init__(self, post: ActorHandle[Post], name: str) -> None:
        self.heard = False
        self.late: list[Report] = []
        self._post = post
        self._name = name
        self._attempt = uuid.uuid4().hex

    def send(self, value: float, step: int | None) -> None:
        """Hand it to the actor; when this returns, it is there."""
        try:
            ray.get(self._post.send.remote(self._name, self._attempt, value, step))
        except Exception:  # noqa: BLE001 - an actor that is gone; the values come with the result
            self.late.append((value, step))

    def stopped(self) -> bool:
        """Ask the actor. While it does not answer, no."""
        if not self.heard:
            with suppress(Exception):
                self.heard = bool(ray.get(self._post.stopping.remote(self._attempt)))
        return self.heard

    def __reduce__(self) -> tuple[type[RayChannel], tuple[ActorHandle[Post], str]]:
        return RayChannel, (self._post, self._name)
