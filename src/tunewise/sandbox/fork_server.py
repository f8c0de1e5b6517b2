"""The warm process behind `WarmSandbox`: it imports, then forks a child for each job and tells how the child ended.

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
from dataclasses import dataclass
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
    ForkServer(control).serve()


@dataclass(frozen=True, slots=True)
class Spare:
    """A child that waits for its job; forked ahead, because a fork of much memory takes longer than all the rest."""

    pid: int
    post: socket.socket


class ForkServer:
    """Children by the socket on which their fate is told."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        self.children: dict[socket.socket, int] = {}
        self.spare: Spare | None = None
        self.selector = selectors.DefaultSelector()
        self.alarm, self.ring = socket.socketpair()
        for end in (self.alarm, self.ring):
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.ring.fileno(), warn_on_full_buffer=False)
        for end in (control, self.alarm):
            self.selector.register(end, selectors.EVENT_READ)

    def serve(self) -> None:
        """Until the owner is gone."""
        while True:
            self.spare = self.spare or fork_spare()
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
        spare, self.spare = self.spare or fork_spare(), None
        if spare is None:
            teller.close()  # no more processes; the owner hears that by the silence
        else:
            with suppress(OSError):  # it has died meanwhile: the end is told soon
                socket.send_fds(spare.post, [b"job"], streams)
            spare.post.close()
            self.children[teller] = spare.pid
            self.selector.register(teller, selectors.EVENT_READ)
            with suppress(OSError):
                teller.send(str(spare.pid).encode())
        for descriptor in streams:
            os.close(descriptor)
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
        if self.spare and os.waitpid(self.spare.pid, os.WNOHANG)[0]:
            self.spare.post.close()
            self.spare = None


def fork_spare() -> Spare | None:
    """Fork a child that waits for a job; None when there can be no more processes."""
    post, theirs = socket.socketpair()
    with theirs:
        try:
            pid = os.fork()
        except OSError:
            post.close()
            return None
        if pid == 0:
            wait_for_job(theirs)
        return Spare(pid, post)


def wait_for_job(post: socket.socket) -> NoReturn:
    """The life of a child; without a job it ends when its parent does."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        os.closerange(post.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
        os.closerange(3, post.fileno())
        _, descriptors, _, _ = socket.recv_fds(post, 16, DESCRIPTORS)
        job, answer, stdout, stderr = descriptors
        os.dup2(stdout, 1)
        os.dup2(stderr, 2)
        work(job, answer)
    finally:
        os._exit(1)
