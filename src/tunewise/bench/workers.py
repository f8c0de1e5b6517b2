"""Processes that run the benchmark: one thread each, and gone when their parent is, however it ends."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

__all__ = ["one_thread", "workers"]

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@contextmanager
def workers(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """Processes with one thread each, that end when this one does, however it ends."""
    import multiprocessing

    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    pool = ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"), initializer=end_with_parent)
    try:
        yield pool
        pool.shutdown()  # so that each closes what it holds
    finally:
        stop(pool)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def stop(pool: ProcessPoolExecutor) -> None:
    """End the workers at once: what they are at is not kept anyway."""
    running = list((pool._processes or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for process in running:
        process.kill()
    for process in running:
        process.join()


def end_with_parent() -> None:
    """Watch the parent from a thread; a pool's worker would wait for ever for one that was killed."""
    import multiprocessing
    from multiprocessing.connection import wait as wait_for
    from signal import SIG_IGN, SIGINT, signal

    signal(SIGINT, SIG_IGN)  # Ctrl-C is the parent's
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait_for([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def one_thread() -> Iterator[None]:
    """Numerical libraries of this process with one thread, as in a worker: equal results, and no fight for cores."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        yield
