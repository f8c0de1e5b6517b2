"""The server behind `tunewise.testing.server`: a socket, what came, and what is played for it."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

__all__ = ["Behaviour", "Exchange", "FaultServer", "Received", "error_body"]


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came: path, parsed JSON, headers with lower-case names."""

    path: str
    json: Mapping[str, Any]
    headers: Mapping[str, str] = field(repr=False)


class FaultServer:
    """Serves on a free loopback port inside a `with` block.

    Args:
        behaviours: One for each request, in turn.
        then: Played for every request after the list; by default an HTTP 500 that says the list is played out.
        models: What `/v1/models` lists.
        path: What stands in the place of `/v1`.
        api_key: Requests that do not carry it get 401; None lets everyone in.

    Attributes:
        received: Every request to `/v1/chat/completions`, oldest first.
        hung_up: Set when a client has left in the middle of a stream.
    """

    def __init__(
        self,
        behaviours: Sequence[Behaviour] = (),
        *,
        then: Behaviour | None = None,
        models: Sequence[str] = ("test-model",),
        api_key: str | None = None,
        path: str = "/v1",
    ) -> None:
        self.received: list[Received] = []
        self.closing = threading.Event()
        self.hung_up = threading.Event()
        self.models = tuple(models)
        self.api_key = api_key
        self.path = path
        self._behaviours = tuple(behaviours)
        self._then = then or played_out
        self._lock = threading.Lock()
        self._http = Listener(self)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)

    @property
    def base_url(self) -> str:
        """Where the server listens, as a client's `base_url`."""
        return f"http://127.0.0.1:{self._http.server_address[1]}{self.path}"

    def next_behaviour(self, received: Received) -> Behaviour:
        """Note a request and choose what is played for it."""
        with self._lock:
            turn = len(self.received)
            self.received.append(received)
        return self._behaviours[turn] if turn < len(self._behaviours) else self._then

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.hang_up()
        self._http.server_close()
        self._thread.join()


class Listener(ThreadingHTTPServer):
    """The socket of a `FaultServer` and its open connections."""

    def __init__(self, fault_server: FaultServer) -> None:
        self.fault_server = fault_server
        self.connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), Exchange)

    def hang_up(self) -> None:
        """End the connections that clients keep open."""
        for connection in tuple(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that hang up are part of the play."""


class Exchange(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # the body, a second write, would wait 40 ms for an acknowledgement
    server: Listener

    @property
    def fault_server(self) -> FaultServer:
        """The server that plays."""
        return self.server.fault_server

    def setup(self) -> None:
        """Note the connection."""
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        """Forget the connection."""
        self.server.connections.discard(self.connection)
        super().finish()

    def do_GET(self) -> None:
        """`/v1/models`."""
        if self.path != f"{self.fault_server.path}/models":
            self.send(404, error_body("no such path"))
        elif self.allowed():
            self.send(200, json.dumps({"object": "list", "data": [{"id": name} for name in self.fault_server.models]}))

    def do_POST(self) -> None:
        """`/v1/chat/completions`."""
        text = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path != f"{self.fault_server.path}/chat/completions":
            self.send(404, error_body("no such path"))
        elif self.allowed():
            headers = {name.lower(): value for name, value in self.headers.items()}
            received = Received(self.path, json.loads(text), headers)
            self.fault_server.next_behaviour(received)(self, received)

    def allowed(self) -> bool:
        """Whether the key is right; a 401 is sent when it is not. Like careless servers, it repeats the key it got."""
        key, given = self.fault_server.api_key, self.headers.get("authorization", "")
        if key is None or given == f"Bearer {key}":
            return True
        self.send(401, error_body(f"Incorrect API key provided: {given}"))
        return False

    def send(self, code: int, text: str | bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send an answer of which nothing is missing."""
        data = text.encode() if isinstance(text, str) else text
        self.send_response(code)
        for name, value in {"content-type": "application/json", "content-length": len(data), **(headers or {})}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(data)

    def send_events(self, data: Iterable[str]) -> None:
        """Send an event stream; a client that hangs up ends it, and `hung_up` is set."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            for part in data:
                self.wfile.write(f"data: {part}\n\n".encode())
                self.wfile.flush()
        except OSError:
            self.fault_server.hung_up.set()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


Behaviour = Callable[[Exchange, Received], None]
"""What is done with a request."""


def error_body(message: str, **more: object) -> str:
    """The JSON of an error."""
    return json.dumps({"error": {"message": message, "type": "error", **more}})


def played_out(exchange: Exchange, _: Received) -> None:
    """What is played after the list."""
    exchange.send(500, error_body("The fault server has no behaviour left."))
