"""Proposers by name, as a study file, a command line, a page and a stored study say them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass, replace
from typing import Any, Final, cast

from tunewise.errors import StudyError
from tunewise.llm.base import ChatModel
from tunewise.llm.scripted import ScriptedModel
from tunewise.plain import Plain, PlainDict
from tunewise.proposers.auto import Auto
from tunewise.proposers.base import Proposer
from tunewise.proposers.chat import Chat
from tunewise.proposers.compressed import Compressed
from tunewise.proposers.simple import Random

__all__ = ["PROPOSERS", "as_stored", "describe_proposers", "find_model", "find_proposer", "from_stored"]

PROPOSERS: Final[Mapping[str, type[Auto | Compressed | Chat | Random]]] = {
    kind.name: kind for kind in (Auto, Compressed, Chat, Random)
}
"""All of them. What a proposer does stands in the first line of its docstring; its options are its fields' classes."""


def describe_proposers() -> dict[str, str]:
    """A sentence on each, for help and pages."""
    return {name: (kind.__doc__ or "").strip().splitlines()[0] for name, kind in PROPOSERS.items()}


def find_proposer(proposer: str | Proposer) -> Proposer:
    """A proposer by name with its usual options, or the one that was given.

    Raises:
        StudyError: There is none of this name, or it is no proposer.
    """
    if isinstance(proposer, str):
        if proposer not in PROPOSERS:
            raise StudyError(f"proposer = {proposer!r} is unknown. The proposers are {', '.join(PROPOSERS)}.")
        return PROPOSERS[proposer]()
    if isinstance(proposer, type) or not isinstance(proposer, Proposer):
        raise StudyError(
            f"proposer = {proposer!r} is neither a name nor a proposer. The names are {', '.join(PROPOSERS)}; a "
            "proposer has a name, needs_model, and a method propose(context)."
        )
    return proposer


def find_model(model: str | ChatModel | None, proposer: Proposer) -> ChatModel:
    """The model that was named or given; some proposers need none.

    Raises:
        StudyError: None was given to a proposer that needs one, or its name is unknown.
    """
    if model is None:
        if proposer.needs_model:
            raise StudyError(
                'No model was given. Name one: model="embedded", or the model of an OpenAI-compatible server.'
            )
        return ScriptedModel([], name="none")
    from tunewise.llm.resolve import resolve_model

    return resolve_model(model)


def as_stored(proposer: Proposer) -> PlainDict:
    """Name and options, as a study keeps them."""
    options = getattr(proposer, "options", None)
    known = cast("Plain", asdict(options)) if is_dataclass(options) and not isinstance(options, type) else {}
    return {"name": proposer.name, **({"options": known} if known else {})}


def from_stored(stored: object) -> Proposer:
    """The reverse of `as_stored`; a name alone means the usual options.

    Raises:
        StudyError: The proposer is unknown here, or its options are not what it takes.
    """
    if isinstance(stored, str):
        return find_proposer(stored)
    if not isinstance(stored, Mapping) or not isinstance(stored.get("name"), str):
        raise StudyError(f"proposer = {stored!r} is no proposer. Give its name, or a mapping of name and options.")
    proposer, options = find_proposer(stored["name"]), stored.get("options") or {}
    if not options:
        return proposer
    kind: Any = type(proposer)
    usual: Any = getattr(proposer, "options", None)
    names = [field.name for field in fields(usual)] if is_dataclass(usual) else []
    unknown = [str(name) for name in options if name not in names] if isinstance(options, Mapping) else [str(options)]
    if unknown or not isinstance(options, Mapping):
        known = f"It takes {', '.join(names)}." if names else "It takes none."
        raise StudyError(f"proposer {proposer.name}: the option {unknown[0]!r} is unknown. {known}")
    return cast("Proposer", kind(options=replace(usual, **options)))
