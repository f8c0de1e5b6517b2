"""Evaluations on the machines of a cluster that is there already: Dask and Ray."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

from tunewise.errors import StudyError
from tunewise.text import shorten

if TYPE_CHECKING:
    from tunewise.executors.dask import DaskExecutor
    from tunewise.executors.ray import RayExecutor

__all__ = ["DaskExecutor", "RayExecutor", "open_executor"]

HOMES = {"DaskExecutor": "tunewise.executors.dask", "RayExecutor": "tunewise.executors.ray"}


def __getattr__(name: str) -> object:
    if name not in HOMES:
        raise AttributeError(f"module 'tunewise.executors' has no attribute {name!r}")
    return getattr(import_module(HOMES[name]), name)


@contextmanager
def open_executor(address: str) -> Iterator[Executor]:
    """The executor that a study file or a command line names.

    Args:
        address: `dask://host:port`, or `dask:///path/to/scheduler.json`; `ray://host:port` for the client server of a
            Ray cluster; or `ray` for the cluster that this machine belongs to, else one of this machine alone.

    Raises:
        StudyError: It is no such address, its library is missing, or nobody answers there.
    """
    scheme, _, place = address.partition("://")
    if scheme == "dask" and place:
        from tunewise.executors.dask import DaskExecutor

        with DaskExecutor(place) as executor:
            yield executor
    elif scheme == "ray" and (place or "://" not in address):
        from tunewise.executors.ray import RayExecutor

        with RayExecutor(address if place else None) as executor:
            yield executor
    else:
        raise StudyError(
            f"executor = {shorten(address)} is no address of an executor. Write dask://host:port, "
            "dask:///path/to/scheduler.json, ray://host:port, or ray."
        )
