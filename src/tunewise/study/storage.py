"""Where studies live: an Optuna journal file that survives a kill at any moment, or any Optuna storage."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import optuna
from filelock import FileLock, Timeout
from optuna.storages.journal import JournalFileBackend, JournalStorage

from tunewise.errors import StudyError
from tunewise.optuna_private import BaseJournalFileLock, JournalOperation, get_lock_file
from tunewise.secrets import remember_address

__all__ = ["SafeJournalBackend", "may_exist", "only_driver", "open_storage", "open_study"]

Storage = str | Path | optuna.storages.BaseStorage | None


class KernelLock(BaseJournalFileLock):
    """A lock that the kernel gives back when its holder dies.

    Optuna's own locks are files that outlive a kill, and hold up the next process for 30 seconds.
    """

    def __init__(self, path: str) -> None:
        self._lock = FileLock(f"{path}.lock")

    def acquire(self) -> bool:
        """Wait for the lock."""
        self._lock.acquire()
        return True

    def release(self) -> None:
        """Give it back."""
        self._lock.release()


RECORD = b'{"op_code":'
"""How every record of a journal begins."""

DURABLE = {
    JournalOperation.CREATE_STUDY,
    JournalOperation.SET_TRIAL_SYSTEM_ATTR,  # a call that was billed
    JournalOperation.SET_TRIAL_STATE_VALUES,  # a result
}
"""Operations after which the file is forced to disk, with all that was written before them."""


class SafeJournalBackend(JournalFileBackend):
    """Optuna's journal file, mended before each write, and forced to disk when something was earned.

    A process that is killed while it writes, or a full disk, leaves a record without its end; the next record would
    be glued to it, and the file could not be read any more. A record that was never wholly written was never
    acknowledged to anybody, so it is cut off.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path, KernelLock(path))

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Write records behind the last whole one.

        Raises:
            StudyError: The disk is full, or the file may not be written any more.
        """
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        try:
            with get_lock_file(self._lock), Path(self._file_path).open("rb+") as file:
                go_to_whole_end(file)
                file.write(lines.encode())
                file.flush()
                if any(log["op_code"] in DURABLE for log in logs):
                    os.fsync(file.fileno())
        except OSError as error:
            raise StudyError(
                f"{self._file_path} cannot be written: {error.strerror}. Make room, or allow writing, and run the same "
                "again: it goes on with what is stored."
            ) from None


def go_to_whole_end(file: BinaryIO) -> None:
    """Move behind the last line end, and cut off what follows it."""
    end = file.seek(0, os.SEEK_END)
    if end == 0:
        return
    file.seek(end - 1)
    if file.read(1) != b"\n":
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
        file.seek(0, os.SEEK_END)


def open_storage(storage: Storage) -> optuna.storages.BaseStorage:
    """An Optuna storage from a path (a journal file), a database URL, a storage, or None (memory).

    Raises:
        StudyError: The path cannot be written, or the file is no journal.
    """
    if storage is None:
        return optuna.storages.InMemoryStorage()
    if isinstance(storage, optuna.storages.BaseStorage):
        return storage
    if "://" in str(storage):
        remember_address(str(storage))
        try:
            return optuna.storages.get_storage(str(storage))
        except (ImportError, ValueError, OSError) as error:
            raise StudyError(f"The storage {storage} cannot be opened: {error}") from None
        except Exception as error:  # noqa: BLE001 - the database drivers' own errors share no root
            first = str(error).strip().splitlines() or [type(error).__name__]
            raise StudyError(f"The storage {storage} cannot be opened: {first[0]}") from None
    path = Path(storage).expanduser()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        check_journal(path)
        return JournalStorage(SafeJournalBackend(str(path)))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StudyError(
            f"{path} cannot be opened as a study: {error}. Name a journal file that tunewise or Optuna has written, or "
            "a new one in a folder where you may write."
        ) from None


def check_journal(path: Path) -> None:
    """Refuse somebody else's file before it is written to; a first record may be cut off by a kill.

    Raises:
        ValueError: It begins like no journal.
    """
    if path.exists():
        with path.open("rb") as file:
            beginning = file.read(len(RECORD))
        if not RECORD.startswith(beginning):
            raise ValueError(f"it begins with {beginning.decode(errors='replace')!r}, which is no record of a journal")


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
    return storage is not None if file is None else file.exists()


def file_of(storage: Storage) -> Path | None:
    """The file on this machine that holds a storage, if one does: a journal, or an SQLite database."""
    if not isinstance(storage, str | Path):
        return None
    address = str(storage)
    if "://" not in address:
        try:
            return Path(address).expanduser().resolve()
        except RuntimeError as error:  # "~somebody" without a home, links in a ring
            raise StudyError(f"{address} is no place for a file: {error} Name another one.") from None
    path = address.removeprefix("sqlite:///").partition("?")[0]
    return Path(path).resolve() if address.startswith("sqlite:///") and path not in ("", ":memory:") else None


@contextmanager
def only_driver(storage: Storage) -> Iterator[bool]:
    """Hold a file's place for the one process that may ask and tell; True: its running trials are orphans.

    A database on a server has no such place: who runs what there is for its users to know.

    Raises:
        StudyError: Another process holds it, or its folder cannot be written.
    """
    file = file_of(storage)
    if file is None or ("://" in str(storage) and not file.parent.is_dir()):
        yield storage is None
        return
    lock = FileLock(f"{file}.run", blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise StudyError(
            f"Another process is running the study in {storage}. Wait until it ends, stop it, or use another storage."
        ) from None
    except OSError as error:
        raise StudyError(
            f"{storage} cannot be opened as a study: {error.strerror}. Name a file in a folder where you may write."
        ) from None
    try:
        yield True
    finally:
        lock.release()
