"""A network that stalls: connections stay open, and nothing comes through."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Relay:
    """Hands on what comes to a port of its own, as long as it is not stalled.

    Args:
        target: The port that it goes to; all of this is loopback.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._flowing = threading.Event()
        self._flowing.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections: list[socket.socket] = []
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stall(self) -> None:
        """From now on nothing comes through, either way; no connection breaks."""
        self._flowing.clear()

    def flow(self) -> None:
        """All that was held back comes through."""
        self._flowing.set()

    def break_off(self) -> None:
        """Break every connection; what was held back is lost. New ones are served."""
        lost, self._connections = self._connections, []
        for each in lost:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self.flow()

    def close(self) -> None:
        """Break every connection, and serve no other."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.break_off()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
                self._connections += [near, far]
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._hand_on, args=(source, sink), daemon=True).start()

    def _hand_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):  # either end is gone
            while data := source.recv(65_536):
                self._flowing.wait()
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)


@contextmanager
def relay(target: int) -> Iterator[Relay]:
    """One that is closed in the end."""
    made = Relay(target)
    try:
        yield made
    finally:
        made.close()
