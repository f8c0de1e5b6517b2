"""Having a program written: asked for, read, checked, and asked for again with what was wrong, at most five times."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from tunewise.codegen.ask import program_request
from tunewise.codegen.contract import parsed
from tunewise.codegen.evaluate import Runner
from tunewise.codegen.policy import Step
from tunewise.codegen.reply import find_program
from tunewise.codegen.tree import Program, Tree
from tunewise.errors import InvalidReply, ModelUnusable
from tunewise.llm.base import ChatReply, ChatRequest
from tunewise.task import Task
from tunewise.text import clip

if TYPE_CHECKING:
    import optuna

__all__ = ["MAX_ATTEMPTS", "NoProgram", "write_program"]

MAX_ATTEMPTS = 5
"""How often a program is asked for in one trial."""
TEMPERATURES = (0.0, 0.4, 0.7, 0.7, 1.0)
"""Of these requests at least: at temperature 0 a model makes the same mistake again."""
MAX_OBJECTION = 900


class NoProgram(ModelUnusable):
    """The model wrote nothing that passes the checks."""


def write_program(
    study: optuna.Study,
    tree: Tree,
    step: Step,
    *,
    runner: Runner,
    task: Task,
    trial: int,
    expert: bool,
    temperature: float,
    complete: Callable[[ChatRequest], ChatReply],
) -> Program:
    """Ask until a program passes all checks; every attempt is stored in the tree.

    Raises:
        NoProgram: None of five did.
        ModelError: What the model raised.
    """
    kind, parent, unreadable = step.write or "draft", step.parent, ""
    for attempt in range(MAX_ATTEMPTS):
        request = program_request(runner, task, tree, parent, unreadable=unreadable, expert=expert)
        reply = complete(replace(request, temperature=max(temperature, TEMPERATURES[attempt])))
        code, reason, objection = read_and_check(reply, tree, runner)
        program = tree.add(
            study,
            kind=kind,
            parent=parent.number if parent else None,
            code=code,
            reason=reason,
            objection=clip(objection, MAX_OBJECTION),
            contract=runner.contract.name,
            trial=trial,
            model=reply.model,
        )
        if program.is_valid:
            return program
        tree = replace(tree, programs=(*tree.programs, program))
        if code:
            kind, parent, unreadable = "repair", program, ""
        else:  # there is nothing to repair in it
            unreadable = objection
    raise NoProgram(
        f"The model wrote no program that can be used, in {MAX_ATTEMPTS} attempts. The last objection: {objection} "
        "Choose another model, or the other contract, and run the same again: it goes on where it is."
    )


def read_and_check(reply: ChatReply, tree: Tree, runner: Runner) -> tuple[str, str, str]:
    """The program in a reply, the words before it, and why it cannot be used; empty where it can."""
    code = reason = ""
    try:
        code, reason = find_program(reply, runner.contract.function)
        refuse_repeats(code, tree)
        runner.check(code)
    except InvalidReply as error:
        return code, reason, str(error)
    return code, reason, ""


def refuse_repeats(code: str, tree: Tree) -> None:
    """A program that is there already teaches nothing, whatever its comments and white space.

    Raises:
        InvalidReply: It is.
    """
    written = essence(code)
    for program in tree.programs:
        if written and essence(program.code) == written:
            refused = f", which was refused: {program.objection}" if program.objection else ". Write a different one."
            raise InvalidReply(f"It repeats program p{program.number}{refused}")


@lru_cache(maxsize=256)
def essence(code: str) -> str:
    """What two texts of one program share; empty for what is none."""
    try:
        return ast.dump(parsed(code))
    except (InvalidReply, RecursionError):
        return ""
