"""Optuna's journal, read with distrust and written with care: a file that survives a kill at any moment.

A journal is a text file with a record of one operation a line. What the end of a write can damage is its last line:
that line is cut off before the next write, and kept beside the journal (`.cut`). Damage in any other place is refused
with the number of the line, and the file is left as it is.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock
from optuna.storages.journal import JournalFileBackend, JournalStorage
from optuna.trial import FrozenTrial, TrialState
from pydantic_core import from_json

from tunewise.changes import Latest, collector_paused
from tunewise.errors import StudyError
from tunewise.optuna_private import BaseJournalFileLock, JournalOperation, get_lock_file
from tunewise.plain import PlainDict

__all__ = ["SafeJournalBackend", "SafeJournalStorage"]


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

    def __reduce__(self) -> tuple[type[KernelLock], tuple[str]]:
        return KernelLock, (self._lock.lock_file.removesuffix(".lock"),)


RECORD = b'{"op_code":'
"""How every record of a journal begins."""

DURABLE = {
    JournalOperation.CREATE_STUDY,
    JournalOperation.SET_TRIAL_SYSTEM_ATTR,  # a call that was billed
    JournalOperation.SET_TRIAL_STATE_VALUES,  # a result
}
"""Operations after which the file is forced to disk, with all that was written before them."""


class SafeJournalBackend(JournalFileBackend):
    """Optuna's journal file: recovered before each write, and forced to disk when something was earned.

    A process that is killed while it writes, or a full disk, leaves a record without its end; the next record would
    be glued to it, and the file could not be read any more. A record that was never wholly written was never
    acknowledged to anybody, so it is cut off.

    Args:
        path: Of the file; it is created where there is none.

    Raises:
        ValueError: It begins like no journal.
        OSError: It cannot be read or created.
    """

    def __init__(self, path: str) -> None:
        check_beginning(Path(path))
        self.path = path
        super().__init__(path, KernelLock(path))
        self._at = (0, 0)  # how many records have been read, and where the next one begins

    def read_logs(self, log_number_from: int) -> Iterator[PlainDict]:  # type: ignore[override]
        """The records from a number on, oldest first.

        Raises:
            StudyError: A line that is not the last one is no record.
        """
        number, offset = self._at if self._at[0] <= log_number_from else (0, 0)
        with Path(self._file_path).open("rb") as file:
            for record, end in records(file, number, offset):
                number += 1
                if number > log_number_from:
                    self._at = (number, end)
                    yield record

    def append_logs(self, logs: list[PlainDict]) -> None:
        """Write records behind the last whole one.

        Raises:
            StudyError: The disk is full, or the file may not be written any more.
        """
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        with self._writing("Run the same again then: it goes on with what is stored.") as file:
            file.write(lines.encode())
            file.flush()
            if any(log["op_code"] in DURABLE for log in logs):
                os.fsync(file.fileno())

    def make_room(self, size: int) -> None:
        """Do nothing if so many bytes could be written now.

        Raises:
            StudyError: The disk is full, or the file may not be written any more.
        """
        with self._writing("A call of the model could not be recorded, and was not made.") as file:
            end, written = file.tell(), 0
            try:
                while written < size:  # spaces, which are no record as long as there is no line end
                    written += os.pwrite(file.fileno(), b" " * (size - written), end + written)
            finally:
                os.ftruncate(file.fileno(), end)

    @contextmanager
    def _writing(self, consequence: str) -> Iterator[BinaryIO]:
        try:
            with get_lock_file(self._lock), Path(self._file_path).open("rb+") as file:
                cut_torn_end(file, self._at)
                yield file
        except OSError as error:
            named = error.filename or self._file_path  # its lock may be the one that is somebody else's
            raise StudyError(
                f"{named} cannot be written: {error.strerror}. Make room, or allow writing. {consequence}"
            ) from None


class SafeJournalStorage(JournalStorage):
    """Optuna's storage on a journal, where a record that cannot be followed is refused with the number of its line."""

    def __init__(self, backend: SafeJournalBackend) -> None:
        self.path = backend.path
        self._latest: dict[int, Latest] = {}  # of each study
        with collector_paused():
            super().__init__(backend)

    def __getstate__(self) -> dict[str, object]:
        return {**super().__getstate__(), "_latest": {}}

    def make_room(self, size: int) -> None:
        """As that of its file."""
        backend = self._backend
        assert isinstance(backend, SafeJournalBackend), "it was made with one"
        with self._thread_lock:
            backend.make_room(size)

    def _sync_with_backend(self) -> None:
        known = self._replay_result
        latest: PlainDict = {}

        def followed() -> Iterator[PlainDict]:
            nonlocal latest
            for latest in self._backend.read_logs(known.log_number_read):  # noqa: UP028 - the latest is looked at below
                yield latest

        try:
            known.apply_logs(followed())
        except StudyError:
            raise
        except Exception as error:
            if latest["worker_id"] == known.worker_id:  # an answer to what was asked just now
                raise
            raise damaged(self.path, known.log_number_read, f"{type(error).__name__}: {error}") from None

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """As Optuna's."""
        if deepcopy or not Latest.knows(states):
            return super().get_all_trials(study_id, deepcopy=deepcopy, states=states)
        with self._thread_lock:
            self._sync_with_backend()
            self._replay_result.get_study(study_id)  # says so where there is none
            trials, ids = self._replay_result._trials, self._replay_result._study_id_to_trial_ids[study_id]
            latest = self._latest.setdefault(study_id, Latest())
            return latest.read(len(ids), lambda number: trials[ids[number]], states)


