"""Reading programs out of replies as chat models really write them: prose around code, several blocks, JSON."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tunewise.errors import InvalidReply
from tunewise.llm.base import ChatReply
from tunewise.prompts.parse import find_objects
from tunewise.prompts.views import clip

__all__ = ["find_program"]

MAX_REPLY = 100_000
MAX_REASON = 300
BLOCK = re.compile(r"^[ \t]*(```|~~~)[ \t]*[\w+-]*[ \t]*\n(.*?)^[ \t]*\1[ \t]*$", re.DOTALL | re.MULTILINE)
OPEN_BLOCK = re.compile(r"^[ \t]*(?:```|~~~)[ \t]*[\w+-]*[ \t]*\n(.*)\Z", re.DOTALL | re.MULTILINE)
BEGINNING = ("import ", "from ", "def ", "class ", "@")
TRIES = 30


def find_program(reply: ChatReply, function: str) -> tuple[str, str]:
    """The program in a reply, and the sentence before it.

    Of several candidates the last that defines the function counts, else the last; what is wrong with it is for the
    checks to say.

    Raises:
        InvalidReply: There is none, it was cut off, or the model refused.
    """
    if reply.finish_reason == "refusal":
        raise InvalidReply("The model refused. Only a program is asked for.")
    text = reply.text.replace("\r\n", "\n").replace("\r", "\n").rpartition("</think>")[2]
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
    blocks = [(text[: match.start()], match[2]) for match in BLOCK.finditer(text)]
    if blocks:
        yield from blocks
        return
    for start, whole in find_objects(text)[0]:
        texts = [value for value in whole.values() if isinstance(value, str)]
        if codes := [value for value in texts if "def " in value]:
            yield " ".join([text[:start], *(value for value in texts if value not in codes)]), codes[-1]
            return
    if match := OPEN_BLOCK.search(text):
        yield text[: match.start()], match[1]
        return
    lines = text.split("\n")
    first = next((i for i, line in enumerate(lines) if line.startswith(BEGINNING)), None)
    if first is not None and "def " in text:
        yield "\n".join(lines[:first]), without_prose(lines[first:])


def without_prose(lines: list[str]) -> str:
    """The longest beginning that is Python; all of it where none is."""
    for end in range(len(lines), max(0, len(lines) - TRIES), -1):
        try:
            ast.parse("\n".join(lines[:end]))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        return "\n".join(lines[:end])
    return "\n".join(lines)
