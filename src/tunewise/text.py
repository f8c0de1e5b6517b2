"""Texts for people and models: cut to length, safe to show, with a hint at what was meant, money and time in words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Final, Protocol

from tunewise.secrets import mask, unfinished

__all__ = [
    "StreamedText",
    "clip",
    "did_you_mean",
    "duration",
    "encodable",
    "fit",
    "money",
    "nearest",
    "on_one_line",
    "printable",
    "sentence",
    "shorten",
    "without_commands",
]

COMMAND: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # colours, cursor
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"  # titles, links, the clipboard
    r"|\x1b[ -/]*[0-OQ-WYZ\\`-~]"
)
BEGINNING: Final = re.compile(
    r"(?:(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*\x1b?|\x1b[\[ -/]?[ -?]*|\x9b[ -?]*)\Z"
)
MAX_COMMAND: Final = 4_000
"""Characters after which a command to a terminal that does not end is taken for text."""


MAX_LINE: Final = 1_000
"""Characters of a line that are looked at again when more of it comes."""


def shorten(value: object, limit: int = 60) -> str:
    """A value as text for a message, however large it is."""
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 200:
        return f"an integer of {value.bit_length()} bits"
    try:
        text = value if isinstance(value, str) else repr(value)
    except (ValueError, RecursionError):  # a list of endless integers, or one that is nested too deeply
        return f"a {type(value).__name__} that is too large to show"
    return text if len(text) <= limit else text[: limit - 3] + "..."


def clip(text: str, limit: int) -> str:
    """The text on one line, cut where it is longer than `limit` characters."""
    return shorten(" ".join(text.split()), limit)


def sentence(text: str) -> str:
    """The text, with an end where it has none, so that another sentence can follow it."""
    text = text.rstrip()
    return text if text.endswith((".", "!", "?", ":", ")")) else f"{text}."


def fit(text: str, room: int) -> str:
    """The text, cut in its middle where it is longer than `room` characters: both ends tell more than one."""
    if len(text) <= room:
        return text
    half = max(1, room // 2)
    return f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"


def nearest(word: object, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """The known word that a mistyped one is most like; empty when there is none."""
    spelled = {each.lower(): each for each in known}
    near = difflib.get_close_matches(shorten(word).lower(), spelled, 1, cutoff)
    return spelled[near[0]] if near else ""


def did_you_mean(word: object, known: Iterable[str], otherwise: str = "") -> str:
    """A question for the known word that was probably meant, else another sentence."""
    near = nearest(word, known)
    return f"Did you mean {near}?" if near else otherwise


def printable(text: str) -> str:
    """The text without secrets and without characters that command a terminal: whatever a person is shown."""
    return visible(mask(text))


def visible(text: str) -> str:
    """The text without characters that command a terminal."""
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)


def on_one_line(text: str) -> str:
    """The text on one line, without characters that show nothing."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def without_commands(text: str) -> str:
    """The text without commands to a terminal; other characters that show nothing become a replacement character."""
    return printable(COMMAND.sub("", text.replace("\r\n", "\n")))


def encodable(text: str) -> str:
    """The text without lone surrogates, which no file and no server takes."""
    return text.encode("utf-8", "replace").decode()


class StreamedText:
    """Masks a text that comes piece by piece, and takes commands to a terminal out of it, also where one is cut in two.

    What may be the beginning of a command or of a secret waits for what follows: a word for its end, a known secret
    for all of it. What stands before in its line is looked at too: `password:` says what the next word is.
    """

    def __init__(self) -> None:
        self._held = ""
        self._line = ""  # as it came, and as it was shown
        self._shown = ""

    def __call__(self, piece: str) -> str:
        """What can be shown so far."""
        text = COMMAND.sub("", self._held + piece)
        begun = BEGINNING.search(text)
        word = "" if text[-1:].isspace() else "".join(text.rsplit(None, 1)[-1:])
        whole = unfinished(text, min(begun.start() if begun else len(text), len(text) - len(word)))
        if len(text) - whole >= MAX_COMMAND:
            whole = len(text)
        self._held = text[whole:]
        return self._masked(text[:whole])

    def _masked(self, text: str) -> str:
        line, before = self._line + text, self._shown
        masked = without_commands(line)
        self._line, self._shown = line.rpartition("\n")[2], masked.rpartition("\n")[2]
        if len(self._line) > MAX_LINE:
            self._line, self._shown = "", ""
        return masked[len(before) :] if masked.startswith(before) else without_commands(text)

    @property
    def held(self) -> bool:
        """Whether something waits."""
        return bool(self._held)

    def rest(self) -> str:
        """What has waited in vain."""
        held, self._held = self._held, ""
        return self._masked(held)


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


class Costs(Protocol):
    """What calls cost; `cost_usd` is None where a price is not known, `at_least_usd` what is known of it."""

    @property
    def cost_usd(self) -> float | None:
        """All of it."""

    @property
    def at_least_usd(self) -> float:
        """The known part."""


def money(totals: Costs) -> str:
    """What calls cost; unknown is said as such."""
    if totals.cost_usd is None:
        return f"cost unknown, at least ${totals.at_least_usd:.4f}" if totals.at_least_usd else "cost unknown"
    return f"${totals.cost_usd:.4f}" if totals.cost_usd else "$0"
