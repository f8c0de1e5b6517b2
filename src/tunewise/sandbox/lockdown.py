"""Locking this process down, once and for good: the same steps behind every backend.

The order matters. Limits come first, because an unprivileged user may lower but not raise them; then the user is
changed, which sheds the capabilities; then Landlock, which needs "no new privileges"; the filter of system calls comes
last, because it forbids every one of the steps before it.
"""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tunewise.sandbox import kernel
from tunewise.sandbox.seccomp import assemble, known_machine

__all__ = ["SYSTEM", "Lock", "lock_down", "reach"]

SYSTEM = (
    *("/usr", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime"),
    *("/nix/store", "/gnu/store"),
    *("/dev/zero", "/dev/random", "/dev/urandom"),
    *("/sys/devices/system/cpu", "/proc/cpuinfo", "/proc/meminfo"),
)
"""What every program may read beside its Python: shared libraries, the clock's zone, randomness, the processor's kind.

Of `/proc` nothing that belongs to a process: the parent's environment stands there.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """What is locked.

    Attributes:
        folder: The work folder: HOME, TMPDIR, working directory, and the only place that can be written.
        readable: What can be read beside it and beside `SYSTEM`.
        uid: The user and group to become, None to stay.
        limits: Resource limits by their name without `RLIMIT_`.
        landlock: Whether Landlock guards the files.
        seccomp: Whether system calls are filtered.
        cover: Whether to make what is readable reachable for that user first, see `reach`.
        disk_mb: What the work folder may hold, MiB: it is moved into memory of that size, where the kernel lets us;
            0 to leave it on the disk.
        parent: The process whose end is ours too, 0 if something else sees to that.
    """

    folder: str
    readable: Sequence[str] = ()
    uid: int | None = None
    limits: Mapping[str, int] = field(default_factory=dict)
    landlock: bool = True
    seccomp: bool = True
    cover: bool = False
    disk_mb: int = 0
    parent: int = 0


def lock_down(lock: Lock) -> bool:
    """Lock this process, which must have one thread.

    Returns:
        Whether the kernel bounds the work folder; if not, whoever watches must.

    Raises:
        OSError: The kernel does not do one of the steps; the process must not run anything then.
    """
    if lock.cover and lock.uid is not None:
        reach([*lock.readable, lock.folder])
    bounded = bool(lock.disk_mb) and move_into_memory(lock)
    rules = None
    if lock.landlock:
        readable = dict.fromkeys((*SYSTEM, *lock.readable), kernel.READ)
        rules = kernel.restrict({**readable, "/dev/null": kernel.READ | kernel.WRITE_FILE, lock.folder: kernel.WRITE})
    for name, most in lock.limits.items():
        limit(getattr(resource, f"RLIMIT_{name}", None), most)
    if lock.uid is not None:
        become(lock.uid)
    elif lock.disk_mb:  # a namespace gives capabilities in it
        kernel.empty_bounding_set()
        kernel.drop_capabilities()
    os.umask(0o077)
    os.chdir(lock.folder)
    if lock.landlock or lock.seccomp:
        kernel.gain_nothing()
        if lock.parent:
            kernel.die_with_parent(lock.parent)
    if rules is not None:
        kernel.enforce(rules)
    if lock.seccomp:
        kernel.filter_calls(assemble(known_machine(), os.getpid(), links=not lock.landlock))
    return bounded


def move_into_memory(lock: Lock) -> bool:
    """Cover the work folder with one in memory that holds the same files and has a size; whether that is possible.

    It is seen by this process only and goes with it. Whatever way a program finds to write, there is no more room:
    files without a name, pages that are mapped, space that is reserved.
    """
    uid = os.getuid() if lock.uid is None else lock.uid
    size = (lock.disk_mb << 20) + sum(path.stat().st_size for path in Path(lock.folder).iterdir())
    below = os.open(lock.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    room = f"mode=700,uid={uid},gid={uid if lock.uid else os.getgid()},size={size},nr_inodes={lock.disk_mb << 8}"
    try:
        try:
            new_mounts(lock)
            kernel.mount_tmpfs(lock.folder, room)
        except OSError:
            return False
        for name in os.listdir(below):  # noqa: PTH208 - its path leads elsewhere by now
            with (
                os.fdopen(os.open(name, os.O_RDONLY, dir_fd=below), "rb") as file,
                Path(lock.folder, name).open("wb") as copy,
            ):
                shutil.copyfileobj(file, copy)
                os.fchmod(copy.fileno(), 0o644)
    finally:
        os.close(below)
    return True


def new_mounts(lock: Lock) -> None:
    """Leave for mounts of our own.

    Raises:
        OSError: This user, or this machine, may not have any.
    """
    try:
        kernel.private_mounts()
    except PermissionError:
        if lock.uid is not None:  # in a user namespace there would be no other user to become
            raise
        kernel.own_mounts()


def limit(which: int | None, most: int) -> None:
    """Set a limit, soft and hard, never above what is in force already; processor time has a second between them."""
    if which is None:  # not on this system
        return
    _, ceiling = resource.getrlimit(which)
    soft, hard = most, most + (which == resource.RLIMIT_CPU)
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), min(hard, ceiling)
    resource.setrlimit(which, (soft, hard))


def become(uid: int) -> None:
    """Become another user for good, without groups and without capabilities."""
    kernel.empty_bounding_set()
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    kernel.drop_capabilities()


def reach(paths: Sequence[str]) -> None:
    """Make these paths readable for users who may not pass a folder above them (a Python below /root).

    In a mount namespace of its own, each folder that bars the way is covered with an empty one, in which only these
    paths appear: whatever else was in it is out of reach for root as well.
    """
    wanted = dict.fromkeys(Path(path).resolve() for path in paths if Path(path).exists())
    barred = [(path, barrier) for path in wanted if (barrier := _barrier(path))]
    if not barred:
        return
    os.umask(0o022)
    try:
        kernel.private_mounts()
    except OSError as error:
        path, barrier = barred[0]
        raise PermissionError(
            f"{path} lies below {barrier}, which an unprivileged user may not pass, and it cannot be shown elsewhere "
            f"({error}). Install Python and its packages outside of it, or do not run as root."
        ) from error
    places = [(path, os.open(path, os.O_PATH | os.O_CLOEXEC)) for path, _ in barred]  # in the new namespace
    for barrier in {barrier for _, barrier in barred}:
        kernel.mount_tmpfs(barrier)
    for path, place in places:
        if Path(f"/proc/self/fd/{place}").is_dir():
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        kernel.bind(place, str(path))
        os.close(place)
    for barrier in {barrier for _, barrier in barred}:
        kernel.seal_tmpfs(barrier)


def _barrier(path: Path) -> str:
    """The topmost folder above a path that others may not pass, or "" if there is none."""
    return next((str(folder) for folder in reversed(path.parents) if not folder.stat().st_mode & 0o001), "")
