"""Reading a report's page as a browser would, and what must hold of every page."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any


class Page(HTMLParser):
    """What a browser would make of the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.scripts: list[tuple[dict[str, str], str]] = []
        self.text = ""
        self._inside: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {key: value or "" for key, value in attrs}
        self.tags.append((tag, known))
        self._inside.append(tag)
        if tag == "script":
            self.scripts.append((known, ""))

    def handle_endtag(self, tag: str) -> None:
        while self._inside and self._inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "script" in self._inside:
            attributes, so_far = self.scripts[-1]
            self.scripts[-1] = attributes, so_far + data
        elif "style" not in self._inside:
            self.text += data

    @property
    def plots(self) -> dict[str, Any]:
        """The figures' data."""
        return dict(json.loads(next(text for attributes, text in self.scripts if attributes.get("id") == "plots")))

    @property
    def policy(self) -> str:
        """The content security policy."""
        return next(a["content"] for t, a in self.tags if a.get("http-equiv") == "Content-Security-Policy")


def assert_inert(made: Page) -> None:
    """No tag that loads, no address outside, no handler; three scripts, of which the two that run are allowed."""
    loading = {"img", "iframe", "link", "object", "embed", "form", "audio", "video", "base", "svg"}
    for tag, attributes in made.tags:
        assert tag not in loading, (tag, attributes)
        for key, value in attributes.items():
            assert not key.startswith("on"), (tag, attributes)
            assert key not in ("src", "srcdoc", "action"), (tag, attributes)
            if key == "href":
                assert value.startswith("#"), (tag, attributes)
            if key == "style":
                assert "url(" not in value, (tag, attributes)
    data, *running = made.scripts
    assert data[0]["type"] == "application/json"
    assert len(running) == 2
    for _, script in running:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in made.policy
    assert made.policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in made.policy
    assert not re.search(r"script-src[^;]*unsafe", made.policy)


def texts(data: Any) -> Iterator[str]:
    """Every text in plain data."""
    match data:
        case str():
            yield data
        case dict():
            for value in data.values():
                yield from texts(value)
        case list():
            for value in data:
                yield from texts(value)
