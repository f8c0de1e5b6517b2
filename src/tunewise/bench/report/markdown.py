"""The report as Markdown: one main file, a file for each task, figures beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tunewise.bench.report.document import Block, Document, Picture, Section, Table, Text

__all__ = ["markdown"]


def markdown(document: Document, *, figures: str | None, tasks: str | None) -> dict[str, str]:
    """The files by name; "" is the main one.

    Args:
        document: What to write.
        figures: Folder of the figures, relative to the main file; None: the text says what is left out.
        tasks: Folder of the tasks' pages, likewise; None: there are none.
    """
    main = [s for s in document.sections if not s.page]
    pages = [s for s in document.sections if s.page]
    lines = [f"# {document.title}", ""]
    for section in main:
        lines += [f"## {section.title}", "", *blocks(section.blocks, figures)]
    if tasks is None:
        return {"": "\n".join(lines).rstrip() + "\n"}
    lines += ["## Each task", "", *(f"- [{s.title}]({tasks}/{s.page}.md)" for s in pages), ""]
    up = None if figures is None else f"../{figures}"
    return {
        "": "\n".join(lines).rstrip() + "\n",
        **{f"{tasks}/{s.page}.md": "\n".join(page(s, up)).rstrip() + "\n" for s in pages},
    }


def page(section: Section, figures: str | None) -> list[str]:
    """A task's file."""
    return [f"# {section.title}", "", *blocks(section.blocks, figures)]


def blocks(given: Iterable[Block], figures: str | None) -> list[str]:
    """Paragraphs, tables, figures."""
    lines: list[str] = []
    for block in given:
        match block:
            case Text(text, code):
                lines += [*(f"    {line}" for line in text.splitlines())] if code else [inert(text)]
            case Table():
                lines += [*([inert(block.caption), ""] if block.caption else []), *table(block.heads, block.rows)]
            case Picture(name, caption, svg, _) if figures is not None:
                lines += [f"![{inert(caption)}]({figures}/{name}.{'svg' if svg else 'png'})"]
            case _:
                continue
        lines.append("")
    return lines


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table."""
    return [line(heads), "|" + "---|" * len(heads), *map(line, rows)]


def line(cells: Sequence[str]) -> str:
    """A row; a cell cannot end it."""
    return "| " + " | ".join(inert(cell) for cell in cells) + " |"


def inert(text: str) -> str:
    """Foreign text on one line that is neither a tag nor a link nor the end of a cell."""
    flat = " ".join(text.split())
    for mark, safe in (("&", "&amp;"), ("<", "&lt;"), ("|", "\\|"), ("[", "\\["), ("`", "\\`"), ("*", "\\*")):
        flat = flat.replace(mark, safe)
    return flat
