"""A study as Markdown, for issues, notes and pull requests; every foreign text is inert."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tunewise.report.conversations import latest
from tunewise.report.measures import title_of
from tunewise.report.records import commands, front_rows, notes_of, programs_of, sessions, uplift_in_words
from tunewise.report.texts import Cleaner, number, took, value
from tunewise.study.effects import best_and_latest
from tunewise.study.remarks import remarks_on
from tunewise.study.stored import StoredStudy
from tunewise.text import fit, money

__all__ = ["markdown"]

MAX_ROWS = 1_000
MAX_CELL = 400
MAX_TEXT = 20_000
MAX_TALK = 400
"""Calls whose prompt and reply are written out."""

MARKS = re.compile(r"[\\`*_\[\]#!|~$@:<>&]|(?<=www)\.", re.IGNORECASE)
"""Characters that mean something within a line of Markdown; a colon would make an address a link."""
ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;", ":": "&#58;", "@": "&#64;", ".": "&#46;"}


class Writer:
    """Makes foreign texts inert."""

    def __init__(self, clean: Cleaner) -> None:
        self._clean = clean

    def inline(self, text: object, room: int = MAX_CELL) -> str:
        """On one line, with every mark escaped."""
        line = " ".join(fit(self._clean(text), room).split())
        return MARKS.sub(lambda mark: ENTITIES.get(mark[0], f"\\{mark[0]}"), line)

    def block(self, text: str) -> str:
        """As it is, in a fence that is longer than any in it."""
        inside = fit(self._clean(text), MAX_TEXT)
        longest = max((len(run) for run in re.findall(r"`{3,}", inside)), default=2)
        fence = "`" * (longest + 1)
        return f"{fence}text\n{inside}\n{fence}"

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
        """A table."""
        return [self._line(heads), "|" + "---|" * len(heads), *(self._line(row) for row in rows)]

    def _line(self, cells: Sequence[object]) -> str:
        return "| " + " | ".join(self.inline(cell) for cell in cells) + " |"


def markdown(stored: StoredStudy, clean: Cleaner, address: str) -> str:
    """The whole report."""
    write = Writer(clean)
    history = stored.history
    lines = [f"# {write.inline(title_of(stored))}", "", write.inline(stored.verdict(), 2_000), ""]
    lines += [f"- {write.inline(fact, 2_000)}" for fact in facts(stored)]
    if front := stored.front:
        heads = ["trial", *(f"{one.name} ({one.direction})" for one in front.objectives)]
        found = [[trial.number, *map(number, values)] for trial, values in front_rows(stored)]
        lines += ["", "## The front", "", *(write.table(heads, found) if found else ["There is none yet."])]
    lines += ["", "## Trials", ""]
    shown = best_and_latest(history, MAX_ROWS)
    if len(shown) < len(history):
        lines += [f"The best and the latest {len(shown)} of {len(history)} trials; `--format json` has all.", ""]
    heads = ["trial", "source", stored.metric, "time", "configuration", "why"]
    cells = (
        (
            t.number,
            t.source,
            number(t.value) if t.state == "finished" else t.state,
            took(t.seconds),
            ", ".join(f"{name} = {value(given)}" for name, given in t.configuration.items()),
            "; ".join(
                [*(f"{label}: {text}" for label, text in remarks_on(t)), *([f"error: {t.error}"] if t.error else [])]
            ),
        )
        for t in shown
    )
    lines += write.table(heads, cells) if shown else ["There is none yet."]
    if history.failures:
        lines += ["", "## Failures", ""]
        for failure in history.failures[:50]:
            numbers = fit(", ".join(str(t.number) for t in failure.trials), 200)
            lines.append(f"- {len(failure.trials)} (trial {write.inline(numbers)}): {write.inline(failure.reason)}")
    if programs := programs_of(stored):
        lines += ["", "## Programs"]
        for line, code in programs[:MAX_TALK]:
            lines += ["", write.inline(line, 600), "", write.block(code)]
    lines += talk(stored, write)
    lines += conversations(stored, clean, write)
    lines += ["", "## How to reproduce it", "", write.block("\n".join(commands(stored, address))), ""]
    made = [
        f"- from trial {first}: {write.inline(who)} ({write.inline(using)})" for first, who, using in sessions(stored)
    ]
    lines += made or ["The study does not say with which proposer, seed and versions it was made."]
    lines.append("")
    return "\n".join(lines)


def facts(stored: StoredStudy) -> list[str]:
    """What the head of the page says."""
    best = stored.best
    sources = ", ".join(f"{source} {count}" for source, count in stored.sources.most_common(20))
    values = "" if best is None else ", ".join(f"{name} = {value(v)}" for name, v in best.configuration.items())
    found = (
        f"{stored.metric} {number(best.value)} in trial {best.number} ({best.source}): {values}" if best else "none yet"
    )
    lines = [f"Best ({stored.history.direction}): {found}"]
    lines += [f"Default: {number(stored.default.value)}"] if stored.default else []
    lines += [f"Proposed by: {sources}"] if sources else []
    if stored.totals.calls:
        tokens = f"{stored.totals.input_tokens} tokens read, {stored.totals.output_tokens} written"
        cost = money(stored.totals).removeprefix("cost ")
        lines.append(
            f"Calls to a model: {stored.totals.calls} ({stored.totals.failed_calls} failed); {tokens}; cost {cost}"
        )
    lines += [added] if (added := uplift_in_words(stored)) else []
    return [*lines, *notes_of(stored)]


def talk(stored: StoredStudy, write: Writer) -> list[str]:
    """Prompts and replies, the latest ones where they are many."""
    if not stored.exchanges:
        return []
    lines = ["", "## Prompts and replies"]
    if len(stored.exchanges) > MAX_TALK:
        lines += ["", f"The latest {MAX_TALK} of {len(stored.exchanges)} calls; `--format json` has all."]
    for exchange in stored.exchanges[-MAX_TALK:]:
        reply = f"(no reply) {exchange.call.error}" if exchange.call.error else exchange.call.text
        lines += ["", f"### Trial {exchange.trial}: {write.inline(exchange.call.model)}", ""]
        lines += [write.block(exchange.prompt or "(not stored)"), "", write.block(reply)]
    return lines


def conversations(stored: StoredStudy, clean: Cleaner, write: Writer) -> list[str]:
    """What was asked about the study, folded where Markdown can fold."""
    shown, left_out = latest(stored.conversations, clean)
    lines = ["", "## Conversations"] if shown else []
    if left_out:
        lines += ["", f"The first {left_out} questions are left out; `--format json` has all."]
    for one in shown:
        lines += ["", f"<details><summary>{write.inline(one.title)}</summary>"]
        for asked in one.asked:
            facts = (write.inline(fact, 1_000) for fact in asked.facts(len(stored.history)))
            lines += ["", write.block(asked.question), "", write.block(asked.answer or "(no answer)"), "", *facts]
        lines += ["", "</details>"]
    return lines
