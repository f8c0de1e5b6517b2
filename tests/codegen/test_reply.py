"""Programs in replies, as nobody should write them."""

from __future__ import annotations

import re

import pytest

from tunewise.codegen import reply as reply_module
from tunewise.codegen.reply import find_program
from tunewise.llm.base import ChatReply

CODE = "def fit(x):\n    return x"


def written(text: str) -> ChatReply:
    return ChatReply(text=text, model="m")


class Counting:
    """Counts what is searched with a regular expression."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self.pattern, self.characters = pattern, 0

    def finditer(self, text: str) -> object:
        self.characters += len(text)
        return self.pattern.finditer(text)


def test_fences_without_end_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counting = Counting(reply_module.FENCE)
    monkeypatch.setattr(reply_module, "FENCE", counting)
    text = "```a\n" * 20_000
    find_program(written(text[:99_999]), "fit")
    assert counting.characters == 99_999


def test_a_block_may_be_open_or_closed_and_thoughts_are_none() -> None:
    assert find_program(written(f"So:\n```python\n{CODE}\n```\nDone."), "fit") == (CODE, "So:")
    assert find_program(written(f"So:\n```python\n{CODE}"), "fit")[0] == CODE
    assert find_program(written(f"[THINK]```python\ndef fit(): pass\n```[/THINK]\n```\n{CODE}\n```"), "fit")[0] == CODE
