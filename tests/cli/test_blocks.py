"""Answers that come piece by piece."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tunewise.cli.blocks import Blocks

ANSWER = """Two things:

- first,

- second.

```python
a = 1

b = 2
```

Done."""


def pieces(text: str, cuts: list[int]) -> list[str]:
    """A text in pieces of these lengths, and the rest."""
    found, at = [], 0
    for cut in cuts:
        found.append(text[at : at + cut])
        at += cut
    return [*found, text[at:]]


@given(st.lists(st.integers(1, 9), max_size=30))
def test_paragraphs_lists_and_code_stay_whole(cuts: list[int]) -> None:
    blocks = Blocks()
    shown = [block.strip() for piece in pieces(ANSWER, cuts) for block in blocks.whole(piece)]
    shown += [block.strip() for block in blocks.whole("", ended=True)]
    assert shown == ["Two things:", "- first,\n\n- second.", "```python\na = 1\n\nb = 2\n```", "Done."]


@given(st.lists(st.integers(1, 9), max_size=30))
def test_a_pipe_gets_the_text_as_it_is_and_no_word_in_two(cuts: list[int]) -> None:
    blocks = Blocks()
    shown = [part for piece in pieces(ANSWER, cuts) for part in blocks.raw(piece)]
    assert all(part.endswith((" ", "\n")) for part in shown)
    assert "".join([*shown, *blocks.raw("", ended=True)]) == ANSWER + "\n"
