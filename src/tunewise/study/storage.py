"""Where studies live: an Optuna journal file that survives a kill at any moment, or any Optuna storage."""

from __future__ import annotations

import hashlib
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import optuna
from optuna.exceptions import StorageInternalError
from optuna.trial import FrozenTrial, TrialState

from tunewise import attributes
from tunewise.errors import StudyError
from tunewise.optuna_private import engine_of, share_distributions
from tunewise.secrets import remember_address
from tunewise.study.database import CachedDatabase, Database
from tunewise.study.journal import SafeJournalBackend, SafeJournalStorage
from tunewise.text import shorten

__all__ = [
    "begun_by_driver",
    "failure_of_database",
    "file_behind",
    "is_driven",
    "may_exist",
    "only_driver",
    "open_storage",
    "open_study",
]

Storage = str | Path | optuna.storages.BaseStorage | None
LOOKS = 5
"""How often the lock is tried: for a moment somebody may hold it who only looks whether it is held (`is_driven`)."""


def open_storage(storage: Storage) -> optuna.storages.BaseStorage:
    """An Optuna storage from a path (a journal file), a database URL, a storage, or None (memory).

    Raises:
        StudyError: The path cannot be written, or the file is no journal.
    """
    share_distributions()
    if storage is None:
        return optuna.storages.InMemoryStorage()
    if isinstance(storage, optuna.storages.BaseStorage):
        return storage
    if "://" in str(storage):
        remember_address(str(storage))
        try:
            opened = CachedDatabase(Database(str(storage)))
        except Exception as error:  # noqa: BLE001 - the database drivers' own errors share no root
            raise cannot_open(storage, error) from None
        if engine := engine_of(opened):
            weakref.finalize(opened, engine.dispose)  # its connections are closed with it
        return opened
    path = Path(storage).expanduser()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return SafeJournalStorage(SafeJournalBackend(str(path)))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StudyError(
            f"{path} cannot be opened as a study: {error}. Name a journal file that tunewise or Optuna has written, or "
            "a new one in a folder where you may write."
        ) from None


def open_study(storage: Storage, name: str | None = None) -> optuna.Study:
    """A study that exists, for reading; the only one of its storage when no name is given.

    Raises:
        StudyError: There is no such file or study, or there are several.
    """
    if not may_exist(storage):
        raise StudyError(f"{storage} does not exist. Name a journal file, a study file (.yaml) or a database URL.")
    opened = open_storage(storage)
    names = [s.study_name for s in opened.get_all_studies()]
    if name is None and len(names) == 1:
        name = names[0]
    if name not in names:
        known = ", ".join(names) or "none"
        wanted = f"has no study {name!r}" if name else "holds no study" if not names else "holds several studies"
        raise StudyError(f"{storage} {wanted}; its studies: {known}. Say which one with --study-name.")
    return optuna.load_study(study_name=name, storage=opened)


def may_exist(storage: Storage) -> bool:
    """Whether there may be studies in it; False where its file is not there, so that looking does not create one."""
    file = file_of(storage)
    try:
        return storage is not None if file is None else file.exists()
    except OSError as error:  # a folder that may not be looked into, a name that is too long
        raise StudyError(f"{storage} cannot be opened: {error.strerror}. Name another file, or allow it.") from None


def file_of(storage: Storage) -> Path | None:
    """The file on this machine that holds a storage, if one does: a journal, or an SQLite database."""
    if not isinstance(storage, str | Path):
        return None
    address = str(storage)
    if "://" not in address:
        try:
            return Path(address).expanduser().resolve()
        except (OSError, RuntimeError, ValueError) as error:  # "~somebody" without a home, links in a ring, a zero byte
            why = getattr(error, "strerror", None) or str(error).rstrip(".")
            raise StudyError(f"{address} is no place for a file: {why}. Name another one.") from None
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    with suppress(ArgumentError):  # whoever opens it says what is wrong
        url = make_url(address)
        if url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:"):
            return Path(url.database.removeprefix("file:")).resolve()
    return None


def file_behind(storage: optuna.storages.BaseStorage) -> Path | None:
    """The file on this machine that holds a storage which is open, if one does."""
    if isinstance(storage, SafeJournalStorage):
        return file_of(storage.path)
    engine = engine_of(storage)
    return file_of(str(engine.url)) if engine else None


