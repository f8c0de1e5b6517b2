"""An answer that comes piece by piece, cut where it may be cut: between paragraphs, or between lines."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["Blocks"]

fence = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)
listed = re.compile(r"\s*(?:[-*+]|\d{1,3}[.)])\s")


LONGEST_MARK = 5
"""Characters from which on it is clear whether a line is an item of a list: "100. "."""


class Blocks:
    """Holds back what has not been told to its end."""

    def __init__(self) -> None:
        self.held = ""
        self._open = False  # whether a line has been begun that no line break has ended

    def raw(self, text: str, *, ended: bool = False) -> Iterator[str]:
        """The text up to the last blank, as it is; with a line break at the end of the whole."""
        self.held += text
        if ended:
            if self.held or self._open:
                yield self.held if self.held.endswith("\n") else self.held + "\n"
            self.held, self._open = "", False
            return
        cut = max(self.held.rfind(" "), self.held.rfind("\n")) + 1
        if cut:
            yield self.held[:cut]
            self._open = not self.held[:cut].endswith("\n")
            self.held = self.held[cut:]

    def whole(self, text: str, *, ended: bool = False) -> Iterator[str]:
        """Paragraphs, lists and code blocks that are complete."""
        self.held += text
        while cut := end_of_block(self.held):
            block, self.held = self.held[:cut], self.held[cut:]
            if block.strip():
                yield block
        if ended:
            if self.held.strip():
                yield self.held
            self.held = ""


def end_of_block(text: str) -> int:
    """Where the first block ends; 0 while it may go on."""
    for blank in re.finditer(r"\n[ \t]*\n", text):
        if len(fence.findall(text[: blank.start()])) % 2:
            continue  # within a code block
        rest = text[blank.end() :].lstrip("\n")
        in_list = any(map(listed.match, text[: blank.start()].splitlines()))
        if in_list and (len(rest) < LONGEST_MARK or listed.match(rest) or rest.startswith((" ", "\t"))):
            continue  # a list whose items are apart goes on, or may
        return blank.end()
    return 0
