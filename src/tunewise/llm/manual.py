"""A person as the adapter: copy the prompt into any chat page, paste the reply."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import ClassVar

from tunewise.errors import ModelUnusable
from tunewise.llm.base import ChatReply, ChatRequest
from tunewise.llm.prices import FREE, Price
from tunewise.pickling import Portable
from tunewise.text import printable

__all__ = ["ManualModel"]


class ManualModel(Portable):
    """Prints the prompt, then reads what is pasted until a line that holds only a full stop, or the end of the input.

    A chat page already remembers the conversation; the whole of it is printed all the same, for a page that is new.

    Args:
        read: Returns the next line of the person, without its line break; raises EOFError at the end, as `input` does.
        write: Shows a text; None for the standard output.
    """

    of_process: ClassVar = {"_lock": threading.Lock}

    name = "manual"
    context_tokens: int | None = None
    price: Price | None = FREE

    def __init__(self, *, read: Callable[[], str] = input, write: Callable[[str], object] | None = None) -> None:
        self._read = read
        self._write = write or show
        self._lock = threading.Lock()

    def complete(self, request: ChatRequest) -> ChatReply:
        """Show the messages and read the reply.

        Raises:
            ModelUnusable: The input has ended and nothing was pasted.
        """
        with self._lock:
            started = time.perf_counter()
            for message in request.messages:
                self._write(f"\n======== {message.role} ========\n{printable(message.content)}\n")
            self._write("\n======== paste the reply, then a line with only . ========\n")
            return ChatReply(text=self._paste(), model=self.name, seconds=time.perf_counter() - started)

    def _paste(self) -> str:
        lines: list[str] = []
        while True:
            try:
                line = self._read()
            except EOFError:
                if not lines:
                    raise ModelUnusable(
                        "The input has ended, and no reply was pasted. Run it in a terminal, or choose another model."
                    ) from None
                break
            if line.strip() == ".":
                break
            lines.append(line.rstrip("\r\n"))
        return "\n".join(lines)


def show(text: str) -> None:
    """Write to the standard output at once."""
    sys.stdout.write(text)
    sys.stdout.flush()
