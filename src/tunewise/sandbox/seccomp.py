"""The filter of system calls, assembled by us, so that nothing need be installed for it.

A filter is a classic BPF program that the kernel runs at each system call of the thread and of whatever it starts. It
cannot be taken off again. `syscalls.py` says which calls it lets pass.
"""

from __future__ import annotations

import errno
import platform
import struct
from collections.abc import Iterable, Iterator, Sequence

from tunewise.sandbox import syscalls

__all__ = ["assemble", "known_machine"]

Instruction = tuple[int, int, int, int]
"""Operation, steps to skip if true, steps to skip if false, operand: `struct sock_filter`."""

LOAD, AND, EQUAL, AT_LEAST, RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
NUMBER, MACHINE = 0, 4  # offsets in `struct seccomp_data`
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
EPERM = ERRNO | errno.EPERM
AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
X32 = 0x40000000  # numbers from here on are x86_64's second table

CLONE_THREAD = 0x00010000
CLONE_FILES = 0x00000400  # a thread with a table of descriptors of its own has limits of its own, where nobody looks
CLONE_NEW = 0x7E020080  # any new namespace: time, mount, cgroup, uts, ipc, user, pid, net
THREAD = CLONE_THREAD | CLONE_FILES
CLOSE_RANGE_ALLOWED = [0, 4]  # CLOEXEC; UNSHARE would make such a table
FCNTL_ALLOWED = [0, 1, 2, 3, 4, 9, 1030, 1032]
"""DUPFD, GETFD, SETFD, GETFL, SETFL, GETOWN, DUPFD_CLOEXEC, GETPIPE_SZ; others lock files, mark them, send signals."""
FUTEX_ALLOWED = [0, 1, 3, 4, 5, 9, 10]
"""WAIT, WAKE, REQUEUE, CMP_REQUEUE, WAKE_OP, WAIT_BITSET, WAKE_BITSET; the others wait for the process whose number
stands in the lock, whoever's it is, and so tell whether there is one."""
TMPFILE = 0o20000000  # the part of O_TMPFILE that is no O_DIRECTORY: a file without a name
IOCTL_ALLOWED = [0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451]  # TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIO(N)CLEX
PRCTL_ALLOWED = [3, 15, 16, 23, 39]  # GET_DUMPABLE, SET_NAME, GET_NAME, CAPBSET_READ, GET_NO_NEW_PRIVS


def known_machine() -> str:
    """This machine's name among `syscalls.MACHINES`, or "" when we have no numbers for it."""
    return platform.machine() if platform.machine() in syscalls.MACHINES else ""


def assemble(machine: str, pid: int, *, links: bool = True) -> bytes:
    """The filter, as an array of `struct sock_filter`.

    Args:
        machine: One of `syscalls.MACHINES`.
        pid: Of the process that will be filtered, as it sees itself: it may send signals to this one only.
        links: Whether it may read where symbolic links lead; no rule on files covers that.
    """
    table = {name: entry for part in (syscalls.ALLOWED, syscalls.FILTERED) for name, entry in part.items()}

    def judged(name: str, rules: Iterable[Instruction] = (), *, otherwise: int = EPERM) -> list[Instruction]:
        rules = list(rules)
        return [
            instruction
            for call in syscalls.numbers({name: table[name]}, machine)  # none where the machine has no such call
            for instruction in ((EQUAL, 0, len(rules) + 1, call), *rules, (RETURN, 0, 0, otherwise))
        ]

    program: list[Instruction] = [
        (LOAD, 0, 0, MACHINE),
        (EQUAL, 1, 0, AUDIT_ARCH[machine]),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER),
        *((AT_LEAST, 0, 1, X32), (RETURN, 0, 0, KILL)),
    ]
    for call in syscalls.numbers(syscalls.ALLOWED, machine):
        program += [(EQUAL, 0, 1, call), (RETURN, 0, 0, ALLOW)]
    program += judged("clone", when(0, mask=THREAD | CLONE_NEW, equal=[THREAD]))
    program += judged("close_range", when(2, equal=CLOSE_RANGE_ALLOWED))
    program += judged("kill", when(0, equal=[pid]))
    program += judged("tgkill", when(0, equal=[pid]))
    for name in ("getpgid", "getsid", "sched_getparam", "sched_getscheduler"):
        program += judged(name, when(0, equal=[0, pid]))
    program += judged("sched_getaffinity", when(0, equal=[0, pid]), otherwise=ERRNO | errno.ENOSYS)  # asked of threads
    program += judged("getpriority", [*unless(0, [0]), *when(1, equal=[0, pid])])
    for name in ("clock_gettime", "clock_getres", "clock_nanosleep", "timer_create"):
        program += judged(name, others_clock(), otherwise=ALLOW)
    program += judged("futex", when(1, mask=0x7F, equal=FUTEX_ALLOWED), otherwise=ERRNO | errno.ENOSYS)
    program += judged("prctl", when(0, equal=PRCTL_ALLOWED))
    program += judged("ioctl", when(1, equal=IOCTL_ALLOWED), otherwise=ERRNO | errno.ENOTTY)
    program += judged("fcntl", when(1, equal=FCNTL_ALLOWED))
    program += judged("prlimit64", [*unless(0, [0, pid]), *unless(2, [0], high=True), *when(2, equal=[0])])
    for name, flags in (("open", 1), ("openat", 2)):
        program += judged(name, when(flags, mask=TMPFILE, equal=[0]), otherwise=ERRNO | errno.EOPNOTSUPP)
    program += judged("fallocate", otherwise=ERRNO | errno.EOPNOTSUPP)  # the C library writes zeros then
    for name in ("readlink", "readlinkat"):
        program += judged(name, otherwise=ALLOW if links else EPERM)
    for verdict, part in ((EPERM, syscalls.REFUSED), (KILL, syscalls.KILLED)):
        for call in syscalls.numbers(part, machine):
            program += [(EQUAL, 0, 1, call), (RETURN, 0, 0, verdict)]
    program += [(RETURN, 0, 0, ERRNO | errno.ENOSYS)]
    return b"".join(struct.pack("HBBI", *instruction) for instruction in program)


def when(argument: int, *, equal: Sequence[int], mask: int = 0xFFFFFFFF, verdict: int = ALLOW) -> Iterator[Instruction]:
    """A verdict when the lower half of an argument, masked, is one of these; that half is what the kernel reads too."""
    yield (LOAD, 0, 0, 16 + 8 * argument)
    if mask != 0xFFFFFFFF:
        yield (AND, 0, 0, mask)
    for value in equal:
        yield from ((EQUAL, 0, 1, value), (RETURN, 0, 0, verdict))


def others_clock() -> Iterator[Instruction]:
    """EINVAL for a clock below 0, which holds the number of a process or of a thread: how long that has computed."""
    yield from ((LOAD, 0, 0, 16), (AT_LEAST, 0, 1, 0x80000000), (RETURN, 0, 0, ERRNO | errno.EINVAL))


def unless(argument: int, equal: Sequence[int], *, high: bool = False) -> Iterator[Instruction]:
    """EPERM unless half of an argument is one of these."""
    yield (LOAD, 0, 0, 16 + 8 * argument + (4 if high else 0))
    for i, value in enumerate(equal):
        yield (EQUAL, len(equal) - i, 0, value)
    yield (RETURN, 0, 0, EPERM)
