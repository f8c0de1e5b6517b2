"""What is worth a remark about a trial, in the same words wherever the trial is shown."""

from __future__ import annotations

from tunewise.history import TrialRecord

__all__ = ["remarks_on"]


def remarks_on(trial: TrialRecord) -> list[tuple[str, str]]:
    """Where a trial came from and what it violates: pairs of a label and a text."""
    proposal = trial.proposal
    labelled = [
        ("fallback", proposal.fallback),
        ("reason", proposal.reason),
        ("repaired", "; ".join(proposal.repairs)),
        ("note", proposal.note),
        ("violates", "; ".join(f"{name} by {value:.4g}" for name, value in trial.violations.items())),
    ]
    return [(label, text) for label, text in labelled if text]
