"""Reading replies as chat models really write them. Nothing in a reply is ever evaluated.

A reply may hold an analysis, code fences, prose after the configuration, several JSON objects, single quotes,
trailing commas, comments. `parse_reply` finds the object that is meant and sends it through the space's one gate.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tunewise.errors import InvalidReply
from tunewise.space import Coerced, Configuration, Repair, SearchSpace, Value

__all__ = ["ParsedBatch", "ParsedReply", "parse_batch", "parse_reply"]

MAX_CHARACTERS = 200_000  # a configuration takes hundreds; of a longer reply the two ends are read
MAX_DEPTH = 8
MAX_WORK = 3 * MAX_CHARACTERS  # characters read in vain, at most, in search of an object
MAX_REASON = 1_000
MAX_BATCH = 16  # configurations of one reply that are read
REMARKS = ("boldness", "reason", "analysis", "change", "changes", "name", "id")  # may stand beside hyperparameters


@dataclass(frozen=True, slots=True)
class ParsedReply:
    """What a reply says.

    Attributes:
        configuration: Allowed in the space.
        repairs: What had to be changed to make it so.
        reason: The analysis that came with it, at most 1,000 characters.
    """

    configuration: Configuration
    repairs: tuple[Repair, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ParsedBatch:
    """What a reply with several configurations says.

    Attributes:
        replies: The configurations that can be used, in the model's order.
        objections: What is wrong with the others.
    """

    replies: tuple[ParsedReply, ...]
    objections: tuple[str, ...] = ()


def parse_batch(text: str, space: SearchSpace, *, base: Mapping[str, Value] | None = None) -> ParsedBatch:
    """Read the configurations of a reply that may hold several; one alone counts, too.

    Every object that names a hyperparameter counts, wherever it stands: in a list, under any key, one after the other,
    or complete in a text that is cut off later.

    Args:
        text: The reply, of any length.
        space: The search space.
        base: Values of the hyperparameters that an object leaves out.

    Raises:
        InvalidReply: Not one can be used; the message is fit for the model. No other error is ever raised for a text.
    """
    objects, _ = find_objects(readable(text))
    replies: list[ParsedReply] = []
    objections: list[str] = []
    for start, whole in objects:
        for around, part in configurations_in(whole, space):
            if len(replies) + len(objections) >= MAX_BATCH:
                break
            kept = {k: v for k, v in part.items() if k in space or k.lower() not in REMARKS}
            given = {k: v for k, v in kept.items() if v is not None or (k in space and None in space[k].choices)}
            try:
                coerced = space.coerce({**{k: v for k, v in (base or {}).items() if k not in given}, **given})
            except InvalidReply as error:
                objections.append(str(error))
            else:
                apart = part is not around
                beside = {k: v for k, v in around.items() if (apart or k not in space) and k.lower() != "boldness"}
                reason = reason_of(beside, part, "" if beside else text[:start])
                replies.append(ParsedReply(coerced.configuration, coerced.repairs, reason))
    if replies:
        return ParsedBatch(tuple(replies), tuple(objections))
    if objections:
        raise InvalidReply(objections[-1])
    return ParsedBatch((parse_reply(text, space),))


def configurations_in(
    whole: Any, space: SearchSpace, around: Mapping[str, Any] | None = None, depth: int = 0
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """The objects that name a hyperparameter, outermost only, each after the object that says why."""
    labelled = whole.get("configuration") if isinstance(whole, Mapping) and "configuration" not in space else None
    if isinstance(labelled, Mapping):  # whatever stands beside it, be it called as a hyperparameter is
        yield whole, labelled
    elif isinstance(whole, Mapping) and names_one(whole, space):
        yield (around if around is not None and any(isinstance(v, str) for v in around.values()) else whole), whole
    elif depth < MAX_DEPTH and isinstance(whole, Mapping | list):
        inside = whole if isinstance(whole, Mapping) else around
        for inner in whole.values() if isinstance(whole, Mapping) else whole:
            yield from configurations_in(inner, space, inside, depth + 1)


def readable(text: str) -> str:
    """What of a reply is read: not its thoughts, and of a very long one the two ends.

    Raises:
        InvalidReply: There is nothing to read.
    """
    if not isinstance(text, str) or not text.strip():
        raise InvalidReply("The reply was empty.")
    if len(text) > MAX_CHARACTERS:
        text = text[: MAX_CHARACTERS // 2] + "\n" + text[-MAX_CHARACTERS // 2 :]
    return text.rpartition("</think>")[2]


def parse_reply(text: str, space: SearchSpace) -> ParsedReply:
    """Read the configuration from a model's reply.

    The last object that names a hyperparameter counts, at top level or inside another object
    (`{"analysis": ..., "configuration": {...}}`); where none names one, an object that fits the space as a whole
    (`{"x": [1, 2]}` for two numbers).

    Args:
        text: The reply, of any length.
        space: The search space.

    Raises:
        InvalidReply: There is no such object, it is cut off, or it does not fit the space. The message can be sent
            back to the model. No other error is ever raised for a text.
    """
    text = readable(text)
    objects, open_at = find_objects(text)
    for start, whole in reversed(objects):
        for part in parts(whole):
            if names_one(part, space):
                refuse_if_cut_off(text, open_at, start, space)
                return read(space.coerce(part), reason_of(whole, part, text[:start]))
    refuse_if_cut_off(text, open_at, -1, space)
    for start, whole in reversed(objects):
        for part in parts(whole):
            with contextlib.suppress(InvalidReply):
                return read(space.coerce(part), reason_of(whole, part, text[:start]))
    if objects:
        space.coerce(objects[-1][1])  # raises, and says what is wrong with it
    raise InvalidReply("The reply holds no JSON object.")


def read(coerced: Coerced, reason: str) -> ParsedReply:
    """The parts put together."""
    return ParsedReply(coerced.configuration, coerced.repairs, reason)


def parts(whole: Any, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """An object and the objects inside it, outermost first."""
    if isinstance(whole, Mapping):
        yield whole
    if depth < MAX_DEPTH and isinstance(whole, Mapping | list):
        for inner in whole.values() if isinstance(whole, Mapping) else whole:
            yield from parts(inner, depth + 1)


def names_one(part: Mapping[str, Any], space: SearchSpace) -> bool:
    """Whether a key is the name of a hyperparameter and its value is not an object that must be looked into."""
    return any(key in space and not isinstance(value, Mapping) for key, value in part.items())


def refuse_if_cut_off(text: str, open_at: int | None, after: int, space: SearchSpace) -> None:
    """An object that the text ends in the middle of, and that names a hyperparameter, is what was meant."""
    if open_at is not None and open_at > after and any(name in text[open_at:] for name in space):
        raise InvalidReply("The JSON object is cut off before its end. Write less around it.")


def reason_of(whole: Mapping[str, Any], part: Mapping[str, Any], before: str) -> str:
    """The analysis: texts beside the configuration in the object around it, else the prose before it."""
    beside = [v for v in whole.values() if isinstance(v, str)] if whole is not part else []
    text = " ".join((" ".join(beside) or re.sub(r"```\w*", " ", before)).split())
    text = re.sub(r"\b(?:next )?(?:configuration|config|output|json)\W*$", "", text, flags=re.IGNORECASE)
    text = re.sub(r"^\W*\b(?:analysis|reasoning|thought)\b[\"'*: ]*", "", text, flags=re.IGNORECASE)
    text = text.lstrip(" *#").rstrip(" *#[{(,\"'")
    return text if len(text) <= MAX_REASON else text[: MAX_REASON - 3] + "..."


def find_objects(text: str) -> tuple[list[tuple[int, dict[str, Any]]], int | None]:
    """All objects at top level, with where they start; and where one starts that the text ends in, if any."""
    found: list[tuple[int, dict[str, Any]]] = []
    open_at = None
    at = text.find("{")
    work = 0
    while at >= 0 and work < MAX_WORK:
        try:
            value, end = read_value(text, at, 0)
        except Unreadable as error:
            if isinstance(error, EndOfText) and open_at is None:
                open_at = at
            end = at + 1
            work += error.at - at
        else:
            found.append((at, value))
            open_at = None
        at = text.find("{", end)
    return found, open_at


class Unreadable(Exception):
    """Not even relaxed JSON; the place where that was found out."""

    def __init__(self, at: int) -> None:
        self.at = at


class EndOfText(Unreadable):
    """It may be JSON, but the text ends before it does."""


SPACE = re.compile(r"(?:\s|//[^\n]*|#[^\n]*)*")
QUOTES = ('"', "'", "\u201c\u201d\u201e\u201f", "\u2018\u2019\u201a\u201b")  # typographic ones close each other
STRING = re.compile("|".join(rf"[{q}]((?:[^{q}\\]|\\.)*)[{q}]" for q in QUOTES), re.DOTALL)
NUMBER = re.compile(r"[+-]?(?:\d{1,300}+\.?+\d{0,300}+|\.\d{1,300}+)(?:[eE][+-]?\d{1,9}+)?(?![\w.])")  # no backtracking
WORD = re.compile(r"[+-]?[A-Za-z_][\w.-]*")
WORDS = {"true": True, "false": False, "null": None, "none": None}


def read_value(text: str, at: int, depth: int) -> tuple[Any, int]:
    """Read one value of relaxed JSON; returns it and where it ends."""
    at = skip_space(text, at)
    if text[at] in "{[":
        if depth >= MAX_DEPTH:
            raise Unreadable(at)
        return (read_object if text[at] == "{" else read_list)(text, at + 1, depth + 1)
    if text[at] in "".join(QUOTES):
        return read_string(text, at)
    if match := NUMBER.match(text, at):
        return as_python_number(match[0]), match.end()
    if match := WORD.match(text, at):
        return WORDS.get(match[0].lower(), match[0]), match.end()
    raise Unreadable(at)


def read_object(text: str, at: int, depth: int) -> tuple[dict[str, Any], int]:
    """Read what follows an opening brace."""
    members: dict[str, Any] = {}
    while text[at := skip_space(text, at)] != "}":
        key, at = read_value(text, at, MAX_DEPTH)
        if text[at := skip_space(text, at)] not in ":=":
            raise Unreadable(at)
        members[str(key)], at = read_value(text, at + 1, depth)
        at = skip_comma(text, at, "}")
    return members, at + 1


def read_list(text: str, at: int, depth: int) -> tuple[list[Any], int]:
    """Read what follows an opening bracket."""
    items = []
    while text[at := skip_space(text, at)] != "]":
        item, at = read_value(text, at, depth)
        items.append(item)
        at = skip_comma(text, at, "]")
    return items, at + 1


def read_string(text: str, at: int) -> tuple[str, int]:
    """Read a text in any kind of quotes."""
    match = STRING.match(text, at)
    if not match:
        raise EndOfText(len(text))
    inner = str(match[match.lastindex or 0])
    if text[at] != '"':
        inner = inner.replace("\\'", "'").replace('"', '\\"')
    try:
        return str(json.loads(f'"{inner}"', strict=False)), match.end()
    except ValueError:
        return inner, match.end()


def as_python_number(digits: str) -> int | float:
    """An integer where it is written as one."""
    return int(digits) if re.fullmatch(r"[+-]?\d+", digits) else float(digits)


def skip_space(text: str, at: int) -> int:
    """The next place with anything but white space or a comment."""
    match = SPACE.match(text, at)
    assert match is not None
    if match.end() >= len(text):
        raise EndOfText(len(text))
    return match.end()


def skip_comma(text: str, at: int, closing: str) -> int:
    """Past a comma; a value is followed by one or by the closing mark."""
    at = skip_space(text, at)
    if text[at] == ",":
        return at + 1
    if text[at] != closing:
        raise Unreadable(at)
    return at
