"""What an answer says it rests on, whether that exists, and whether the number beside it stands there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from tunewise.assistant.subject import Subject
from tunewise.study.talks import cited

__all__ = ["doubts"]

mark = re.compile(r"\[(?:general|user|study|trials?|log|script\d?)\b[^\]\n]{0,80}\]", re.IGNORECASE)
LONG = 200
"""Characters of an answer above which it has to say what it rests on."""
SHOWN = 8

sentence = re.compile(r"(?<=[.!?])\s+|\n+")
NUMBER = r"(?<![\w.,/+-])-?\d{1,9}(?:\.\d{1,12}(?:e[-+]?\d{1,3})?|e[-+]?\d{1,3})(?!\w|[.,]\d)"
"""With a point or an exponent: a small whole number may count anything."""
beside = re.compile(
    rf"(?P<before>{NUMBER})\s?(?:%|s\b|seconds)?\s?\[trial"
    rf"|\btrial #?\d{{1,9}}\]?(?: (?:has|had|with|reached|got|gave|scored)\b)?(?:[: ]{{1,2}}[a-z_]{{1,30}}){{0,4}}"
    rf"\s?[(=:]?\s?(?P<behind>{NUMBER})",
    re.IGNORECASE,
)
number = re.compile(NUMBER, re.IGNORECASE)
derived = re.compile(
    r"\b(?:about|above|against|almost|around|average|below|better|between|beyond|by|closer?|correlat\w*|cost\w*|could|"
    r"default|differ\w*|distan\w*|dollars?|double|each|every|expect\w*|explain\w*|factor|from|gain\w*|gap|half|higher|"
    r"importan\w*|improve\w*|increase\w*|instead|larger|least|less|limit\w*|log10|lower\w*|mean|median|more|most|near\w*|"
    r"next|over|points?|propos\w*|raise\w*|range\w*|ratio|reduc\w*|roughly|set|shares?|should|smaller|std|steps?|suggest\w*|"
    r"sum|than|times|to|tokens?|total|towards?|try|typical\w*|under|until|up|use|usual\w*|version|within|without|worse|would)\b"
    r"|[~<>?$\u2248\u2264\u2265]|\+/?-",
    re.IGNORECASE,
)
"""Words that a number may follow which no trial holds: a difference, a bound, an average, a proposal, a question."""


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
    found += [
        f"The answer says {said}, which is not in trial {' or '.join(map(str, trials))}. Do not rely on it."
        for said, trials in list(dict.fromkeys(misquoted(answer, subject)))[:SHOWN]
    ]
    asks = answer.rstrip().endswith("?")
    if not mark.search(answer) and not references and len(answer) > LONG and not asks:
        found.append("The answer does not say what it rests on; take it as general knowledge.")
    return found


def misquoted(answer: str, subject: Subject) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Numbers that stand right beside a cited trial, and that none of the trials cited in the same sentence holds.

    Only sentences are looked at that rest on trials alone, and in which nothing hints at a number that was computed,
    bounded or proposed: a false alarm would teach people to overlook the true ones.
    """
    for words in sentence.split(answer):
        references = list(cited(words))
        trials = tuple(dict.fromkeys(n for _, numbers in references for n in numbers))
        if {label for label, _ in references} != {"trial"} or derived.search(words):
            continue
        if not all(subject.knows("trial", n) for n in trials):
            continue
        held = [x for n in trials for x in numbers_in(asdict(subject.trials[n]))]
        for found in beside.finditer(words):
            said = found["before"] or found["behind"]
            if not any(written_as(said, x) for x in held):
                yield said, trials


def numbers_in(data: Any) -> Iterator[float]:
    """Every number in plain data, those in texts and those of pairs included."""
    match data:
        case bool() | None:
            return
        case int() | float():
            yield float(data)
        case str():
            yield from map(float, number.findall(data[:2_000]))
        case dict():
            for value in data.values():
                yield from numbers_in(value)
        case list() | tuple():
            for value in data:
                yield from numbers_in(value)


def written_as(said: str, x: float) -> bool:
    """Whether a number can be written so: rounded or cut at any digit, without its sign, in percent, in minutes."""
    digits, _, exponent = said.lower().lstrip("-").partition("e")
    unit = 10.0 ** (int(exponent or 0) - len(digits.partition(".")[2]))
    shown = abs(float(said))
    return any(-0.500001 * unit <= form - shown < unit for form in forms(abs(x)))


def forms(x: float) -> Iterator[float]:
    """Ways to say a number: as it is, in percent, as what is missing to the whole, and seconds in minutes and hours."""
    yield from (x, 100 * x, 1 - x, 100 * (1 - x), x / 60, x / 3600, 1000 * x)
