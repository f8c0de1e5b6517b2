"""What of a reply is the answer: models that think aloud mark their thoughts, each family in its own way."""

from __future__ import annotations

import re

from tunewise.errors import InvalidReply

__all__ = ["final_answer"]

THOUGHT = r"think|thinking|thought|thoughts|reasoning|reflection|analysis|scratchpad|draft"
MARK = re.compile(
    r"<\|(?P<special>[^|<>\n]{1,40})\|?>"  # harmony, ChatML, Llama, Cohere, ...
    rf"|<(?P<tag>/?(?:\w{{1,12}}:)?(?:{THOUGHT}))>"  # DeepSeek, Qwen, ...
    r"|\[(?P<square>/?THINK)\]"  # Mistral
    r"|\u25c1(?P<kimi>/?think)\u25b7"
    r"|\bassistant(?P<bare>final)(?=\W)",  # harmony whose marks a server has dropped
    re.IGNORECASE,
)
OPENS = re.compile(
    rf"(?:\w{{1,12}}:)?(?:begin_of_|start_of_|start_|begin_)?(?:{THOUGHT})(?:_start|_begin)?", re.IGNORECASE
)
CLOSES = re.compile(rf"/(?:\w{{1,12}}:)?(?:{THOUGHT})|end_(?:of_)?(?:{THOUGHT})|(?:{THOUGHT})_end|final", re.IGNORECASE)
STOPS = (
    "im_end",
    "eot_id",
    "endoftext",
    "end_of_text",
    "end_of_turn",
    "end_of_solution",
    "end_response",
    "eos",
    "return",
    "end",
)
"""After these a model that runs on plays the next turn, which is nobody's answer."""


def final_answer(text: str) -> str:
    """The reply without thoughts, rejected drafts between marks, and what comes after its end. Linear in its length.

    Everything before the last mark that closes thoughts is thought, for templates that open them in the prompt.

    Raises:
        InvalidReply: The reply ends before its thoughts do.
    """
    kept: list[str] = []
    thinking = naming = False
    after = 0
    for mark in MARK.finditer(text):
        between = text[after : mark.start()]
        after = mark.end()
        name = next(part for part in mark.groups() if part).strip().lower()
        if naming:  # between <|channel|> and <|message|> stands which channel it is
            thinking, naming = "final" not in between.lower(), False
            if not thinking:
                kept.clear()
        elif not thinking:
            kept.append(between)
        if name == "channel":
            naming = True
        elif OPENS.fullmatch(name):
            thinking = True
        elif CLOSES.fullmatch(name):
            thinking = False
            kept.clear()
        elif name in STOPS and not thinking and "".join(kept).strip():
            return "".join(kept)
        elif not thinking and mark["special"]:
            kept.append(mark[0])  # perhaps it says what follows: <|rejected|>
    if thinking or naming:
        raise InvalidReply("The reply ends before its thoughts do. Think less, and write the answer after it.")
    return "".join(kept) + text[after:]
