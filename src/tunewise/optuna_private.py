"""The one home of names that Optuna does not promise to keep. `pyproject.toml` holds it below the next major version.

Whoever needs another one of them adds it here, so that a new version of Optuna is looked at in one place.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import TYPE_CHECKING, cast

import optuna.storages.journal._storage as journal_storage
from optuna import distributions
from optuna.distributions import check_distribution_compatibility
from optuna.samplers._base import _process_constraints_after_trial as process_constraints
from optuna.storages import _CachedStorage as CachedStorage
from optuna.storages._rdb.storage import _create_scoped_session
from optuna.storages.journal._file import BaseJournalFileLock, get_lock_file
from optuna.storages.journal._storage import JournalOperation
from optuna.study._frozen import FrozenStudy
from optuna.study._optimize import _run_trial

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from types import ModuleType

    import optuna
    from optuna.storages import BaseStorage, RDBStorage
    from optuna.trial import FrozenTrial
    from sqlalchemy.engine import Engine
    from sqlalchemy.orm import Session

__all__ = [
    "BaseJournalFileLock",
    "CachedStorage",
    "FrozenStudy",
    "JournalOperation",
    "check_distribution_compatibility",
    "engine_of",
    "get_lock_file",
    "id_of",
    "id_of_study",
    "is_interrupted",
    "process_constraints",
    "session_of",
    "share_distributions",
    "storage_of",
    "stored_trial",
    "tables_of_database",
]


def storage_of(study: optuna.Study) -> BaseStorage:
    """Where a study is kept."""
    return study._storage


def id_of_study(study: optuna.Study | FrozenStudy) -> int:
    """What a study is called in its storage; its name is for people."""
    return study._study_id


def id_of(trial: optuna.Trial | FrozenTrial) -> int:
    """What a trial is called in its storage; its number counts within its study."""
    return trial._trial_id


def stored_trial(study: optuna.Study, trial: optuna.Trial | FrozenTrial) -> FrozenTrial:
    """A trial as it is stored now."""
    return study._storage.get_trial(trial._trial_id)


def engine_of(storage: BaseStorage) -> Engine | None:
    """What keeps the connections of a storage that is a database."""
    found = getattr(getattr(storage, "_backend", storage), "engine", None)
    return cast("Engine | None", found)


def tables_of_database() -> ModuleType:
    """The tables of a database, each under the name of its class."""
    from optuna.storages._rdb import models  # imports SQLAlchemy, which takes half a second

    return models


def session_of(database: RDBStorage) -> AbstractContextManager[Session]:
    """A transaction in a database, whose errors become Optuna's."""
    return _create_scoped_session(database.scoped_session)


@lru_cache(maxsize=1)
def share_distributions() -> None:
    """Have Optuna read each distribution that is stored with thousands of trials once; nobody changes one.

    Half of the time in which a long journal is opened, and a quarter of its memory.
    """
    shared = lru_cache(maxsize=1000)(distributions.json_to_distribution)
    for module in (distributions, journal_storage):
        vars(module)["json_to_distribution"] = shared


def is_interrupted() -> bool:
    """Whether `study.optimize` ends a trial because of Ctrl-C in its objective, which it does not tell the sampler."""
    frame = sys._getframe()
    while frame.f_code is not _run_trial.__code__:
        if frame.f_back is None:
            return False
        frame = frame.f_back
    return isinstance(frame.f_locals.get("func_err"), KeyboardInterrupt)
