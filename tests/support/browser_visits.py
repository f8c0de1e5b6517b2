"""A tab of a real browser that writes down what a page complains of and asks for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from playwright.sync_api import Page

DESK, PHONE = (1280, 900), (390, 844)
PATIENCE_S = 20

Open = Callable[..., "Visit"]
Picture = Callable[..., None]


@dataclass
class Visit:
    """A page in a tab, and everything that it complained of or asked for.

    Attributes:
        page: The tab.
        complaints: Errors and warnings on the console, exceptions, dialogs.
        requests: Addresses of everything that was loaded, the page's own included.
    """

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def scroll_through(self) -> None:
        """Bring every figure near the screen once: they are drawn when they come there."""
        for place in self.page.locator("[data-plot]").all():
            place.scroll_into_view_if_needed()
        self.until("[...document.querySelectorAll('[data-plot]')].every(p => p.querySelector('.main-svg'))")
        self.page.evaluate("scrollTo(0, 0)")

    def until(self, expression: str) -> None:
        """Wait until something is true in the page, whose policy forbids what Playwright's own waiting does."""
        ends = time.monotonic() + PATIENCE_S
        while not self.page.evaluate(expression):
            assert time.monotonic() < ends, f"not within {PATIENCE_S} s: {expression}"
            self.page.wait_for_timeout(50)
