"""The filter, run by a small interpreter of BPF, for both machines: one of them is not at hand."""

from __future__ import annotations

import errno
import struct

import pytest

from tunewise.sandbox import seccomp, syscalls

ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
EPERM, ENOSYS, ENOTTY = ERRNO | errno.EPERM, ERRNO | errno.ENOSYS, ERRNO | errno.ENOTTY
OWN = 4711


def verdict(machine: str, number: int, *arguments: int, arch: int | None = None) -> int:
    """What the filter answers to a call."""
    arch = seccomp.AUDIT_ARCH[machine] if arch is None else arch
    filled = [a & 0xFFFFFFFFFFFFFFFF for a in (*arguments, *[0] * 6)][:6]
    data = struct.pack("=IIQ6Q", number, arch, 0, *filled)
    program = list(struct.iter_unpack("HBBI", seccomp.assemble(machine, OWN)))
    assert len(program) <= 4096
    accumulator, at = 0, 0
    while True:
        operation, yes, no, operand = program[at]
        at += 1
        match operation:
            case 0x20:
                (accumulator,) = struct.unpack_from("=I", data, operand)
            case 0x54:
                accumulator &= operand
            case 0x15:
                at += yes if accumulator == operand else no
            case 0x35:
                at += yes if accumulator >= operand else no
            case 0x06:
                return int(operand)
            case _:
                pytest.fail(f"unknown operation {operation:#x}")


@pytest.fixture(params=syscalls.MACHINES)
def machine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def number(machine: str, name: str) -> int:
    tables = {**syscalls.ALLOWED, **syscalls.REFUSED, **syscalls.KILLED, **syscalls.FILTERED}
    (found,) = syscalls.numbers({name: tables[name]}, machine)
    return found


def test_every_call_of_the_tables_is_judged_as_they_say(machine: str) -> None:
    for table, expected in ((syscalls.ALLOWED, ALLOW), (syscalls.REFUSED, EPERM), (syscalls.KILLED, KILL)):
        assert {verdict(machine, n) for n in syscalls.numbers(table, machine)} == {expected}


def test_no_number_stands_twice(machine: str) -> None:
    tables = (syscalls.ALLOWED, syscalls.REFUSED, syscalls.KILLED, syscalls.FILTERED)
    numbers = [n for table in tables for n in syscalls.numbers(table, machine)]
    assert len(numbers) == len(set(numbers)) > 250


def test_calls_of_the_future_do_not_exist(machine: str) -> None:
    assert verdict(machine, 999) == ENOSYS
    assert verdict(machine, 435) == ENOSYS  # clone3, whose arguments a filter cannot see


def test_other_tables_of_calls_end_the_program(machine: str) -> None:
    for other in {*seccomp.AUDIT_ARCH.values(), 0x40000003} - {seccomp.AUDIT_ARCH[machine]}:
        assert verdict(machine, number(machine, "getpid"), arch=other) == KILL
    assert verdict(machine, 0x40000000) == verdict(machine, 0x40000029) == verdict(machine, 0xFFFFFFFF) == KILL


@pytest.mark.parametrize("name", ["kill", "tgkill"])
def test_signals_reach_nobody_else(machine: str, name: str) -> None:
    call = number(machine, name)
    assert verdict(machine, call, OWN, 9) == ALLOW
    for target in (0, 1, -1, -OWN, OWN - 1):
        assert verdict(machine, call, target, 9) == EPERM


def test_threads_may_be_started_and_processes_not(machine: str) -> None:
    clone = number(machine, "clone")
    assert verdict(machine, clone, 0x3D0F00) == ALLOW  # what pthread_create asks for
    for flags in (17, 0x1200011, 0x4111, 0x10000000 | 17, 0x10000 | 0x10000000, 0x10000 | 0x80):
        assert verdict(machine, clone, flags) == EPERM


def test_limits_are_read_and_not_set(machine: str) -> None:
    call = number(machine, "prlimit64")
    assert verdict(machine, call, 0, 7, 0, 0x7FFFFFFF0000) == verdict(machine, call, OWN, 7, 0, 1) == ALLOW
    assert verdict(machine, call, OWN - 1, 7, 0, 1) == EPERM
    assert verdict(machine, call, 0, 7, 0x7FFF00000000, 0) == verdict(machine, call, 0, 7, 0x1000, 0) == EPERM


def test_descriptors_send_no_signals_and_terminals_get_no_input(machine: str) -> None:
    fcntl, ioctl, prctl = (number(machine, name) for name in ("fcntl", "ioctl", "prctl"))
    assert {verdict(machine, fcntl, 3, command) for command in (0, 1, 2, 3, 4, 1030)} == {ALLOW}
    refused = (5, 6, 7, 8, 10, 15, 36, 37, 38, 1024, 1026, 1031, 1033, 1036, 1038, 1099)
    assert {verdict(machine, fcntl, 3, command) for command in refused} == {EPERM}
    assert (verdict(machine, ioctl, 0, 0x5401), verdict(machine, ioctl, 0, 0x5412)) == (ALLOW, ENOTTY)
    assert {verdict(machine, prctl, option) for option in (1, 4, 22, 24, 38, 0x59616D61)} == {EPERM}


@pytest.mark.parametrize("name", ["getpgid", "getsid", "sched_getparam", "sched_getscheduler", "sched_getaffinity"])
def test_nobody_else_is_looked_at(machine: str, name: str) -> None:
    call, refusal = number(machine, name), ENOSYS if name == "sched_getaffinity" else EPERM
    assert verdict(machine, call, 0) == verdict(machine, call, OWN) == ALLOW
    assert {verdict(machine, call, other) for other in (1, OWN - 1, -1)} == {refusal}


def test_no_lock_names_its_holder(machine: str) -> None:
    call = number(machine, "futex")
    assert {verdict(machine, call, 1, kind | private) for kind in (0, 1, 3, 4, 5, 9, 10) for private in (0, 128)} == {
        ALLOW
    }
    assert verdict(machine, call, 1, 9 | 256) == ALLOW  # by the clock of the day
    assert {verdict(machine, call, 1, kind | private) for kind in (2, 6, 7, 8, 11, 12, 13) for private in (0, 128)} == {
        ENOSYS
    }


def test_only_the_own_priority_is_told(machine: str) -> None:
    call = number(machine, "getpriority")
    assert verdict(machine, call, 0, 0) == verdict(machine, call, 0, OWN) == ALLOW
    assert {verdict(machine, call, *asked) for asked in ((0, 1), (1, 0), (2, 0), (2, OWN))} == {EPERM}


@pytest.mark.parametrize("name", ["clock_gettime", "clock_getres", "clock_nanosleep", "timer_create"])
def test_clocks_of_others_are_none(machine: str, name: str) -> None:
    call = number(machine, name)
    assert {verdict(machine, call, clock) for clock in range(12)} == {ALLOW}
    assert {verdict(machine, call, ~pid << 3 | kind) for pid in (1, OWN, OWN - 1) for kind in (2, 6)} == {
        ERRNO | errno.EINVAL
    }


def test_threads_share_one_table_of_descriptors(machine: str) -> None:
    """Limits and looks are about that one."""
    thread, shared, new = 0x10000, 0x400, 0x20000
    begun = [
        verdict(machine, number(machine, "clone"), flags) for flags in (thread | shared, thread, thread | shared | new)
    ]
    assert begun == [ALLOW, EPERM, EPERM]
    closing = number(machine, "close_range")
    assert [verdict(machine, closing, 3, 9, flags) for flags in (0, 4, 2, 6)] == [ALLOW, ALLOW, EPERM, EPERM]
