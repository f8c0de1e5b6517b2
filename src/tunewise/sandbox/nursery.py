"""The warm process behind `Zygote`: it imports, then forks a child for each job and tells how the child ended.

It runs nothing but what its owner told it at the start. A job's content goes past it: it hands the descriptors to the
child, which reads them after the fork, so nothing of one job is in the memory of the next. When its owner is gone, it
kills its children and ends.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import socket
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from tunewise.sandbox.guest import work
from tunewise.sandbox.lockdown import reach

__all__ = ["main"]

DESCRIPTORS = 5  # job, answer, stdout, stderr, and where to tell about the child
LARGEST_SETUP = 1 << 16


def main() -> None:
    """Warm up as the first message says, then serve; the descriptor of the socket stands on the command line."""
    control = socket.socket(fileno=int(sys.argv[1]))
    setup = json.loads(control.recv(LARGEST_SETUP))
    try:
        reach(setup["cover"])
        sys.path[:] = setup["sys_path"]
        for module in setup["modules"]:
            import_module(module)
        exec(compile(setup["warm_up"], "warm_up.py", "exec"), {})  # noqa: S102 - our owner's own text
        running = len(list(Path("/proc/self/task").iterdir()))
        if running > 1:
            raise RuntimeError(f"{running - 1} threads are still running, and a fork would lose them")  # noqa: TRY301
    except Exception as error:  # noqa: BLE001 - importing runs anybody's code
        control.send(f"{type(error).__name__}: {error}".encode()[:LARGEST_SETUP])
        return
    sys.modules.pop("__main__", None)
    gc.collect()
    gc.freeze()  # what is here already is never looked at again, and so not copied in the children
    control.send(b"ready")
    Nursery(control).serve()


class Nursery:
    """Children by the socket on which their fate is told."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.children: dict[socket.socket, int] = {}
        self.selector = selectors.DefaultSelector()
        self.alarm, ring = socket.socketpair()
        for end in (self.alarm, ring):
            end.setblocking(False)
        self.ring = ring
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(ring.fileno(), warn_on_full_buffer=False)
        for end in (control, self.alarm):
            self.selector.register(end, selectors.EVENT_READ)

    def serve(self) -> None:
        """Until the owner is gone."""
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is self.control:
                    if not self.receive():
                        for child in self.children.values():
                            os.kill(child, signal.SIGKILL)
                        return
                elif key.fileobj is self.alarm:
                    self.alarm.recv(4096)
                    self.bury()
                elif (child := self.children.get(key.fileobj)) is not None:  # type: ignore[call-overload]
                    self.selector.unregister(key.fileobj)  # its owner has hung up; it is not waited for yet, so it is
                    os.kill(child, signal.SIGKILL)  # certainly the process that has this number

    def receive(self) -> bool:
        """Take a job; False when there will be no more."""
        message, descriptors, _, _ = socket.recv_fds(self.control, 16, DESCRIPTORS)
        if not message or len(descriptors) != DESCRIPTORS:
            return False
        *streams, fate = descriptors
        teller = socket.socket(fileno=fate)
        with suppress(OSError):  # no more processes: the teller is closed without a word
            child = os.fork()
            if child == 0:
                begin(*streams)
            self.children[teller] = child
            self.selector.register(teller, selectors.EVENT_READ)
            with suppress(OSError):
                teller.send(str(child).encode())
        for descriptor in streams:
            os.close(descriptor)
        if teller not in self.children:
            teller.close()
        return True

    def bury(self) -> None:
        """Tell how children ended that have ended."""
        for teller, child in list(self.children.items()):
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                with suppress(OSError):
                    teller.send(str(os.waitstatus_to_exitcode(status)).encode())
                with suppress(KeyError):
                    self.selector.unregister(teller)
                teller.close()
                del self.children[teller]


def begin(job: int, answer: int, stdout: int, stderr: int) -> NoReturn:
    """The life of a child."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        os.dup2(stdout, 1)
        os.dup2(stderr, 2)
        work(job, answer)
    finally:
        os._exit(1)
