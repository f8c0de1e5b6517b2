"""Where conversations are kept: with the study, as system attributes that are only ever added.

A conversation has an id of its own; each of its turns is one attribute under that id and a number, written once. So any
number of people can talk about a study at a time, in any storage that Optuna has, and nobody overwrites anybody. Calls
are kept under the same prefix, where the sampler and `show` count them with those of the trials.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tunewise.errors import UsageError
from tunewise.history import CHAT_CALL_KEY, CHAT_KEY
from tunewise.llm.base import Message
from tunewise.llm.ledger import Call

if TYPE_CHECKING:
    import optuna

__all__ = ["Conversations", "Kept", "Turn"]


@dataclass(frozen=True, slots=True)
class Turn:
    """A message as it was said.

    Attributes:
        message: What was said.
        at: When, in UTC, in ISO form.
        interrupted: Whether the user stopped the answer there.
    """

    message: Message
    at: str
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """A conversation that is kept: its id, when it began, its first question, how many messages it has."""

    id: str
    began: str
    question: str
    messages: int


class Conversations:
    """The conversations of a study; without a study nothing is kept."""

    def __init__(self, study: optuna.Study | None) -> None:
        self._study = study

    def new_id(self) -> str:
        """An id that nobody else has, sorted by time."""
        return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"

    def add(self, conversation: str, number: int, turn: Turn) -> None:
        """Keep a turn."""
        self._write(f"{CHAT_KEY}{conversation}:{number:05d}", asdict(turn) | {"message": turn.message.to_dict()})

    def add_call(self, conversation: str, call: Call) -> None:
        """Keep what a call took. Its text is in the turns."""
        entry = call.to_dict() | {"text": ""}
        at = f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"  # sorted by time; the rest keeps two processes apart
        self._write(f"{CHAT_CALL_KEY}{conversation}:{at}-{secrets.token_hex(3)}", entry)

    def kept(self) -> list[Kept]:
        """All conversations, the latest last."""
        found = []
        ids = dict.fromkeys(key.removeprefix(CHAT_KEY).partition(":")[0] for key in self._turn_keys())
        for conversation in sorted(ids):
            turns = self.turns(conversation)
            question = next((t.message.content for t in turns if t.message.role == "user"), "")
            if turns:
                found.append(Kept(conversation, turns[0].at, question, len(turns)))
        return found

    def turns(self, conversation: str) -> list[Turn]:
        """A conversation; turns that are damaged are left out.

        Raises:
            UsageError: There is none with this id.
        """
        attrs = self._attrs()
        keys = sorted(key for key in self._turn_keys() if key.startswith(f"{CHAT_KEY}{conversation}:"))
        if not keys:
            raise UsageError(f"The study has no conversation {conversation!r}. Leave the id out for the latest one.")
        return [turn for key in keys if (turn := read_turn(attrs[key]))]

    def _turn_keys(self) -> list[str]:
        return [key for key in self._attrs() if key.startswith(CHAT_KEY)]

    def _attrs(self) -> Mapping[str, Any]:
        return {} if self._study is None else self._study._storage.get_study_system_attrs(self._study._study_id)

    def _write(self, key: str, value: Any) -> None:
        if self._study is not None:
            self._study._storage.set_study_system_attr(self._study._study_id, key, value)


def read_turn(entry: Any) -> Turn | None:
    """A stored turn, if it is one: a study file is anybody's."""
    try:
        message = Message.from_dict(entry["message"])
        texts = (message.content, entry["at"], *(c.arguments + c.name + c.id for c in message.tool_calls))
        if message.role not in ("user", "assistant", "tool") or not all(isinstance(text, str) for text in texts):
            return None
        return Turn(message, entry["at"], entry.get("interrupted") is True)
    except (LookupError, TypeError, AttributeError, ValueError):
        return None
