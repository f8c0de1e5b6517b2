"""Which conversations about a study a report has room for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from markupsafe import escape

from tunewise.report.texts import Cleaner
from tunewise.study.talks import Asked, Talk
from tunewise.text import fit

__all__ = ["latest"]

MAX_BYTES = 200_000
"""Of all conversations in a page."""
MAX_TEXT = 20_000
"""Characters of a single question or answer."""
MAX_NAMES = 600


def latest(found: Sequence[Talk], clean: Cleaner) -> tuple[list[Talk], int]:
    """The latest questions that fit, cleaned and cut, and how many do not: a report must not drown in talk."""
    room, shown = MAX_BYTES, []
    for one in reversed(found):
        kept: list[Asked] = []
        for question in reversed(one.asked):
            short = shortened(question, clean)
            texts = (short.question, short.answer, *short.looked_up, *short.decided)
            room -= sum(len(escape(text).encode()) for text in texts) + 1_000
            if room < 0:
                break
            kept.append(short)
        shown += [replace(one, began=fit(clean(one.began), 40), asked=tuple(kept[::-1]))] if kept else []
    return shown[::-1], sum(len(one.asked) for one in found) - sum(len(one.asked) for one in shown)


def shortened(question: Asked, clean: Cleaner) -> Asked:
    """A question with texts that can be shown: cleaned first, for half a secret is not recognized."""
    return replace(
        question,
        question=fit(clean(question.question), MAX_TEXT),
        answers=(fit(clean(question.answer), MAX_TEXT),),
        looked_up=(fit(clean(", ".join(question.looked_up)), MAX_NAMES),) if question.looked_up else (),
        decided=tuple(fit(clean(text), MAX_NAMES) for text in question.decided),
    )
