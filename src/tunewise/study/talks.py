"""Conversations about a study as they were held: questions, answers, what these cite and what they cost."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import optuna

from tunewise.llm.calls import Call, Totals
from tunewise.plain import PlainDict
from tunewise.study.conversations import PROGRAM, Conversations, Turn
from tunewise.study.validated import validated_call
from tunewise.text import money

__all__ = ["Asked", "Talk", "cited", "talks"]

NUMBERS = r"#?\d{1,9}(?:\s?(?:,|and|&|-|\N{EN DASH}|to|or)\s?#?\d{1,9}){0,20}"
reference = re.compile(
    rf"(?<![\w-])(trial|log|line|script\d?)s?\s?(?:lines?|no\.?|number)?\s?({NUMBERS})(?![\d.]\d)", re.IGNORECASE
)
code = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
"""What an answer quotes: `--trials 11` in a command is no reference."""
PROPOSAL = "propose_"
"""How the names of tools begin that propose something, so that their result is a person's decision."""


def cited(answer: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    """What an answer refers to: "trial", "log", "line", "script" or "script2", and the numbers."""
    for label, numbers in reference.findall(code.sub(" ", answer)):
        yield label.lower(), tuple(map(int, re.findall(r"\d+", numbers)))


@dataclass(frozen=True)
class Asked:
    """A question and what followed from it.

    Attributes:
        question: As it was asked.
        answers: What the model said, piece by piece; empty pieces are left out.
        looked_up: Names of the tools that it called.
        decided: What became of its proposals.
        interrupted: Whether the answer was stopped.
        calls: Those that were made for it.
    """

    question: str
    answers: tuple[str, ...] = ()
    looked_up: tuple[str, ...] = ()
    decided: tuple[str, ...] = ()
    interrupted: bool = False
    calls: tuple[Call, ...] = ()

    @property
    def answer(self) -> str:
        """All that the model said."""
        return "\n\n".join(self.answers)

    @property
    def citations(self) -> dict[str, list[int]]:
        """What the answer refers to."""
        found: dict[str, list[int]] = {}
        for label, numbers in cited(self.answer):
            found.setdefault(label, []).extend(n for n in numbers if n not in found.get(label, ()))
        return found

    def facts(self, trials: int) -> list[str]:
        """What stands below the answer, a sentence each.

        Args:
            trials: How many the study has; a citation of another one is pointed out.
        """
        named = {label: ", ".join(map(str, numbers[:20])) for label, numbers in self.citations.items()}
        missing = ", ".join(str(n) for n in self.citations.get("trial", ())[:20] if n >= trials)
        totals = Totals.of(self.calls)
        spent = f"{totals.input_tokens} tokens read, {totals.output_tokens} written; {money(totals)}"
        lines = [
            f"Cites {'; '.join(f'{label} {numbers}' for label, numbers in named.items())}." if named else "",
            f"There is no trial {missing}." if missing else "",
            f"Looked up: {', '.join(self.looked_up)}." if self.looked_up else "",
            *self.decided,
            "The answer was stopped." if self.interrupted else "",
            f"{totals.calls} call{'s' * (totals.calls != 1)}; {spent}." if self.calls else "",
        ]
        return [line for line in lines if line]

    def to_dict(self) -> PlainDict:
        """Plain data."""
        totals = Totals.of(self.calls)
        return {
            "question": self.question,
            "answer": self.answer,
            "citations": self.citations,
            "looked_up": list(self.looked_up),
            "decided": list(self.decided),
            "interrupted": self.interrupted,
            "calls": totals.calls,
            "input_tokens": totals.input_tokens,
            "output_tokens": totals.output_tokens,
            "cost_usd": totals.cost_usd,
        }


@dataclass(frozen=True)
class Talk:
    """A conversation: its id, when it began, its questions."""

    id: str
    began: str
    asked: tuple[Asked, ...]

    @property
    def title(self) -> str:
        """When and how much, in a line; what was asked first follows it."""
        calls = [call for asked in self.asked for call in asked.calls]
        spent = f", {money(Totals.of(calls))}" if calls else ""
        began = self.began.replace("+00:00", " UTC").replace("T", " ", 1)
        return f"{began}, {len(self.asked)} question{'s' * (len(self.asked) != 1)}{spent}"

    def to_dict(self) -> PlainDict:
        """Plain data."""
        return {"id": self.id, "began": self.began, "turns": [asked.to_dict() for asked in self.asked]}


def talks(study: optuna.Study) -> tuple[Talk, ...]:
    """The conversations of a study, the latest last; what is damaged is left out."""
    store = Conversations(study)
    calls = store.calls()
    found = []
    for conversation, turns in store.every().items():
        made: dict[int, list[Call]] = {}
        for number, entry in calls.get(conversation, ()):
            if call := validated_call(entry, "", [], ""):  # what is damaged has been said by who read the study
                made.setdefault(number, []).append(call)
        if begun := tuple(questions(turns, made)):
            found.append(Talk(conversation, next(iter(turns.values())).at, begun))
    return tuple(found)


def questions(turns: Mapping[int, Turn], calls: Mapping[int, list[Call]]) -> Iterator[Asked]:
    """Each question with everything up to the next one."""
    starts = [number for number, turn in turns.items() if is_question(turn)]
    for start, end in zip(starts, [*starts[1:], math.inf], strict=False):
        following = [turn for number, turn in turns.items() if start < number < end]
        yield asked(turns[start].message.content, following, calls.get(start, ()))


def asked(question: str, following: Sequence[Turn], calls: Sequence[Call]) -> Asked:
    """A question with the turns that followed from it."""
    answers, decided, names = [], [], []
    wanted: dict[str, str] = {}
    for message in (turn.message for turn in following):
        names += [call.name for call in message.tool_calls if not call.name.startswith(PROPOSAL)]
        wanted |= {call.id: call.name for call in message.tool_calls}  # a later call may have an earlier one's id
        if message.role == "assistant":
            answers += [message.content] if message.content.strip() else []
        elif message.role == "user":
            decided.append(message.content.removeprefix(PROGRAM).strip())
        elif wanted.get(message.tool_call_id, "").startswith(PROPOSAL):
            decided.append(message.content)
    return Asked(
        question=question,
        answers=tuple(answers),
        looked_up=tuple(names),
        decided=tuple(decided),
        interrupted=any(turn.interrupted for turn in following),
        calls=tuple(calls),
    )


def is_question(turn: Turn) -> bool:
    """Whether a person asked it, and not the program in the person's place."""
    return turn.message.role == "user" and not turn.message.content.startswith(PROGRAM)
