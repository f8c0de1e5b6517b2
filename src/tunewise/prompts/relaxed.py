"""JSON as chat models really write it: single quotes, comments, trailing and missing commas, names without quotes.

Nothing is ever evaluated. The work is bounded by the length of the text.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from tunewise.plain import Plain, PlainDict

__all__ = ["Broken", "Found", "Scan", "scan"]

MAX_DEPTH = 8
MAX_WORK = 200_000
"""Characters read in vain, at most, in search of an object."""


@dataclass(frozen=True, slots=True)
class Found:
    """An object at top level.

    Attributes:
        start: Where its brace stands in the text.
        end: Where it has ended.
        value: What it holds.
    """

    start: int
    end: int
    value: PlainDict


@dataclass(frozen=True, slots=True)
class Broken:
    """What begins like an object and cannot be read.

    Attributes:
        start: Where its brace stands in the text.
        at: Where it was given up.
        why: In words fit for whoever wrote it.
        cut_off: Whether the text ends before it does.
    """

    start: int
    at: int
    why: str
    cut_off: bool


@dataclass(frozen=True, slots=True)
class Scan:
    """All objects of a text, and all that failed to be one, in order."""

    objects: tuple[Found, ...]
    broken: tuple[Broken, ...]


def scan(text: str) -> Scan:
    """Find the objects at top level. Inside of one that is broken, others are looked for."""
    objects: list[Found] = []
    broken: list[Broken] = []
    at = text.find("{")
    work = 0
    while at >= 0 and work < MAX_WORK:
        try:
            value, end = read_object(text, at + 1, 1)
        except Unreadable as error:
            cut_off = isinstance(error, EndOfText)
            broken.append(Broken(at, error.at, error.why, cut_off))
            end = error.at if isinstance(error, TooDeep) else at + 1
            work += error.at - at
        else:
            objects.append(Found(at, end, value))
        at = text.find("{", end)
    return Scan(tuple(objects), tuple(broken))


class Unreadable(Exception):
    """Not even relaxed JSON; the place where that was found out, and why."""

    def __init__(self, at: int, why: str = "") -> None:
        self.at = at
        self.why = why


class TooDeep(Unreadable):
    """It may be JSON, but it is nested deeper than anything that is asked for."""


class EndOfText(Unreadable):
    """It may be JSON, but the text ends before it does."""


SPACE = re.compile(r"(?:[\s\u200b-\u200f\u2060\ufeff]|//[^\n]*|#[^\n]*)*")  # also what has no width
QUOTES = ('"', "'", "\u201c\u201d\u201e\u201f", "\u2018\u2019\u201a\u201b")  # typographic ones close each other
STRING = re.compile("|".join(rf"[{q}]((?:[^{q}\\]|\\.)*)[{q}]" for q in QUOTES), re.DOTALL)
MINUS = "\u2212\u2010\u2011\u2012\u2013\ufe63\uff0d"
SIGN = rf"[+\-{MINUS}]?"
NUMBER = re.compile(
    rf"{SIGN}(?:\d{{1,300}}+\.?+\d{{0,300}}+|\.\d{{1,300}}+)(?:[eE]{SIGN}\d{{1,9}}+)?(?:\s?%)?(?![\w.%])"
)  # no backtracking
THOUSANDS = re.compile(rf"{SIGN}[1-9]\d{{0,2}}(?:,\d{{3}}){{1,100}}+(?:\.\d{{0,300}}+)?(?=\s*[,}}\"'\n])")
WORD = re.compile(r"[+-]?[A-Za-z_][\w.-]*")
WORDS = {"true": True, "false": False, "null": None, "none": None}


def read_value(text: str, at: int, depth: int) -> tuple[Plain, int]:
    """Read one value; returns it and where it ends."""
    at = skip_space(text, at)
    if text[at] in "{[":
        if depth >= MAX_DEPTH:
            raise TooDeep(at, f"it is nested more than {MAX_DEPTH} deep")
        return (read_object if text[at] == "{" else read_list)(text, at + 1, depth + 1)
    if text[at] in "".join(QUOTES):
        return read_string(text, at)
    if match := NUMBER.match(text, at):
        return as_python_number(match[0]), match.end()
    if match := WORD.match(text, at):
        return WORDS.get(match[0].lower(), match[0]), match.end()
    raise Unreadable(at, f"{glimpse(text, at)} is no value. Write a number, or a text in quotes")


def read_object(text: str, at: int, depth: int) -> tuple[PlainDict, int]:
    """Read what follows an opening brace."""
    members: PlainDict = {}
    while text[at := skip_space(text, at)] != "}":
        key, at = read_key(text, at)
        if text[at := skip_space(text, at)] not in ":=":
            raise Unreadable(at, f"after {quote(key)} stands {glimpse(text, at)}, where a colon or a comma belongs")
        at = skip_space(text, at + 1)
        if match := THOUSANDS.match(text, at):
            members[key], at = as_python_number(match[0].replace(",", "")), match.end()
        else:
            members[key], at = read_value(text, at, depth)
        at = skip_comma(text, at, "}", key)
    return members, at + 1


def read_key(text: str, at: int) -> tuple[str, int]:
    """Read a name, with or without quotes."""
    if text[at] in "{[":
        raise Unreadable(at, f"{glimpse(text, at)} stands where a name belongs")
    key, end = read_value(text, at, MAX_DEPTH)
    if isinstance(key, int | float) and text[skip_space(text, end)] != ":":
        raise Unreadable(at, f"{glimpse(text, at)} stands where a name belongs. Write numbers with a point: 0.5, 1024")
    return str(key), end


def read_list(text: str, at: int, depth: int) -> tuple[list[Plain], int]:
    """Read what follows an opening bracket."""
    items = []
    while text[at := skip_space(text, at)] != "]":
        item, at = read_value(text, at, depth)
        items.append(item)
        at = skip_comma(text, at, "]", "a value")
    return items, at + 1


def read_string(text: str, at: int) -> tuple[str, int]:
    """Read a text in any kind of quotes."""
    match = STRING.match(text, at)
    if not match:
        raise EndOfText(len(text), "a text has no closing quote")
    inner = str(match[match.lastindex or 0])
    if text[at] != '"':
        inner = inner.replace("\\'", "'").replace('"', '\\"')
    try:
        return str(json.loads(f'"{inner}"', strict=False)), match.end()
    except ValueError:
        return inner, match.end()


def as_python_number(digits: str) -> int | float | str:
    """An integer where it is written as one. A percentage stays a text: what it means is for the space to say."""
    plain = re.sub(f"[{MINUS}]", "-", digits)
    if plain.endswith("%"):
        return plain
    return int(plain) if re.fullmatch(r"[+-]?\d+", plain) else float(plain)


def skip_space(text: str, at: int) -> int:
    """The next place with anything but white space or a comment."""
    while True:
        match = SPACE.match(text, at)
        assert match is not None
        at = match.end()
        if text.startswith("/*", at):
            end = text.find("*/", at + 2)
            at = end + 2 if end >= 0 else len(text)
        elif at < len(text):
            return at
        if at >= len(text):
            raise EndOfText(len(text), "the text ends before it does")


def skip_comma(text: str, at: int, closing: str, name: str) -> int:
    """Past a comma, which may be forgotten where the next name or object begins; or up to the closing mark."""
    start = at
    at = skip_space(text, at)
    if text[at] in ",;":
        return at + 1
    begins = (
        text[at] in "".join(QUOTES) or (text[at] == "{" and closing == "]") or (at > start and WORD.match(text, at))
    )
    if text[at] != closing and not begins:
        raise Unreadable(
            at, f"after the value of {quote(name)} stands {glimpse(text, at)}, where a comma or {closing} belongs"
        )
    return at


def glimpse(text: str, at: int) -> str:
    """A few characters of a text, as they stand there."""
    return repr(" ".join(text[at : at + 24].split()))


def quote(name: str) -> str:
    """A name of any length, for a message."""
    return f'"{name[:60]}"'
