"""Addresses of servers: whether one is an address, what of it is shown, and whether it is near."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from tunewise.errors import UsageError

__all__ = ["check_url", "is_local", "show_address"]


def check_url(base_url: str) -> str:
    """The address, if it is one."""
    try:
        parts = urlsplit(base_url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except (ValueError, AttributeError, TypeError):
        valid = False
    if not valid or any(character.isspace() for character in base_url):
        raise UsageError(
            "base_url is not an address of the form http://host:port/v1 or https://host/v1. Correct it, or leave it "
            "out for OpenAI."
        )
    return base_url.rstrip("/")


def is_local(base_url: str) -> bool:
    """Whether the server is on this machine or in its network, where keys are rare."""
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local", ".internal"))


def show_address(base_url: str) -> str:
    """An address fit for messages: without user, password and query."""
    parts = urlsplit(base_url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
