"""What is worth a remark about a trial, in the same words wherever the trial is shown."""

from __future__ import annotations

from tunewise.history import TrialRecord
from tunewise.proposers.credit import policy_of

__all__ = ["details_of", "remarks_on"]


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


def details_of(trial: TrialRecord) -> list[tuple[str, str]]:
    """On what grounds `auto` chose a trial: pairs of a label and a text."""
    policy = policy_of(trial)
    expected = policy.get("expected", {})
    mean, std = expected.get("mean"), expected.get("std")
    labelled = [
        ("credit of the model", f"{policy['credit']:.0%}" if "credit" in policy else ""),
        ("asked for", policy.get("call", "")),
        ("no use", policy.get("failure", "")),
        ("the surrogate expected", f"{mean:.4g} +- {std:.2g}" if mean is not None and std is not None else ""),
    ]
    return [(label, text) for label, text in labelled if text]
