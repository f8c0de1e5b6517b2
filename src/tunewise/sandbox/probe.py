"""Which sandbox holds on this machine: each backend is tried with hostile code before it is trusted.

A backend may be installed and yet not hold: user namespaces switched off, an old kernel, a container that filters
system calls. So nothing is concluded from versions; programs that try to get out are run, once in each process.
"""

from __future__ import annotations

import secrets
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from tunewise.errors import SandboxUnavailable
from tunewise.sandbox.base import Limits, Sandbox
from tunewise.sandbox.bubblewrap import BubblewrapSandbox
from tunewise.sandbox.folder import clear_leftovers
from tunewise.sandbox.hostile import PROGRAM
from tunewise.sandbox.landlock import LandlockSandbox
from tunewise.sandbox.unsafe import UnsafeSandbox
from tunewise.sandbox.warm import WarmSandbox

__all__ = ["BACKENDS", "find_sandbox", "probe", "verdict", "warm_sandbox"]

BACKENDS: tuple[Callable[[], Sandbox], ...] = (BubblewrapSandbox, LandlockSandbox)
"""In the order of preference."""

NAMELESS = """
import os, time
kept = [open(f"f{i}", "wb", buffering=0) for i in range(8)]
for i, file in enumerate(kept):
    os.unlink(f"f{i}")
    file.write(bytes(4 << 20))
time.sleep(2)
respond(1)
"""
"""Keeps 32 MiB in files without a name, long enough for whoever looks."""
QUICK = Limits(wall_s=20, cpu_s=10, memory_mb=1024)


def find_sandbox(*, unsafe: bool = False) -> Sandbox:
    """The first backend that holds hostile programs on this machine.

    Args:
        unsafe: Take none at all instead, with a loud warning.

    Raises:
        SandboxUnavailable: None holds. The message says of each what is missing.
    """
    clear_leftovers()
    if unsafe:
        return UnsafeSandbox()
    reasons = []
    for backend in BACKENDS:
        if not (reason := verdict(backend)):
            return backend()
        reasons.append(reason)
    raise SandboxUnavailable(
        "No sandbox holds generated code here, so none of it is run. "
        + " ".join(reasons)
        + " Or run with --unsafe-no-sandbox, if the code may do whatever you may."
    )


def warm_sandbox(modules: Sequence[str] = (), *, warm_up: str = "") -> WarmSandbox:
    """A warm parent process that has been tried like the other backends; to be closed.

    Args:
        modules: What it imports.
        warm_up: What it runs once afterwards, trusted.

    Raises:
        SandboxUnavailable: This machine cannot have one. `find_sandbox` may still find a cold one.
    """
    clear_leftovers()
    if reason := verdict(LandlockSandbox):
        raise SandboxUnavailable(reason)
    warm = WarmSandbox(modules, warm_up=warm_up)
    try:
        escaped = probe(warm)
    except BaseException:
        warm.close()
        raise
    if escaped:
        warm.close()
        raise SandboxUnavailable(f"{warm.name} does not hold here: {escaped}.")
    return warm


@cache
def verdict(backend: Callable[[], Sandbox]) -> str:
    """Why a backend cannot be trusted on this machine, "" if it can; found out once in a process."""
    try:
        sandbox = backend()
    except SandboxUnavailable as error:
        return str(error)
    try:
        escaped = probe(sandbox)
    except SandboxUnavailable as error:
        return str(error)
    except OSError as error:  # what the kernel does not let us do for it
        return f"{sandbox.name} cannot be set up here: {error}."
    return f"{sandbox.name} is there but does not hold: {escaped}." if escaped else ""


def probe(sandbox: Sandbox) -> str:
    """Run hostile programs, and say what they achieved, "" for nothing.

    Raises:
        SandboxUnavailable: The sandbox cannot be set up.
    """
    witness = secrets.token_hex(16)
    with ExitStack() as stack:
        outside = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tunewise-probe-")))
        outside.chmod(0o777)  # what keeps a program away must be the sandbox
        secret = outside / "secret"
        secret.write_text(witness, "utf-8")
        secret.chmod(0o666)
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        neighbour = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", "input()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"WITNESS": witness},
        )
        stack.callback(neighbour.communicate)
        arguments = {
            "port": server.getsockname()[1],
            "secret": str(secret),
            "parent": neighbour.pid,
            "witness": witness,
        }
        outcome = sandbox.run(PROGRAM, arguments=arguments, limits=QUICK)
        if outcome.error or outcome.result != []:
            return outcome.error or f"a program could {', '.join(map(str, outcome.result or ['not answer']))}"
        if list(outside.iterdir()) != [secret] or neighbour.poll() is not None:
            return "a program could write outside, or end another process"
    return limits_hold(sandbox)


def limits_hold(sandbox: Sandbox) -> str:
    """Why the limits of memory, time and files do not hold; empty when they do."""
    memory = sandbox.run("x = bytearray(1 << 30)\nrespond(1)", limits=Limits(wall_s=20, memory_mb=900))
    if memory.result is not None:
        return "a program could use more memory than its limit"
    endless = sandbox.run("respond(1)\nwhile True: pass", limits=Limits(wall_s=1, cpu_s=5))
    if not endless.error or endless.seconds > 10:
        return "a program could run longer than its limit"
    nameless = sandbox.run(NAMELESS, limits=Limits(wall_s=20, disk_mb=8, file_mb=4))
    if nameless.result is not None:
        return (
            "a program could keep more in files without a name than its limit. Where this runs as root in a "
            "container, run as an ordinary user, or allow CAP_SYS_PTRACE"
        )
    large = sandbox.run("open('f', 'wb').write(bytes(3 << 20))\nrespond(1)", limits=Limits(wall_s=20, file_mb=2))
    return "a program could write a larger file than its limit" if large.result is not None else ""
