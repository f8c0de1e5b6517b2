"""Names under which tunewise keeps things in a study, all of them, so that no two meanings share one."""

from __future__ import annotations

from typing import Final

__all__ = [
    "ASKED",
    "CALL",
    "CHAT",
    "CHAT_CALL",
    "GAINS",
    "GENERATION",
    "PROGRAM",
    "PROPOSAL",
    "REPEATS",
    "RESULT",
    "ROOM",
    "STOPPED",
    "STUDY",
]

PROPOSAL: Final = "tunewise:proposal"
"""User attribute of a trial: where its configuration came from, and why; a `Proposal`."""
RESULT: Final = "tunewise:result"
"""User attribute of a trial that tunewise evaluated: seconds, the reason of a failure, other numbers; a `Result`."""
ASKED: Final = "tunewise:asked"
"""User attribute of a trial that somebody outside evaluates and tells: true."""
REPEATS: Final = "retry_history"
"""System attribute of a trial, Optuna's own: numbers of the failed trials that it runs again."""
CALL: Final = "tunewise:call:"
"""System attributes of a trial, numbered from 0: each call to the model that was made for it, as billed."""
STUDY: Final = "tunewise:study"
"""User attribute of a study: the space and the task that it was made with, and how it was run."""
STOPPED: Final = "tunewise:stopped"
"""User attribute of a study: the stop rule that ended its last run, as a sentence; empty when none did."""
ROOM: Final = "tunewise:room"
"""System attribute of a study: for a moment as long as the record of a call, which is then known to have room."""
CHAT: Final = "tunewise:chat:"
"""System attributes of a study: each turn of each conversation about it."""
CHAT_CALL: Final = "tunewise:chat-call:"
"""System attributes of a study: each call to the model that was made for a conversation, as billed."""
GENERATION: Final = "tunewise:generation"
"""User attribute of a study of programs: contract, data, sandbox, limits."""
GAINS: Final = "tunewise:gains"
"""User attribute of a study of programs: what its winner gains on baselines, with an interval."""
PROGRAM: Final = "tunewise:program:"
"""User attributes of a study, numbered from 1: each program that was written, refused ones too."""
