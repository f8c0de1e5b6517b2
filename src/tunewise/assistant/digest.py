"""What the assistant is told: rules, facts known and missing, and a bounded digest of study, log and scripts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

from tunewise.assistant.facts import Facts
from tunewise.assistant.sources import Source
from tunewise.assistant.subject import Subject
from tunewise.prompts.render import render
from tunewise.prompts.show import describe, outcome, show
from tunewise.prompts.views import CompressedView
from tunewise.report.records import notes_of
from tunewise.text import clip
from tunewise.tokens import estimate_tokens

__all__ = ["MAX_DATA_TOKENS", "DataView", "RulesView", "data_for"]

MAX_DATA_TOKENS = 4_000
"""The digest of everything attached stays below this."""


@dataclass(frozen=True)
class RulesView:
    """The system message.

    Attributes:
        subject: What is attached.
        facts: What is known at the last question.
        tools: Whether the model can look things up by itself.
        may_ask: Whether somebody reads the answer who can answer back.
        study_file: What a study file may say, where the question is about one.
    """

    template: ClassVar[str] = "tunewise.assistant:rules.jinja"
    subject: Subject
    facts: Facts
    tools: bool
    may_ask: bool = True
    study_file: str = ""

    @property
    def known(self) -> list[str]:
        """A line each."""
        return [f"{fact.name}: {fact.value} [{fact.origin}]" for fact in self.facts.known.values()]

    @property
    def missing(self) -> list[str]:
        """Facts that nobody has told."""
        return self.facts.missing

    @property
    def deciding(self) -> list[str]:
        """Those among them that the answer hangs on."""
        return self.facts.deciding

    @property
    def proposes(self) -> bool:
        """Whether there is a study to propose trials for."""
        return self.subject.space is not None

    @property
    def cited(self) -> list[str]:
        """How each thing attached is cited."""
        trial = ["[trial 3]"] if self.subject.stored is not None else []
        return trial + [f"[{source.label} 12]" for source in self.subject.sources]


@dataclass(frozen=True)
class DataView:
    """The digest.

    Attributes:
        subject: What is attached.
        most: How many trials may be listed.
        lines: How many lines of each source.
    """

    template: ClassVar[str] = "tunewise.assistant:data.jinja"
    subject: Subject
    most: int = 30
    lines: int = 60

    @property
    def has_study(self) -> bool:
        """Whether a study is attached."""
        return self.subject.stored is not None

    @property
    def study(self) -> list[str]:
        """What the study is, in a few lines."""
        stored, task = self.subject.stored, self.subject.task
        if stored is None:
            return []
        goal = f"{task.metric}, {task.direction}d"
        counts = ", ".join(f"{count} {state}" for state, count in stored.states.items()) or "no trial yet"
        budget = f"; {task.budget} planned" if task.budget else ""
        facts = [task.hardware, *task.facts]
        return [
            f"Metric: {clip(goal, 120)}. Trials: {counts}{budget}.",
            *(clip(fact, 300) for fact in facts if fact),
            *(clip(note, 200) for note in notes_of(stored)[:5]),
        ]

    @property
    def space(self) -> list[str]:
        """A line for each hyperparameter."""
        return [describe(name, h) for name, h in list((self.subject.space or {}).items())[:40]]

    @cached_property
    def _trials(self) -> CompressedView | None:
        stored = self.subject.stored
        return CompressedView("", "", stored.history, self.subject.task, most=self.most) if stored else None

    @property
    def best(self) -> str:
        """The incumbent, and what it is worth against the default."""
        stored = self.subject.stored
        if stored is None or stored.history.best is None:
            return ""
        best = stored.history.best
        reached = f"{show(best.configuration)} -> {outcome(best, self.subject.task.metric)}"
        return f"trial {best.number} ({best.source}): {reached}. {stored.verdict()}"

    @property
    def trials(self) -> list[str]:
        """A line for each trial shown."""
        return [f"trial {line}" for line in self._trials.lines] if self._trials else []

    @property
    def left_out(self) -> int:
        """How many have no line."""
        return self._trials.left_out if self._trials else 0

    @property
    def failures(self) -> list[str]:
        """The commonest reasons, with the trials."""
        if self.subject.stored is None:
            return []
        digest = []
        for failure in self.subject.stored.history.failures[:5]:
            numbers = ", ".join(str(t.number) for t in failure.trials[:8])
            digest.append(f"trial {numbers}: {clip(failure.reason, 160)}")
        return digest

    @property
    def effects(self) -> str:
        """Shares, in one line."""
        shares = self.subject.stored.effects.shares if self.subject.stored else {}
        return ", ".join(f"{name} {share:.0%}" for name, share in list(shares.items())[:12])

    @property
    def curves(self) -> list[str]:
        """The learning curve of the best trial that has one."""
        stored = self.subject.stored
        trial = next((t for t in stored.history.ranked if len(t.curve) > 1), None) if stored else None
        if trial is None:
            return []
        step = max(1, len(trial.curve) // 8)
        points = ", ".join(f"{at}: {value:.4g}" for at, value in (*trial.curve[:-1:step], trial.curve[-1]))
        return [f"trial {trial.number}, value by step: {points}"]

    @property
    def sources(self) -> list[tuple[str, str, str]]:
        """Each source: its label, what it is, its lines."""
        return [(source.label, heading(source), self._excerpt(source)) for source in self.subject.sources]

    def _excerpt(self, source: Source) -> str:
        if source.label == "log":
            return source.numbered(source.last - self.lines + 1, source.last)
        return source.numbered(1, self.lines)


def heading(source: Source) -> str:
    """What a source is, in a few words."""
    return f"{clip(source.name, 80)}, {source.last} lines"


def data_for(subject: Subject, limit: float = MAX_DATA_TOKENS) -> str:
    """The digest of everything attached, below `limit` tokens; empty when nothing is."""
    if subject.stored is None and not subject.sources:
        return ""
    view = DataView(subject)
    while True:
        text = render(view)
        size = estimate_tokens(text)
        if size <= limit or view.most + view.lines <= 2:
            return text
        smaller: Callable[[int], int] = lambda n: max(1, min(n - 1, int(n * limit / size)))  # noqa: B023, E731
        view = replace(view, most=smaller(view.most), lines=smaller(view.lines))
