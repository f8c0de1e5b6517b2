"""How many tokens a text has, without a tokenizer: never far below, seldom far above."""

from __future__ import annotations

import re
from functools import lru_cache
from math import ceil

__all__ = ["estimate_tokens"]

piece = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[^\W\d_]+|\s+|.", re.DOTALL)


@lru_cache(maxsize=64)
def estimate_tokens(text: str) -> int:
    """A cautious count: one token per digit, per sign and per common word, more for long words and other scripts.

    Measured on prompts about hyperparameters against the tokenizer of SmolLM2, which is greedier than those of large
    models: at most 5 % below the truth, and seldom more than 30 % above.
    """
    return ceil(sum(map(weigh, piece.findall(text))))


@lru_cache(maxsize=4096)
def weigh(part: str) -> float:
    """How many tokens a piece takes."""
    if part.isspace():
        return 0 if part == " " else 1 + part.count("\n") / 4
    if not part.isascii():
        return len(part.encode("utf-8", "replace")) * (0.6 if part.isalpha() else 0.75)
    if part.isupper():
        return max(1, len(part) / 2)
    return max(1, len(part) / 4)
