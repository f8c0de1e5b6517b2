"""What the model is told of a program's trials, and how a request of a proposer becomes one about a program."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tunewise.codegen.extras import FITTED, curve_of, folds_told
from tunewise.codegen.tree import Program
from tunewise.history import History, TrialRecord
from tunewise.llm.base import ChatRequest, Tool
from tunewise.prompts.program import ProgramTuningView
from tunewise.prompts.render import render
from tunewise.prompts.show import outcome, show

__all__ = ["trial_lines", "tuning_request"]

MOST_TRIALS = 6


def tuning_request(request: ChatRequest, program: Program, history: History, *, tool: Tool | None) -> ChatRequest:
    """A proposer's request with the program that it is about, and how its training went, put before it.

    Args:
        request: A proposer's.
        program: What is tuned.
        history: Its trials.
        tool: The function that the model may call in place of an answer in JSON.
    """
    told = [trial for trial in history.told if curve_of(trial.extra)][-MOST_TRIALS:]
    curves = tuple(f"trial {t.number}: {curve(t)}" for t in told)
    held = [trial for trial in history.told if folds_told(trial.extra)][-MOST_TRIALS:]
    folds = tuple(f"trial {t.number}: {folds_of(t)}" for t in held)
    view = ProgramTuningView(code=program.code, curves=curves, folds=folds, tool=tool.name if tool else "")
    first = next(i for i, message in enumerate(request.messages) if message.role == "user")
    messages = list(request.messages)
    messages[first] = replace(messages[first], content=f"{render(view)}\n\n{messages[first].content}")
    if tool:  # a schema of the text would keep the model from calling
        return replace(request, messages=tuple(messages), tools=(tool,), schema=None)
    return replace(request, messages=tuple(messages))


def trial_lines(history: History, metric: str) -> Iterator[str]:
    """The best and the latest trials of a program, each with its configuration, value and training losses."""
    chosen = {t.number for t in (*history.ranked[:3], *history.told[-MOST_TRIALS + 3 :])}
    for trial in history.told:
        if trial.number in chosen:
            losses = curve(trial)
            more = f"; average training loss of each epoch: {losses}" if losses else ""
            if folds_told(trial.extra):
                more = f"; in each fold: {folds_of(trial)}"
            yield f"trial {trial.number}: {show(trial.configuration)} -> {outcome(trial, metric)}{more}"


def folds_of(trial: TrialRecord) -> str:
    """The value of each fold and on the training rows, on one line."""
    values = ", ".join(f"{value:.4g}" for value in folds_told(trial.extra))
    fitted = trial.extra.get(FITTED)
    return values if fitted is None else f"{values}; on training rows {fitted:.4g}"


def curve(trial: TrialRecord) -> str:
    """Training losses by epoch, on one line; where epochs are left out, with their numbers."""
    points = curve_of(trial.extra)
    whole = [epoch for epoch, _ in points] == list(range(1, len(points) + 1))
    return ", ".join(f"{loss:.4g}" if whole else f"{loss:.4g} ({epoch})" for epoch, loss in points)
