"""The dashboard's page with what optuna-dashboard leaves out: names for a screen reader, contrast, no refused buttons.

Its scripts stay as they are. A style sheet and a script of ours are added to its one HTML page, which draws all others.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from tunewise.report.html import asset

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["completed"]

Headers = list[tuple[str, str]]
ADDED: Final = {
    "/tunewise/dashboard.css": ("text/css", "dashboard.css"),
    "/tunewise/dashboard.js": ("text/javascript", "dashboard.js"),
}
"""Paths of our own, with the type and the name of the file."""
TAGS: Final = (
    b'<link rel="stylesheet" href="/tunewise/dashboard.css"><script defer src="/tunewise/dashboard.js"></script></head>'
)


def completed(app: WSGIApplication) -> WSGIApplication:
    """The dashboard, with our style and script in its page."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path in ADDED:
            kind, name = ADDED[path]
            body = asset(name).encode()
            start_response("200 OK", [("Content-Type", f"{kind}; charset=utf-8"), ("Content-Length", str(len(body)))])
            return [body]
        if path.startswith("/dashboard") and environ["REQUEST_METHOD"] == "GET":
            environ.pop("HTTP_IF_MODIFIED_SINCE", None)  # it speaks of optuna-dashboard's file
            return added(app, environ, start_response)
        return app(environ, start_response)

    return answer


def added(app: WSGIApplication, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """An answer of the dashboard with our tags at the end of its head."""
    said: list[tuple[str, Headers]] = []

    def note(
        status: str,
        headers: Headers,
        error: tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None] | None = None,
        /,
    ) -> Callable[[bytes], object]:
        del error
        said.append((status, headers))
        return io.BytesIO().write  # what nobody uses any more

    found = app(environ, note)
    try:
        body = b"".join(found).replace(b"</head>", TAGS, 1)
    finally:
        if close := getattr(found, "close", None):
            close()
    status, headers = said[-1]
    start_response(status, [(key, str(len(body)) if key == "Content-Length" else value) for key, value in headers])
    return [body]
