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
os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"
"""
"""pandas imports pyarrow. One of its allocators starts a thread, so that no process can be forked, and another one
reserves a GiB, more than a small limit of memory allows."""
NEIGHBOURS_STEP = """
import sklearn.ensemble, sklearn.pipeline
from sklearn.neighbors import KNeighborsRegressor
KNeighborsRegressor(1).fit(numpy.eye(8), numpy.arange(8)).predict(numpy.eye(8))
"""
"""Makes scikit-learn look for its thread pools, for which it reads files that a locked child cannot."""

TABLE_STEP = """
import importlib.util, pandas, sklearn.compose, sklearn.impute, sklearn.ensemble
pandas.DataFrame({"a": [1.0], "b": ["x"]}).groupby("b").mean()
if importlib.util.find_spec("lightgbm"):
    import lightgbm
"""
"""pandas, and a booster that takes a second to import."""


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
    steps = {"torch": TORCH_STEP, "sklearn": SKLEARN_STEP + NEIGHBOURS_STEP}
    step = steps.get(contract, steps["sklearn"] + TABLE_STEP)
    try:
        warm = warm_sandbox(["numpy"], warm_up=NO_THREADS_STEP + step)
    except SandboxUnavailable as error:
        logger.warning("No warm sandbox, so that each run takes seconds longer: %s", error)
        yield find_sandbox()
        return
    with warm:
        yield warm
