"""Where configurations come from: generators that yield requests to a model and return a `Proposal`. No I/O."""

from tunewise.proposers.auto import Auto
from tunewise.proposers.base import ProposalContext, Proposer, Proposing
from tunewise.proposers.chat import Chat
from tunewise.proposers.compressed import Compressed
from tunewise.proposers.options import AutoOptions
from tunewise.proposers.registry import PROPOSERS, as_stored, describe_proposers, find_proposer, from_stored
from tunewise.proposers.simple import DefaultFirst, Random
from tunewise.record import Proposal

__all__ = [
    "PROPOSERS",
    "Auto",
    "AutoOptions",
    "Chat",
    "Compressed",
    "DefaultFirst",
    "Proposal",
    "ProposalContext",
    "Proposer",
    "Proposing",
    "Random",
    "as_stored",
    "describe_proposers",
    "find_proposer",
    "from_stored",
]
