"""The connection to a server that may be broken or hostile: bounded in size and in time, also after decompression.

Only imported once there is something to send: it imports the HTTP library.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator

import httpx2
import openai

from tunewise.errors import ModelUnusable

__all__ = ["MAX_BYTES", "make_client"]

MAX_BYTES = 32_000_000
"""A longer answer is broken off. The thoughts of a long reply, each word in an event of its own, take millions."""
STEP = 65_536


def make_client(*, local: bool, seconds: float) -> httpx2.Client:
    """A client that reads at most `MAX_BYTES` of an answer, and for at most so many seconds.

    Proxies and certificates are the environment's, as for the plain SDK; but no proxy is asked for a neighbour.

    Raises:
        ModelUnusable: What the environment says about them cannot be used.
    """

    def bound(response: httpx2.Response) -> None:
        codings = [c.strip().lower() for c in response.headers.get("content-encoding", "").split(",") if c.strip()]
        stream = response.stream
        if isinstance(stream, httpx2.SyncByteStream):
            response.stream = Bounded(stream, codings, time.monotonic() + seconds, response.request)
            response.headers.pop("content-encoding", None)  # it is undone there

    try:
        context = httpx2.create_ssl_context()
        return openai.DefaultHttpxClient(
            verify=context,
            trust_env=not local,
            headers={"accept-encoding": "gzip, deflate"},
            event_hooks={"response": [bound]},
        )
    except OSError as error:  # a missing file, or one that holds no certificates
        raise ModelUnusable(
            f"The certificates that SSL_CERT_FILE or SSL_CERT_DIR names cannot be read ({error.strerror or error}). "
            "Correct the variable, or unset it."
        ) from None
    except ImportError:
        raise ModelUnusable(
            "The environment names a SOCKS proxy (ALL_PROXY, HTTPS_PROXY or HTTP_PROXY), which needs the package "
            "socksio: pip install socksio. Or unset the variable."
        ) from None
    except (ValueError, httpx2.InvalidURL) as error:
        raise ModelUnusable(
            f"The proxy that the environment names (ALL_PROXY, HTTPS_PROXY or HTTP_PROXY) cannot be used: {error}. "
            "Correct the variable, or unset it."
        ) from None


class Bounded(httpx2.SyncByteStream):
    """The body of an answer, decompressed in small steps."""

    def __init__(
        self, inner: httpx2.SyncByteStream, codings: list[str], deadline: float, request: httpx2.Request
    ) -> None:
        self._inner = inner
        self._codings = codings
        self._deadline = deadline
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        left = MAX_BYTES
        for part in self._decoded():
            left -= len(part)
            if left < 0:
                raise httpx2.ReadError(f"the answer is longer than {MAX_BYTES} bytes", request=self._request)
            if time.monotonic() > self._deadline:
                raise httpx2.ReadTimeout("the answer did not end in time", request=self._request)
            yield part

    def _decoded(self) -> Iterator[bytes]:
        match self._codings:
            case [] | ["identity"]:
                yield from self._inner
            case [("gzip" | "x-gzip" | "deflate") as coding]:
                undo = zlib.decompressobj(zlib.MAX_WBITS | 16 if coding != "deflate" else zlib.MAX_WBITS)
                for part in self._inner:
                    while part:
                        yield self._undone(undo, part)
                        part = undo.unconsumed_tail
            case _:
                raise httpx2.DecodingError("the answer is compressed in a way that was not asked for")

    def _undone(self, undo: zlib._Decompress, part: bytes) -> bytes:
        try:
            return undo.decompress(part, STEP)
        except zlib.error as error:
            raise httpx2.DecodingError(f"the answer is damaged: {error}", request=self._request) from None

    def close(self) -> None:
        """Close the connection."""
        self._inner.close()
