"""What pages share: escaping, scripts, style, and the policy that lets nothing else run."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Sequence
from importlib.resources import files

import jinja2
from markupsafe import Markup

from tunewise.report import landscape
from tunewise.report.plots import Figure, style
from tunewise.report.texts import Cleaner, number, took, value
from tunewise.text import fit

__all__ = ["Template"]

MAX_HOVER = 1_000
"""Characters of a box that follows the pointer."""
LABELS = {"text": 300, "title": 40, "name": 60, "annotations": 24, "ticktext": 30, "x": 30, "y": 30}
"""Characters of the texts that stand in a figure, by where they stand."""


class Template:
    """A page of this package: every text in it is cleaned and escaped, and only its own scripts may run.

    Args:
        name: Of the file.
        clean: The gate for texts of others.
        drawn: Its figures.
    """

    def __init__(self, name: str, clean: Cleaner, drawn: Sequence[Figure]) -> None:
        environment = jinja2.Environment(
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=lambda text: text if isinstance(text, Markup) else clean(text),
        )
        environment.filters |= {"number": number, "took": took, "value": value, "short": lambda given: f"{given:.4g}"}
        environment.filters["fit"] = lambda text, room: fit(clean(text), room)  # half a secret is not recognized
        environment.globals |= {"style": style}
        self._template = environment.from_string(asset(name))
        scripts = [library(), asset("page.js")]
        plots = {figure.name: {**(figure.plot or {}), "height": figure.height} for figure in drawn}
        self._shared = {
            "policy": policy(scripts),
            "css": Markup(asset("page.css")),  # noqa: S704 - our own file
            "scripts": [Markup(script) for script in scripts],  # noqa: S704 - our own, and plotly's
            "plots": in_script({name: labels(plot, clean) for name, plot in plots.items()}),
        }

    def render(self, **values: object) -> str:
        """The page with these values in it."""
        return self._template.render(**self._shared, **values)


def labels(data: object, clean: Cleaner, room: int = MAX_HOVER) -> object:
    """A figure whose texts are only texts: plotly.js would read tags and links in them; numbers with six digits."""
    match data:
        case str():
            return escape_tags(shorter(clean(data), room))
        case float():
            return float(f"{data:.6g}") if math.isfinite(data) else None
        case dict():
            return {key: labels(value, clean, min(room, LABELS.get(key, room))) for key, value in data.items()}
        case list() | tuple():
            return [labels(value, clean, room) for value in data]
    return data


def shorter(text: str, room: int) -> str:
    """Both ends of a long label, so that labels with one beginning stay apart."""
    return text if len(text) <= room else f"{text[: room * 2 // 3]}...{text[-room // 3 :]}"


def escape_tags(text: str) -> str:
    """Text for plotly.js, in which only line breaks and the empty box beside a hover box are marks."""
    safe = text.replace("&", "&amp;").replace("<", "&lt;")
    return safe.replace("&lt;br>", "<br>").replace("&lt;extra>&lt;/extra>", "<extra></extra>")


def in_script(data: object) -> Markup:
    """JSON that cannot end the script element that it stands in."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - no character of HTML is left in it


def policy(scripts: list[str]) -> str:
    """Content security: these scripts and no other, no address at all."""
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    inline = "style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'"
    return f"default-src 'none'; script-src {allowed}; {inline}"


def asset(name: str) -> str:
    """A file of this package."""
    return (files(__package__) / "assets" / name).read_text("utf-8")


def library() -> str:
    """plotly.js, as plotly ships it.

    Raises:
        UsageError: plotly is not installed.
    """
    landscape.visualization()
    from plotly.offline import get_plotlyjs

    script: str = get_plotlyjs()
    return re.sub(r"</(?=script)", r"<\\/", script, flags=re.IGNORECASE)
