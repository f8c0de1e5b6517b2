"""Texts of others, fit for a terminal: commands to the terminal are taken out, also where a stream cuts them in two."""

from __future__ import annotations

import re

from tunewise.llm.manual import printable

__all__ = ["Cleaner", "clean"]

command = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # colours, cursor
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"  # titles, links, the clipboard
    r"|\x1b[ -/]*[0-OQ-WYZ\\`-~]"
)
beginning = re.compile(
    r"(?:(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*\x1b?|\x1b[\[ -/]?[ -?]*|\x9b[ -?]*)\Z"
)
MAX_COMMAND = 4_000
"""Characters after which a command that does not end is taken for text."""


def clean(text: str) -> str:
    """The text without commands to a terminal; other characters that show nothing become a replacement character."""
    return printable(command.sub("", text.replace("\r\n", "\n")))


class Cleaner:
    """Cleans a text that comes piece by piece."""

    def __init__(self) -> None:
        self._held = ""

    def __call__(self, piece: str) -> str:
        """What can be shown so far; the beginning of a command waits for its end."""
        text = command.sub("", self._held + piece)
        begun = beginning.search(text)
        self._held = text[begun.start() :] if begun and len(text) - begun.start() < MAX_COMMAND else ""
        return clean(text[: len(text) - len(self._held)])

    @property
    def held(self) -> bool:
        """Whether something waits."""
        return bool(self._held)

    def rest(self) -> str:
        """What has waited in vain."""
        held, self._held = self._held, ""
        return clean(held)
