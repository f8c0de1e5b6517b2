"""The work folder of a run: made, measured while a hostile program fills it, and removed whatever is in it."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import stat
import tempfile
import time
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tunewise.errors import UsageError

__all__ = ["claimed_folder", "clear_away", "clear_leftovers", "hidden_bytes", "remove", "used_bytes", "work_folder"]

logger = logging.getLogger("tunewise")

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
SPARE_USERS = range(61184, 65520)
"""Users that systemd keeps for passing services; no file is theirs, but what root's programs write."""
SMALLEST = 4096
"""What a file or a link is counted with at least, bytes."""
SMALLEST_FOLDER = 65536
"""What a folder is counted with, bytes: some file systems take milliseconds to remove one."""


PREFIX = "tunewise-sandbox-"


@contextmanager
def claimed_folder(within: str | None = None) -> Iterator[str]:
    """A new folder that is gone afterwards: by us, or by `clear_leftovers` of a later process if we are killed.

    It is locked while this lasts. The kernel takes the lock away from a process that ends, however it ends.
    """
    while True:
        folder = os.path.realpath(tempfile.mkdtemp(prefix=PREFIX, dir=within))
        claim = claimed(folder)
        if claim is not None:
            break
    try:
        yield folder
    finally:
        if Path(folder).exists():
            clear_away(folder)
        os.close(claim)


def claimed(folder: str) -> int | None:
    """The descriptor that locks a folder; None if another process has it, or has removed it already."""
    try:
        claim = os.open(folder, FOLDER | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(claim), os.lstat(folder)):
            return claim
    except OSError:
        pass
    os.close(claim)
    return None


def clear_leftovers() -> None:
    """Remove the folders of our own user's processes that were killed before they could."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):
            if path.lstat().st_uid not in owners() or (claim := claimed(str(path))) is None:
                continue
            try:
                remove(os.path.realpath(path))
            finally:
                os.close(claim)


def owners() -> Container[int]:
    """Whose folders are ours: this user's, and root's programs'."""
    uid = os.geteuid()
    return {uid, *SPARE_USERS} if uid == 0 else {uid}


@contextmanager
def work_folder(files: Mapping[str, bytes], *, uid: int | None, within: str | None = None) -> Iterator[str]:
    """A folder that holds these files, belongs to this user, and is gone afterwards.

    Raises:
        UsageError: A name is not a plain file name.
    """
    with claimed_folder(within) as folder:
        for name, content in files.items():
            if name in {"", ".", ".."} or {"/", "\0"} & set(name):
                raise UsageError(f"{name!r} cannot lie in a work folder. Give a plain file name, without a folder.")
            path = Path(folder, name)
            path.write_bytes(content)
            if uid is not None:
                os.chown(path, uid, uid)
        if uid is not None:
            os.chown(folder, uid, uid)
        yield folder


def used_bytes(folder: str, most: int) -> int:
    """What lies in a folder, without following links; counts on only until there is more than `most`.

    Raises:
        OSError: A part of it cannot be looked into: too deep, or barred. A program that makes such things is hiding.
    """
    total, folders = 0, [folder]
    while folders and total <= most:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    total += max(SMALLEST, _blocks(entry))
                    if entry.is_dir(follow_symlinks=False):
                        total += SMALLEST_FOLDER
                        folders.append(entry.path)
                    if total > most:
                        break
        except OSError as error:
            if error.errno not in {errno.ENOENT, errno.ENOTDIR}:  # removed or replaced while we look
                raise
    return total


def _blocks(entry: os.DirEntry[str]) -> int:
    with suppress(FileNotFoundError):
        return entry.stat(follow_symlinks=False).st_blocks * 512
    return 0


def hidden_bytes(pid: int, folder: str, largest: int) -> int:
    """What a process keeps in files that have no name any more, as far as we may look.

    Of a file that is kept by a mapping alone the size cannot be seen; it counts with the largest that there can be. Its
    threads share all this. The first of them may have left, and what is asked of the process is asked of that one.
    """
    kept, thread = set(), living_thread(pid)
    with suppress(OSError), Path(thread, "maps").open("rb") as lines:
        for line in lines:
            *_, device, inode, path = line.split(maxsplit=5) if line.count(b" ") > 5 else (b"", b"", b"")
            if path.startswith(os.fsencode(folder) + b"/") and path.rstrip().endswith(b" (deleted)"):
                kept.add((device, inode))
    total = len(kept) * largest
    with suppress(OSError):
        for descriptor in Path(thread, "fd").iterdir():
            with suppress(OSError):
                found = descriptor.stat()
                if stat.S_ISREG(found.st_mode) and not found.st_nlink:
                    total += found.st_blocks * 512
    return total


def living_thread(pid: int) -> str:
    """The folder that tells of a thread of a process: the first one that has not ended."""
    first = f"/proc/{pid}"
    with suppress(OSError):
        for thread in (first, *map(str, Path(first, "task").iterdir())):
            with suppress(OSError), Path(thread, "maps").open("rb") as lines:
                if lines.readline():
                    return thread
    return first


def clear_away(folder: str) -> None:
    """Remove a folder, with patience for the last moments of what ran there; what cannot be removed is told."""
    for _ in range(50):
        try:
            return remove(folder)
        except OSError as error:
            reason = error
            time.sleep(0.02)
    logger.warning("The work folder %s cannot be removed (%s). Remove it by hand.", folder, reason)
    return None


def remove(folder: str) -> None:
    """Remove a folder in which nothing runs any more: any names, permissions, links and depth.

    One descriptor walks down and up again by "..": no path grows long and nothing recurses.
    """
    above, name = os.path.split(folder)
    here = os.open(above, FOLDER)
    try:
        here, waiting = enter(here, name)
        path = [(name, waiting)]
        while path:
            name, waiting = path[-1]
            if waiting:
                name = waiting.pop()
                here, inside = enter(here, name)
                path.append((name, inside))
            else:
                here = replace(here, os.open("..", FOLDER, dir_fd=here))
                os.rmdir(name, dir_fd=here)
                path.pop()
    finally:
        os.close(here)


def enter(here: int, name: str) -> tuple[int, list[str]]:
    """Go down into a folder and remove its files; where we are then, and the folders in it."""
    os.chmod(name, 0o700, dir_fd=here)
    inside = os.open(name, FOLDER | os.O_NOFOLLOW, dir_fd=here)
    try:
        folders = remove_files(inside)
    except BaseException:
        os.close(inside)
        raise
    os.close(here)
    return inside, folders


def remove_files(here: int) -> list[str]:
    """Remove the files of a folder; the folders in it."""
    folders = []
    with os.scandir(here) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            else:
                os.unlink(entry.name, dir_fd=here)
    return folders


def replace(old: int, new: int) -> int:
    """Close one descriptor in favour of another."""
    os.close(old)
    return new
