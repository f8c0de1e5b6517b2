"""Rendering templates: strict, from files, with a hash that is stored with every trial."""

from __future__ import annotations

import hashlib
from functools import cache, lru_cache
from importlib.resources import files

import jinja2

from tunewise.prompts.views import CompressedView, View
from tunewise.text import clip
from tunewise.tokens import estimate_tokens

__all__ = ["MAX_PROMPT_TOKENS", "render", "render_bounded", "template_hash"]

MAX_PROMPT_TOKENS = 2_000
"""A compressed prompt stays below this however long the history; METHOD: about 2,000 tokens."""


@cache
def environment() -> jinja2.Environment:
    """Templates are text files; a name that a view lacks is an error."""
    made = jinja2.Environment(
        loader=jinja2.FunctionLoader(load),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - prompts are plain text; nothing here is ever shown as HTML
    )
    made.filters["clip"] = clip
    return made


def load(name: str) -> str:
    """A template of this package, or of another: "package:name"."""
    package, _, file = name.rpartition(":")
    return (files(package or __package__) / "templates" / file).read_text("utf-8")


class Context(dict[str, object]):
    """Gives a template the attributes of a view by name."""

    def __init__(self, view: View) -> None:
        super().__init__({name: getattr(view, name) for name in dir(view) if not name.startswith("_")})


def render(view: View) -> str:
    """The text of a view's template."""
    return environment().get_template(view.template).render(Context(view)).strip()


def render_bounded(view: CompressedView, limit: float = MAX_PROMPT_TOKENS) -> str:
    """A prompt with as many trials as fit below `limit` tokens; the problem itself is never cut."""
    while True:
        text = render(view)
        size = estimate_tokens(text)
        if size <= limit or view.most <= 1:
            return text
        view = view.smaller(limit / size)


@lru_cache
def template_hash() -> str:
    """Twelve hexadecimal digits that change when any template does."""
    digest = hashlib.sha256()
    for file in sorted((files(__package__) / "templates").iterdir(), key=lambda f: f.name):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:12]
