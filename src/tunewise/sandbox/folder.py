"""The work folder of a run: made, measured while a hostile program fills it, and removed whatever is in it."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tunewise.errors import UsageError

__all__ = ["hidden_bytes", "remove", "used_bytes", "work_folder"]

SMALLEST = 4096
"""What a file, a folder or a link is counted with at least, bytes."""


@contextmanager
def work_folder(files: Mapping[str, bytes], *, uid: int | None, within: str | None = None) -> Iterator[str]:
    """A folder that holds these files, belongs to this user, and is gone afterwards.

    Raises:
        UsageError: A name is not a plain file name.
    """
    folder = os.path.realpath(tempfile.mkdtemp(prefix="tunewise-", dir=within))
    try:
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
    finally:
        remove(folder)


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


def hidden_bytes(pid: int) -> int:
    """What a process keeps in files that have no name any more, as far as we may look."""
    total = 0
    with suppress(OSError):
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            with suppress(OSError):
                found = os.stat(f"/proc/{pid}/fd/{descriptor}")
                if stat.S_ISREG(found.st_mode) and not found.st_nlink:
                    total += found.st_blocks * 512
    return total


def remove(folder: str) -> None:
    """Remove a folder in which nothing runs any more: any names, permissions, links and depth.

    Each folder within is moved to the top before it is emptied, so no path grows long and nothing recurses.
    """
    waiting = [os.fsencode(folder)]
    top = waiting[0]
    while waiting:
        current = waiting.pop()
        os.chmod(current, 0o700)  # noqa: PTH101 - bytes, which pathlib does not take; a folder, never a link
        with os.scandir(current) as entries:
            for entry in list(entries):
                if not entry.is_dir(follow_symlinks=False):
                    os.unlink(entry.path)  # noqa: PTH108
                    continue
                os.chmod(entry.path, 0o700)  # noqa: PTH101 - to be moved, it must be writable
                waiting.append(os.path.join(top, secrets.token_hex(16).encode()))  # noqa: PTH118
                os.rename(entry.path, waiting[-1])  # noqa: PTH104
        if current != top:
            os.rmdir(current)  # noqa: PTH106
    os.rmdir(top)  # noqa: PTH106
