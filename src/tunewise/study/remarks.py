"""What is worth a remark about a trial, in the same words wherever the trial is shown."""

from __future__ import annotations

from collections.abc import Mapping

from tunewise.history import TrialRecord
from tunewise.record import Expected
from tunewise.space import Value

__all__ = ["details_of", "remarks_on"]


def remarks_on(trial: TrialRecord) -> list[tuple[str, str]]:
    """Where a trial came from, what is wrong with its curve, and what it violates: pairs of a label and a text."""
    proposal = trial.proposal
    labelled = [
        ("fallback", proposal.fallback),
        ("reason", proposal.reason),
        ("repaired", "; ".join(proposal.repairs)),
        ("note", proposal.note),
        ("curve", trial.note),
        ("violates", "; ".join(f"{name} by {value:.4g}" for name, value in trial.violations.items())),
    ]
    return [(label, text) for label, text in labelled if text]


def details_of(trial: TrialRecord) -> list[tuple[str, str]]:
    """On what grounds `auto` chose a trial: pairs of a label and a text."""
    decision = trial.proposal.decision
    advice = [in_words(one.configuration, one.expected) for one in decision.advice]
    labelled = [
        ("credit of the model", "" if decision.credit is None else f"{decision.credit:.0%}"),
        ("asked for", decision.call),
        ("the call brought nothing", decision.failure),
        ("the surrogate expected here", expectation(decision.expected)),
        *((f"the surrogate's point {k}", text) for k, text in enumerate(advice, start=1)),
        ("offered beside it", str(len(decision.offered) - 1) if len(decision.offered) > 1 else ""),
    ]
    return [(label, text) for label, text in labelled if text]


def in_words(configuration: Mapping[str, Value], expected: Expected | None) -> str:
    """A configuration, and what is expected of it."""
    values = ", ".join(f"{n}={v:.4g}" if isinstance(v, float) else f"{n}={v}" for n, v in configuration.items())
    return f"{values} ({expectation(expected)})" if expected else values


def expectation(expected: Expected | None) -> str:
    """A mean and its standard deviation; nothing where nothing was expected."""
    return f"{expected.mean:.4g} +/- {expected.std:.2g}" if expected else ""
