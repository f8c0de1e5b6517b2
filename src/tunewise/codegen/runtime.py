"""Where generated programs run: a sandbox that has imported what they need, where this machine can have one."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tunewise.errors import SandboxUnavailable

if TYPE_CHECKING:
    from tunewise.sandbox.base import Sandbox

__all__ = ["sandbox_for"]

logger = logging.getLogger("tunewise")

NO_THREADS_STEP = """
import os
os.environ["JE_ARROW_MALLOC_CONF"] = "background_thread:false"
"""
"""pandas imports pyarrow, whose allocator starts a thread unless it is told not to: no process can be forked then."""
NEIGHBOURS_STEP = """
import sklearn.ensemble, sklearn.pipeline
from sklearn.neighbors import KNeighborsRegressor
KNeighborsRegressor(1).fit(numpy.eye(8), numpy.arange(8)).predict(numpy.eye(8))
"""
"""Makes scikit-learn look for its thread pools, for which it reads files that a locked child cannot."""


@contextmanager
def sandbox_for(contract: str, *, unsafe: bool = False) -> Iterator[Sandbox]:
    """A sandbox for programs of a contract.

    Args:
        contract: Its name.
        unsafe: Take none at all instead, with a loud warning.

    Raises:
        SandboxUnavailable: Nothing here holds a hostile program.
    """
    from tunewise.sandbox.probe import find_sandbox, warm_sandbox
    from tunewise.sandbox.warm import SKLEARN_STEP, TORCH_STEP

    if unsafe:
        yield find_sandbox(unsafe=True)
        return
    step = TORCH_STEP if contract == "torch" else SKLEARN_STEP + NEIGHBOURS_STEP
    try:
        warm = warm_sandbox(["numpy"], warm_up=NO_THREADS_STEP + step)
    except SandboxUnavailable as error:
        logger.warning("No warm sandbox, so that each run takes seconds longer: %s", error)
        yield find_sandbox()
        return
    with warm:
        yield warm
