"""Reading programs out of replies as chat models really write them: prose around code, several blocks, JSON."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tunewise.errors import InvalidReply
from tunewise.llm.base import ChatReply
from tunewise.prompts.relaxed import scan
from tunewise.prompts.thoughts import final_answer
from tunewise.text import clip

__all__ = ["find_program"]

MAX_REPLY = 100_000
MAX_REASON = 300
FENCE = re.compile(r"^[ \t]*(```|~~~)[ \t]*([\w+-]*)[ \t]*$", re.MULTILINE)
BEGINNING = ("import ", "from ", "def ", "class ", "@")
TRIES = 30
MAX_BLOCKS = 100


def find_program(reply: ChatReply, function: str) -> tuple[str, str]:
    """The program in a reply, and the sentence before it.

    Of several candidates the last that defines the function counts, else the last; what is wrong with it is for the
    checks to say.

    Raises:
        InvalidReply: There is none, it was cut off, or the model refused.
    """
    if reply.finish_reason == "refusal":
        raise InvalidReply("The model refused. Only a program is asked for.")
    text = final_answer(reply.text).replace("\r\n", "\n").replace("\r", "\n")
    if len(text) > MAX_REPLY:
        raise InvalidReply(f"The reply has {len(text)} characters. Write one program of less than 20000.")
    found = list(candidates(text))
    defining = [one for one in found if f"def {function}" in one[1]]
    if reply.finish_reason == "length" and not defining:
        raise InvalidReply(
            "The reply was cut off because it was too long. Write a shorter program, and less around it."
        )
    if not found:
        raise InvalidReply("The reply holds no Python program. Write it in one block that begins with ```python.")
    before, code = (defining or found)[-1]
    return code.strip("\n"), clip(re.sub(r"[*#`]+", "", before), MAX_REASON)


def candidates(text: str) -> Iterator[tuple[str, str]]:
    """What may be a program, with the text before it: fenced blocks, else texts in JSON, else code as it stands."""
    blocks, open_block = blocks_in(text)
    if blocks:
        yield from ((text[:start], code) for start, code in blocks[-MAX_BLOCKS:])
        return
    for whole in scan(text).objects:
        texts = [value for value in whole.value.values() if isinstance(value, str)]
        if codes := [value for value in texts if "def " in value]:
            yield " ".join([text[: whole.start], *(value for value in texts if value not in codes)]), codes[-1]
            return
    if open_block:
        yield text[: open_block[0]], open_block[1]
        return
    lines = text.split("\n")
    first = next((i for i, line in enumerate(lines) if line.startswith(BEGINNING)), None)
    if first is not None and "def " in text:
        yield "\n".join(lines[:first]), without_prose(lines[first:])


def blocks_in(text: str) -> tuple[list[tuple[int, str]], tuple[int, str] | None]:
    """Where fenced blocks begin and what stands in them; and the last one where it is not closed."""
    blocks: list[tuple[int, str]] = []
    opened: re.Match[str] | None = None
    for fence in FENCE.finditer(text):
        if opened is None:
            opened = fence
        elif fence[1] == opened[1] and not fence[2]:
            blocks.append((opened.start(), text[opened.end() + 1 : fence.start()]))
            opened = None
    return blocks, None if opened is None else (opened.start(), text[opened.end() + 1 :])


def without_prose(lines: list[str]) -> str:
    """The longest beginning that is Python; all of it where none is."""
    for end in range(len(lines), max(0, len(lines) - TRIES), -1):
        try:
            ast.parse("\n".join(lines[:end]))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        return "\n".join(lines[:end])
    return "\n".join(lines)
