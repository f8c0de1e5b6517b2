"""The report as one HTML page that runs no script and asks nobody for anything."""

from __future__ import annotations

import base64
from importlib.resources import files

import jinja2
from markupsafe import Markup

from tunewise.bench.report.document import Document, Picture

__all__ = ["page"]


def page(document: Document) -> str:
    """The page, figures included; it follows the reader's light or dark scheme."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals |= {"kind": lambda block: type(block).__name__, "data": data}
    css = asset("tunewise.report", "page.css") + asset(__package__, "page.css")
    template = environment.from_string(asset(__package__, "page.html.jinja"))
    return template.render(document=document, css=Markup(css))  # noqa: S704 - our own files


def data(picture: Picture) -> str:
    """A figure as an address that holds it."""
    kind, content = ("svg+xml", picture.svg) if picture.svg else ("png", picture.png)
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def asset(package: str | None, name: str) -> str:
    """A file of a package."""
    assert package is not None
    return (files(package) / "assets" / name).read_text("utf-8")
