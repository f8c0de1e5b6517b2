"""YAML as its version 1.2 means it: `1e-4` is a number, `on` and `90:10` are text, and no key stands twice.

PyYAML splits a text into events; what they mean is decided here, by the core schema of YAML 1.2, with bounds on size,
depth and on what aliases multiply, so that no file of a few bytes takes time or memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final, Protocol

import yaml

from tunewise.errors import StudyError
from tunewise.plain import Plain
from tunewise.text import clip, shorten

__all__ = ["read_yaml", "read_yaml_file", "write_yaml"]

PARSER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Only splits a text into events: in C where PyYAML was built so, which is 50 times as fast."""
LONGEST: Final = 1_000_000
"""Characters of a text."""
DEEPEST: Final = 40
"""Levels of lists and mappings."""
MOST: Final = 20_000
"""Values in all, where an alias counts as often as it stands for one."""
MOST_DIGITS: Final = 1_000
"""Digits of an integer."""

PREFIX: Final = "tag:yaml.org,2002:"
CORE: Final = (
    ("null", re.compile(r"(?:~|null|Null|NULL|)\Z"), "~nN"),
    ("bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), "tTfF"),
    ("int", re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z"), "-+0123456789"),
    ("float", re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z"), "-+.0123456789"),
    ("float", re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"), "-+."),
)
"""The core schema: what a plain scalar is, and the characters that it may begin with."""


class Mark(Protocol):
    """A place in a text, of either parser."""

    line: int


class Refused(Exception):
    """Why a text is no data, and where."""

    def __init__(self, why: str, mark: Mark | None) -> None:
        super().__init__(why)
        self.mark = mark


def read_yaml_file(path: Path) -> Plain:
    """The data of a YAML or JSON file; see `read_yaml`.

    Raises:
        StudyError: It cannot be read, or is no such file.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            return read_yaml(file.read(LONGEST + 1), source=str(path))
    except OSError as error:
        raise StudyError(f"{path} cannot be read: {error.strerror}. Name a file that is there.") from None
    except UnicodeDecodeError as error:
        raise StudyError(f"{path} is not YAML: it is not UTF-8 ({error.reason}). Save it as UTF-8.") from None


def read_yaml(text: str, *, source: str) -> Plain:
    """The data of a YAML text, or of a JSON text, which is YAML too.

    Args:
        text: One document.
        source: What it is called in errors, such as the path of a file.

    Returns:
        Mappings with text as keys, lists, and scalars by the core schema of YAML 1.2; None when it is empty.

    Raises:
        StudyError: It is not YAML, has a key twice, a tag of a program, more than one document, or is too large or too
            deep; with the line.
    """
    if len(text) > LONGEST:
        raise StudyError(f"{source} is longer than {LONGEST} characters, which no study file is. Name another file.")
    try:
        return Reader(text).read()
    except Refused as error:
        raise StudyError(f"{source}{place(error.mark)}: {error}") from None
    except yaml.MarkedYAMLError as error:
        why = clip(f"{error.problem or error.context or 'it cannot be read'}", 200)
        raise StudyError(f"{source} is not YAML{place(error.problem_mark)}: {why}. Correct it.") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise StudyError(f"{source} is not YAML: {clip(str(error), 200)}. Correct it.") from None


def write_yaml(data: Plain, stream: IO[str] | None = None) -> str:
    """Data as YAML that `read_yaml` reads as the same, in the same order; also written to a stream."""
    text: str = yaml.dump(data, Dumper=Writer, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110)
    if stream is not None:
        stream.write(text)
    return text


class Reader:
    """Builds data out of events, and counts while it does."""

    def __init__(self, text: str) -> None:
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=PARSER)
        self._anchors: dict[str, tuple[Plain, int]] = {}
        self._count = 0

    def read(self) -> Plain:
        """The one document."""
        next(self._events)  # the stream begins
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None
        data = self._value(next(self._events), 0)
        next(self._events)  # the document ends
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise Refused("a second document begins. Keep one in a file.", after.start_mark)
        return data

    def _value(self, event: yaml.Event, depth: int) -> Plain:
        if depth > DEEPEST:
            raise Refused(f"it is nested deeper than {DEEPEST} levels. Flatten it.", event.start_mark)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        self._add(1, event)
        before, data = self._count, None
        match event:
            case yaml.ScalarEvent():
                data = scalar(event)
            case yaml.SequenceStartEvent():
                check_tag(event, "seq")
                data = list(self._items(depth))
            case yaml.MappingStartEvent():
                check_tag(event, "map")
                data = self._mapping(depth)
        if anchor := getattr(event, "anchor", None):
            self._anchors[anchor] = data, self._count - before + 1
        return data

    def _alias(self, event: yaml.AliasEvent) -> Plain:
        known = self._anchors.get(event.anchor or "")
        if known is None:
            raise Refused(f"*{shorten(event.anchor)} stands for nothing that is complete there.", event.start_mark)
        self._add(known[1], event)
        return known[0]

    def _items(self, depth: int) -> Iterator[Plain]:
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            yield self._value(event, depth + 1)

    def _mapping(self, depth: int) -> dict[str, Plain]:
        data: dict[str, Plain] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise Refused("a key must be a text, and this one is a list, a mapping or an alias.", event.start_mark)
            self._add(1, event)
            key = event.value
            if key == "<<" and event.implicit[0]:
                raise Refused("<< is of YAML 1.1. Write the keys out.", event.start_mark)
            if key in data:
                raise Refused(f"the key {shorten(repr(key))} stands twice. Keep one of them.", event.start_mark)
            data[key] = self._value(next(self._events), depth + 1)
        return data

    def _add(self, count: int, event: yaml.Event) -> None:
        self._count += count
        if self._count > MOST:
            raise Refused(f"it holds more than {MOST} values. Write less.", event.start_mark)


def scalar(event: yaml.ScalarEvent) -> Plain:
    """A scalar by its tag, or by the core schema when it is plain."""
    text, tag = event.value, event.tag
    if tag is None or tag == "!":
        kind = next((name for name, form, _ in CORE if form.match(text)), "str") if event.implicit[0] else "str"
    else:
        kind = check_tag(event, "str", "int", "float", "bool", "null")
    forms = [form for name, form, _ in CORE if name == kind]
    if kind != "str" and not any(form.match(text) for form in forms):
        raise Refused(f"{shorten(repr(text))} is no {kind}.", event.start_mark)
    match kind:
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int":
            if len(text) > MOST_DIGITS:
                raise Refused(f"an integer of {len(text)} digits is longer than any use. Shorten it.", event.start_mark)
            return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
        case "float":
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


def check_tag(event: yaml.NodeEvent, *known: str) -> str:
    """The kind that a tag of the core schema names; the first of those known when there is none."""
    tag: str | None = getattr(event, "tag", None)
    if tag is None or tag == "!":
        return known[0]
    kind = tag.removeprefix(PREFIX)
    if kind == tag or kind not in known:
        raise Refused(f"the tag {shorten(tag)} is not of YAML's core schema. Leave it out.", event.start_mark)
    return kind


def place(mark: Mark | None) -> str:
    """Where something stands, as people count."""
    return "" if mark is None else f", line {mark.line + 1}"


class Writer(yaml.SafeDumper):
    """Quotes what the core schema would take for something else, and nothing more."""

    def ignore_aliases(self, data: object) -> bool:
        """What occurs twice is written twice."""
        del data
        return True


Writer.yaml_implicit_resolvers = {}
for _kind, _form, _first in CORE:
    Writer.add_implicit_resolver(PREFIX + _kind, _form, [*_first, *([""] if _kind == "null" else [])])
Writer.add_implicit_resolver(f"{PREFIX}merge", re.compile(r"<<\Z"), ["<"])


def tuple_as_list(writer: yaml.SafeDumper, data: tuple[Plain, ...]) -> yaml.Node:
    """A tuple is a list in a file."""
    return writer.represent_list(data)


Writer.add_representer(tuple, tuple_as_list)


def text_scalar(writer: yaml.SafeDumper, text: str) -> yaml.Node:
    """A text; in double quotes, which have escapes, where it holds what a line of YAML does not keep."""
    odd = any(c in "\x85\u2028\u2029\ufeff" or not (c.isprintable() or c == "\n") for c in text)
    return writer.represent_scalar(f"{PREFIX}str", text, style='"' if odd else None)


Writer.add_representer(str, text_scalar)
