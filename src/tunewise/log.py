"""The log: what tunewise has to say goes to the standard logger `tunewise`, and its user decides where that ends."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["optuna_silenced", "silenced"]


@contextmanager
def silenced() -> Iterator[None]:
    """Keep warnings out of the log while something else tells of them, such as a progress display."""
    logger = logging.getLogger("tunewise")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


@contextmanager
def optuna_silenced() -> Iterator[None]:
    """Keep Optuna's own log quiet about a study that its user has not made."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
