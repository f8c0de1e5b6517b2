"""Where configurations come from: generators that yield requests to a model and return a `Proposal`. No I/O."""

from tunewise.proposers.auto import auto, auto_prior, auto_with
from tunewise.proposers.base import Ask, Meanwhile, Proposal, Proposer, Proposing, Source
from tunewise.proposers.chat import chat
from tunewise.proposers.compressed import compressed
from tunewise.proposers.options import AutoOptions
from tunewise.proposers.plain import default_first, random

__all__ = [
    "Ask",
    "AutoOptions",
    "Meanwhile",
    "Proposal",
    "Proposer",
    "Proposing",
    "Source",
    "auto",
    "auto_prior",
    "auto_with",
    "chat",
    "compressed",
    "default_first",
    "random",
]