def records(file: BinaryIO, number: int = 0, offset: int = 0) -> Iterator[tuple[PlainDict, int]]:
    """The whole records of a journal from an offset on, and where each ends; a last line that is none is left out.

    Raises:
        StudyError: A line that is not the last one is no record; `number` is how many precede the offset.
    """
    file.seek(offset)
    flaw = ""
    for line in file:
        if flaw and line.strip():
            raise damaged(file.name, number, flaw)
        if flaw:  # an editor has left empty lines at the end
            continue
        number += 1
        try:
            record = parse(line)
        except (ValueError, RecursionError) as error:  # also text that is not UTF-8
            flaw = str(error) or type(error).__name__
            if b"\r" + RECORD in line:  # all of the file, and no end of it that is torn
                raise damaged(file.name, number, "its lines end with a carriage return alone") from None
            if not line.endswith(b"\n"):
                return  # the last line when it was read: what comes now is the rest of it, which somebody writes
            continue
        offset += len(line)
        yield record, offset


def damaged(file: object, line: int, why: str) -> StudyError:
    """What is said about a record that cannot be used."""
    return StudyError(
        f"Line {line} of {file} is damaged: {' '.join(why.split())[:200]}. Nothing was changed. Take the file from a "
        "backup, or correct that line in a copy of it."
    )


def cut_torn_end(file: BinaryIO, at: tuple[int, int]) -> None:
    """Move behind the last whole record; what follows it is kept in a file of its own and cut off.

    Args:
        file: The journal, open for reading and writing.
        at: A number of records, and where the last of them ends: everything before is known to be whole.
    """
    end = at[1]
    for _, end in records(file, *at):  # noqa: B007 - only the last one counts
        pass
    file.seek(end)
    if torn := file.read():
        with Path(f"{file.name}.cut").open("ab") as kept:
            kept.write(torn + b"\n")
        file.truncate(end)
    file.seek(end)


def is_number(value: object) -> bool:
    """Whether it is one that a float can hold."""
    return isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**1023)


def is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_text(value: object) -> bool:
    return isinstance(value, str)


def is_mapping(value: object) -> bool:
    return isinstance(value, dict)


def are_values(value: object) -> bool:
    return value is None or (isinstance(value, list) and all(is_number(v) and not math.isnan(v) for v in value))


Check = Callable[[object], bool]
ANY: dict[str, Check] = {"worker_id": is_text}
TRIAL = ANY | {"trial_id": is_count}
STUDY = ANY | {"study_id": is_count}
FIELDS: dict[int, Mapping[str, Check]] = {
    JournalOperation.CREATE_STUDY: ANY | {"study_name": is_text, "directions": lambda value: isinstance(value, list)},
    JournalOperation.DELETE_STUDY: STUDY,
    JournalOperation.SET_STUDY_USER_ATTR: STUDY | {"user_attr": is_mapping},
    JournalOperation.SET_STUDY_SYSTEM_ATTR: STUDY | {"system_attr": is_mapping},
    JournalOperation.CREATE_TRIAL: STUDY | {"datetime_start": lambda value: value is None or is_text(value)},
    JournalOperation.SET_TRIAL_PARAM: TRIAL
    | {"param_name": is_text, "param_value_internal": is_number, "distribution": is_text},
    JournalOperation.SET_TRIAL_STATE_VALUES: TRIAL | {"state": is_count, "values": are_values},
    JournalOperation.SET_TRIAL_INTERMEDIATE_VALUE: TRIAL | {"step": is_count, "intermediate_value": is_number},
    JournalOperation.SET_TRIAL_USER_ATTR: TRIAL | {"user_attr": is_mapping},
    JournalOperation.SET_TRIAL_SYSTEM_ATTR: TRIAL | {"system_attr": is_mapping},
    JournalOperation.DISCARD_TRIALS: ANY,
}
"""What the record of each operation must hold for Optuna to follow it."""


def parse(line: bytes) -> PlainDict:
    """A record.

    Raises:
        ValueError, RecursionError: It is none, or has no line end.
    """
    if not line.endswith(b"\n"):
        raise ValueError("it has no end")
    try:
        record = from_json(line)
    except ValueError:  # what it alone does not read: halves of a pair of surrogates, numbers of many digits
        record = json.loads(line.decode())
    if not isinstance(record, dict):
        raise ValueError("it is no record")  # noqa: TRY004 - of the file, not of an argument
    operation = record.get("op_code")
    if not is_count(operation) or operation not in FIELDS:
        raise ValueError(f"op_code = {str(operation)[:40]!r} is no operation of a journal")
    for name, holds in FIELDS[operation].items():
        if name not in record or not holds(record[name]):
            raise ValueError(f"{name} = {str(record.get(name))[:40]!r} cannot be")
    if operation == JournalOperation.CREATE_TRIAL and not (
        are_values(record.get("values")) and (record.get("value") is None or is_number(record["value"]))
    ):
        raise ValueError("the values of its trial are no numbers")
    return record


def check_beginning(path: Path) -> None:
    """Refuse somebody else's file before it is written to; a first record may be cut off by a kill.

    Raises:
        ValueError: It begins like no journal.
    """
    if path.exists():
        with path.open("rb") as file:
            beginning = file.read(len(RECORD))
        if not RECORD.startswith(beginning):
            raise ValueError(f"it begins with {beginning.decode(errors='replace')!r}, which is no record of a journal")
