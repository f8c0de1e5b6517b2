"""What an answer says it rests on, and whether that exists.

Whether a cited trial says what the answer says is not checked: a check that lets false numbers pass would be taken for
a promise.
"""

from __future__ import annotations

import re

from tunewise.assistant.subject import Subject
from tunewise.study.talks import cited

__all__ = ["doubts"]

mark = re.compile(r"\[(?:general|user|study|trials?|log|script\d?)\b[^\]\n]{0,80}\]", re.IGNORECASE)
LONG = 200
"""Characters of an answer above which it has to say what it rests on."""
SHOWN = 8


def doubts(answer: str, subject: Subject) -> list[str]:
    """What the user should know about an answer's references, a sentence each; empty when all is well."""
    unknown: dict[str, list[int]] = {}
    references = list(cited(answer))
    for name, numbers in references:
        meant = [source.label for source in subject.sources if name in ("line", source.label)]
        meant += ["trial"] if name == "trial" and subject.stored is not None else []
        if not meant:
            continue  # a way to speak: nothing is attached that could be meant
        wrong = [n for n in numbers if not any(subject.knows(known, n) for known in meant)]
        unknown.setdefault(name, []).extend(n for n in wrong if n not in unknown.get(name, []))
    found = [
        f"The answer cites {name} {', '.join(map(str, numbers[:SHOWN]))}, which does not exist. Do not rely on it."
        for name, numbers in unknown.items()
        if numbers
    ]
    asks = answer.rstrip().endswith("?")
    if not mark.search(answer) and not references and len(answer) > LONG and not asks:
        found.append("The answer does not say what it rests on; take it as general knowledge.")
    return found
