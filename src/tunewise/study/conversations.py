"""Where conversations are kept: with the study, as system attributes that are only ever added.

A conversation has an id of its own; each of its turns is one attribute under that id and a number, written once. So any
number of people can talk about a study at a time, in any storage that Optuna has, and nobody overwrites anybody. Calls
are kept beside them, where the sampler and `show` count them with those of the trials.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tunewise import attributes
from tunewise.account import make_room
from tunewise.errors import UsageError
from tunewise.llm.base import ChatRequest, Message
from tunewise.llm.calls import Call
from tunewise.optuna_private import id_of_study, storage_of
from tunewise.plain import PlainDict

if TYPE_CHECKING:
    import optuna

__all__ = ["PROGRAM", "Conversations", "Kept", "Turn"]

PROGRAM = "(from the program, not the user)"
"""How a turn begins that the program says in the user's place."""


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
        now = datetime.now(UTC)
        return f"{now:%Y%m%d-%H%M%S}-{now.microsecond:05x}{secrets.token_hex(2)}"

    def add(self, conversation: str, number: int, turn: Turn) -> None:
        """Keep a turn."""
        self._write(f"{attributes.CHAT}{conversation}:{number:05d}", asdict(turn) | {"message": turn.message.to_dict()})

    def add_call(self, conversation: str, call: Call, question: int) -> None:
        """Keep what a call took, with the number of the turn that asked. Its text is in the turns."""
        entry = call.to_dict() | {"text": "", "question": question}
        at = f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"  # sorted by time; the rest keeps two processes apart
        self._write(f"{attributes.CHAT_CALL}{conversation}:{at}-{secrets.token_hex(3)}", entry)

    def make_room(self, request: ChatRequest) -> None:
        """Refuse a call that could be paid and not be recorded.

        Raises:
            StudyError: The disk is full, or the storage may not be written any more.
        """
        if self._study is not None:
            make_room(storage_of(self._study), id_of_study(self._study), request)

    def kept(self) -> list[Kept]:
        """All conversations, the latest last."""
        found = []
        for conversation, turns in self.every().items():
            question = next((t.message.content for t in turns.values() if t.message.role == "user"), "")
            found.append(Kept(conversation, next(iter(turns.values())).at, question, len(turns)))
        return found

    def every(self) -> dict[str, dict[int, Turn]]:
        """The turns of each conversation by their numbers, the latest conversation last; damaged turns are left out."""
        attrs = self._attrs()
        found: dict[str, dict[int, Turn]] = {}
        for key in sorted(key for key in attrs if key.startswith(attributes.CHAT)):
            conversation, _, number = key.removeprefix(attributes.CHAT).rpartition(":")
            if number.isdecimal() and (turn := read_turn(attrs[key])):
                found.setdefault(conversation, {})[int(number)] = turn
        return found

    def calls(self) -> dict[str, list[tuple[int, object]]]:
        """The calls of each conversation as stored, each with the number of the turn that asked, oldest first."""
        attrs = self._attrs()
        found: dict[str, list[tuple[int, object]]] = {}
        for key in sorted(key for key in attrs if key.startswith(attributes.CHAT_CALL)):
            conversation = key.removeprefix(attributes.CHAT_CALL).rpartition(":")[0]
            call = attrs[key]
            asked = call.get("question") if isinstance(call, dict) else None
            found.setdefault(conversation, []).append((asked if isinstance(asked, int) else -1, call))
        return found

    def turns(self, conversation: str) -> list[Turn]:
        """A conversation.

        Raises:
            UsageError: There is none with this id.
        """
        return list(self.numbered(conversation).values())

    def numbered(self, conversation: str) -> dict[int, Turn]:
        """A conversation, its turns by their numbers.

        Raises:
            UsageError: There is none with this id.
        """
        turns = self.every().get(conversation)
        if turns is None:
            raise UsageError(f"The study has no conversation {conversation!r}. Leave the id out for the latest one.")
        return turns

    def _attrs(self) -> Mapping[str, object]:
        return {} if self._study is None else storage_of(self._study).get_study_system_attrs(id_of_study(self._study))

    def _write(self, key: str, value: PlainDict) -> None:
        if self._study is not None:
            storage_of(self._study).set_study_system_attr(id_of_study(self._study), key, value)


def read_turn(entry: object) -> Turn | None:
    """A stored turn, if it is one: a study file is anybody's."""
    if not isinstance(entry, Mapping):
        return None
    try:
        message = Message.from_dict(entry["message"])
        texts = (message.content, entry["at"], *(c.arguments + c.name + c.id for c in message.tool_calls))
        if message.role not in ("user", "assistant", "tool") or not all(isinstance(text, str) for text in texts):
            return None
        return Turn(message, entry["at"], entry.get("interrupted") is True)
    except (LookupError, TypeError, AttributeError, ValueError):
        return None
