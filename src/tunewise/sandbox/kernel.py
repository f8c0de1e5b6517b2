"""System calls that Python does not offer, each with the errors of the operating system as `OSError`."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Mapping
from functools import cache
from pathlib import Path

__all__ = [
    "bind",
    "die_with_parent",
    "drop_capabilities",
    "empty_bounding_set",
    "enforce",
    "filter_calls",
    "gain_nothing",
    "landlock_abi",
    "mount_tmpfs",
    "own_mounts",
    "private_mounts",
    "restrict",
    "seal_tmpfs",
]

LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446  # the same on every machine
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 1, 24, 38, 22
SIGKILL = 9

READ_FILE, READ_DIR = 1 << 2, 1 << 3
WRITE_FILE, REMOVE, MAKE = 1 << 1, 1 << 4 | 1 << 5, 1 << 7 | 1 << 8 | 1 << 12  # folders, regular files, symlinks
REFER, TRUNCATE = 1 << 13, 1 << 14
READ = READ_FILE | READ_DIR
WRITE = READ | WRITE_FILE | REMOVE | MAKE | REFER | TRUNCATE


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")
    return result


def _syscall(number: int, *arguments: object, what: str) -> int:
    return _checked(_library().syscall(ctypes.c_long(number), *arguments), what)


def prctl(option: int, *arguments: object) -> None:
    """Set a property of this process; whatever is not given is 0."""
    filled = [*arguments, *[ctypes.c_ulong(0)] * (4 - len(arguments))]
    _checked(_library().prctl(ctypes.c_int(option), *filled), f"prctl {option}")


def landlock_abi() -> int:
    """The version of Landlock that this kernel speaks, 0 when it has none."""
    try:
        return _syscall(LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1), what="Landlock")
    except (OSError, AttributeError):  # AttributeError: no `syscall` in the C library
        return 0


def restrict(rights: Mapping[str, int]) -> int:
    """A Landlock rule set that grants these rights beneath these paths and nothing else; `enforce` puts it in force.

    It covers every right on files that the kernel knows, TCP, and from ABI 6 on signals and abstract sockets.
    Paths that do not exist are left out.
    """
    abi = landlock_abi()
    files = (1 << (16 if abi >= 5 else 15)) - 1
    handled = struct.pack("QQQ", files, 3, 3)[: 24 if abi >= 6 else 16]
    size = ctypes.c_size_t(len(handled))
    rules = _syscall(LANDLOCK_CREATE, handled, size, ctypes.c_uint32(0), what="Landlock rule set")
    for path, right in rights.items():
        try:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:  # not there, or out of reach anyway
            continue
        if not Path(path).is_dir():
            right &= READ_FILE | WRITE_FILE | TRUNCATE
        rule = struct.pack("=Qi", right, place)
        _syscall(LANDLOCK_ADD, ctypes.c_int(rules), ctypes.c_int(1), rule, ctypes.c_uint32(0), what=f"rule {path}")
        os.close(place)
    return rules


def enforce(rules: int) -> None:
    """Put a Landlock rule set in force for this thread and what it starts, for good."""
    _syscall(LANDLOCK_RESTRICT, ctypes.c_int(rules), ctypes.c_uint32(0), what="Landlock")
    os.close(rules)


def filter_calls(program: bytes) -> None:
    """Install a seccomp filter for this thread and what it starts, for good."""
    code = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    prctl(PR_SET_SECCOMP, ctypes.c_ulong(2), head)


def gain_nothing() -> None:
    """No program that is started gains rights (setuid bits, file capabilities); needed for all the rest."""
    prctl(PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1))


def die_with_parent(parent: int) -> None:
    """Be killed when the parent ends; at once if it has ended already."""
    prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(SIGKILL))
    if os.getppid() != parent:
        os._exit(1)


def empty_bounding_set() -> None:
    """Let no capability come back; needs CAP_SETPCAP, and without it there is none to come back."""
    for capability in range(64):
        try:
            prctl(PR_CAPBSET_DROP, ctypes.c_ulong(capability))
        except OSError:
            return


def drop_capabilities() -> None:
    """Give up every capability."""
    version_3 = struct.pack("Ii", 0x20080522, 0)
    _checked(_library().capset(version_3, bytes(24)), "capset")


def private_mounts() -> None:
    """Leave for a mount namespace of its own, from which nothing spreads; needs CAP_SYS_ADMIN."""
    _checked(_library().unshare(ctypes.c_int(CLONE_NEWNS)), "mount namespace")
    _mount(b"none", "/", None, MS_REC | MS_PRIVATE)


def own_mounts() -> None:
    """Leave for a mount namespace without that capability: a user namespace first, in which they are who they are."""
    uid, gid = os.getuid(), os.getgid()
    _checked(_library().unshare(ctypes.c_int(CLONE_NEWNS | CLONE_NEWUSER)), "user namespace")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        Path("/proc/self", name).write_text(text)
    _mount(b"none", "/", None, MS_REC | MS_PRIVATE)


def mount_tmpfs(path: str, options: str = "mode=711,size=1m") -> None:
    """An empty folder over a folder, in which everybody may look for names they know, unless other options say."""
    _mount(b"tmpfs", path, b"tmpfs", MS_NOSUID | MS_NODEV, options.encode())


def seal_tmpfs(path: str) -> None:
    """Nothing can be added to it any more."""
    _mount(b"tmpfs", path, None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV)


def bind(descriptor: int, path: str) -> None:
    """Show what a descriptor stands for at another path too."""
    _mount(f"/proc/self/fd/{descriptor}".encode(), path, None, MS_BIND | MS_REC)


def _mount(source: bytes, target: str, kind: bytes | None, flags: int, options: bytes | None = None) -> None:
    mount = _library().mount
    _checked(mount(source, os.fsencode(target), kind, ctypes.c_ulong(flags), options), f"mount at {target}")
