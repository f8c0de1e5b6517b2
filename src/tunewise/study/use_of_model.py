"""What use the language model was of to a study, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tunewise.history import History
from tunewise.llm.calls import Call
from tunewise.proposers.credit import DOUBT
from tunewise.text import clip, sentence

__all__ = ["never_asked", "of_no_use", "unasked"]

MOST_NAMED = 12
"""Numbers of trials in a sentence."""
REASON = 160
"""Characters of a reason in a sentence."""


def of_no_use(history: History, calls: Sequence[Call]) -> str:
    """Why no trial is the model's although it was asked, and who ran in its place.

    Args:
        history: Of which no trial is the model's.
        calls: Those that were made for its trials.
    """
    count = sum(not call.error for call in calls)
    failures = [t.proposal.fallback or t.proposal.decision.failure for t in history]
    last = next((why for why in reversed(failures) if why), "")
    reason = f" ({clip(last.partition(': ')[2] or last, REASON).rstrip('.')})" if last else ""
    if count:
        said = f"None of the model's {count} replies" if count > 1 else "The model's one reply"
        said += f" could {'be used' if count > 1 else 'not be used'}{reason}."
    else:
        said = f"The model gave no reply in {len(calls)} calls{reason}."
    ran = Counter(t.source for t in history if t.source in ("surrogate", "random"))
    names = {"surrogate": "the surrogate", "random": "random configurations"}
    instead = " and ".join(f"{names[source]} in {n}" for source, n in ran.most_common())
    return f"{said} In its place ran {instead} of {len(history)} trials." if instead else said


def never_asked(history: History) -> str:
    """That no model was asked, and why not where there was one."""
    known = [c for t in history if (c := t.proposal.decision.credit) is not None]
    if not known:
        return "No language model was asked."
    return f"The language model was not asked yet: its credit is {known[-1]:.0%}, so the surrogate goes first."


def unasked(history: History) -> str:
    """For which trials a model in doubt was not asked, and why; empty where it always was.

    That it leaves a turn where it gained nothing for long says the trial's note.
    """
    alone = [
        t
        for t in history
        if t.source == "surrogate"
        and (credit := t.proposal.decision.credit) is not None
        and credit < DOUBT
        and not t.proposal.decision.call
    ]
    if not alone:
        return ""
    numbers = ", ".join(str(t.number) for t in alone[:MOST_NAMED])
    more = f" and {len(alone) - MOST_NAMED} more" if len(alone) > MOST_NAMED else ""
    why = next((t.proposal.decision.failure for t in reversed(history) if t.proposal.decision.failure), "")
    cause = sentence(f" Its last failure: {clip(why, REASON)}") if why else ""
    credit = alone[0].proposal.decision.credit
    return f"Not asked for trial {numbers}{more}: the model's credit was {credit:.0%}, so it is heard less.{cause}"
