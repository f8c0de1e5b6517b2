"""A report as data, so that Markdown and HTML say the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = ["Block", "Document", "Picture", "Section", "Table", "Text"]


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph; or lines as they are, where it is `code`."""

    text: str
    code: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table; cells are plain text.

    Attributes:
        heads: Of the columns.
        rows: Cells.
        caption: What to know before it is read.
    """

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure.

    Attributes:
        name: Of its file, without ending.
        caption: What it shows.
        svg: The drawing; empty where it is too large for one.
        png: The same as pixels.
    """

    name: str
    caption: str
    svg: bytes
    png: bytes


Block = Text | Table | Picture


@dataclass(frozen=True, slots=True)
class Section:
    """A part.

    Attributes:
        title: Of the part.
        blocks: What stands in it.
        page: Name of the file that it gets for itself in Markdown; empty: it stands in the main one. On the HTML page
            it is folded.
    """

    title: str
    blocks: Sequence[Block]
    page: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """The whole."""

    title: str
    sections: Sequence[Section] = field(default_factory=tuple)