@contextmanager
def only_driver(storage: Storage, name: str) -> Iterator[bool]:
    """Hold a study's place for the one process that may ask and tell; True: its running trials are orphans.

    The lock is on the file itself, so no other spelling, link or relative path leads around it, and the kernel gives it
    back when its holder dies. On a PostgreSQL server it is an advisory lock, which ends with its connection. On other
    servers who runs what is for their users to know.

    Args:
        storage: Where the study is.
        name: Of the study. A file has one driver for all of its studies, a server one for each.

    Raises:
        StudyError: Another process holds it, or the file cannot be written.
    """
    with failures_told(), held(storage, name) as orphaned:
        yield orphaned


def begun_by_driver(trial: FrozenTrial) -> bool:
    """Whether a trial is marked as running and a driver has begun it; whoever got it by `ask` evaluates it himself."""
    return trial.state == TrialState.RUNNING and attributes.ASKED not in trial.user_attrs


def is_driven(storage: optuna.storages.BaseStorage) -> bool | None:
    """Whether a process asks and tells in a storage now; None where only a server would know.

    Args:
        storage: As it was opened.
    """
    import fcntl

    file = file_behind(storage)
    if file is None:
        return None
    try:
        with file.open("rb") as looked:
            fcntl.flock(looked, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    return False


@contextmanager
def failures_told() -> Iterator[None]:
    """Make an error of a database, such as a full disk, one clear error."""
    try:
        yield
    except Exception as error:
        if (failure := failure_of_database(error)) is None:
            raise
        raise failure from error


@contextmanager
def held(storage: Storage, name: str) -> Iterator[bool]:
    """See `only_driver`."""
    file = file_of(storage)
    if file is not None and ("://" not in str(storage) or file.parent.is_dir()):
        with holding_file(file, storage):
            yield True
    elif isinstance(storage, str) and storage.startswith("postgres"):
        with holding_server(storage, name):
            yield True
    else:
        yield storage is None


@contextmanager
def holding_file(file: Path, storage: Storage) -> Iterator[None]:
    """Hold the kernel's lock on a file, which is created where there is none. It says nothing to who only reads."""
    import fcntl  # not on Windows, where the programs and workers of a study do not run either

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        held = file.open("ab")
    except OSError as error:
        raise StudyError(
            f"{storage} cannot be opened as a study: {error.strerror}. Name a file in a folder where you may write."
        ) from None
    with held:
        for attempt in range(LOOKS):
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if attempt == LOOKS - 1:
                    raise another_driver(storage) from None
                time.sleep(0.05)
        yield


@contextmanager
def holding_server(address: str, name: str) -> Iterator[None]:
    """Hold an advisory lock on a PostgreSQL server, under a number made of the study's name."""
    from sqlalchemy import create_engine, text
    from sqlalchemy.pool import NullPool

    remember_address(address)
    number = int.from_bytes(hashlib.sha256(f"tunewise:{name}".encode()).digest()[:8], "big", signed=True)
    try:
        connection = create_engine(address, poolclass=NullPool, isolation_level="AUTOCOMMIT").connect()
    except Exception as error:  # noqa: BLE001 - the database drivers' own errors share no root
        raise cannot_open(address, error) from None
    with connection:
        if not connection.execute(text("SELECT pg_try_advisory_lock(:number)"), {"number": number}).scalar():
            raise another_driver(address)
        yield


def another_driver(storage: Storage) -> StudyError:
    return StudyError(
        f"Another process is running the study in {storage}. Wait until it ends, stop it, or use another storage."
    )


def failure_of_database(error: BaseException) -> StudyError | None:
    """What is said about an error of a database that came up while it was in use; None for every other error."""
    cause: BaseException | None = error
    if isinstance(error, StorageInternalError):
        cause = error.__cause__
    if cause is None or not type(cause).__module__.startswith("sqlalchemy."):
        return None
    first = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
    return StudyError(
        f"The database of the study failed: {shorten(first, 300)}. Make room, or mend what it names, and run the same "
        "again: it goes on with what is stored."
    )


def cannot_open(storage: Storage, error: Exception) -> StudyError:
    first = str(error).strip().splitlines() or [type(error).__name__]
    return StudyError(f"The storage {storage} cannot be opened: {first[0]}")
