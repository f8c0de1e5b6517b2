"""The request for a program: what the data and the contract are, what was written before, and what became of it."""

from __future__ import annotations

from tunewise.codegen.contract import MAX_HYPERPARAMETERS
from tunewise.codegen.data import Dataset
from tunewise.codegen.evaluate import Runner
from tunewise.codegen.table import Table
from tunewise.codegen.tell import trial_lines
from tunewise.codegen.tree import Program, Tree
from tunewise.llm.base import ChatRequest, Message
from tunewise.prompts.program import ProgramView, Progress, TableView
from tunewise.prompts.render import render
from tunewise.prompts.views import SystemView
from tunewise.task import Task

__all__ = ["program_request"]

MOST_PROGRAMS = 12
"""Programs that are told, the latest."""


def program_request(
    runner: Runner, task: Task, tree: Tree, parent: Program | None, *, unreadable: str = "", expert: bool = True
) -> ChatRequest:
    """The request for a program; `parent` is what it is made of."""
    progress = Progress(tree=tuple(tree.lines()[-MOST_PROGRAMS:]), unreadable=unreadable)
    if parent:
        history = tree.history_of(parent)
        progress = Progress(
            tree=progress.tree,
            unreadable=unreadable,
            parent=parent.number,
            code=parent.code,
            trials=tuple(trial_lines(history, task.metric)) if parent.is_valid else (),
            repair=parent.is_valid and not history.finished,
            objection=parent.objection,
        )
    view = view_of(runner, task, progress)
    system = (Message("system", render(SystemView())),) if expert else ()
    return ChatRequest(messages=(*system, Message("user", render(view))))


def view_of(runner: Runner, task: Task, progress: Progress) -> ProgramView | TableView:
    """What is said of the contract and the data."""
    data, contract = runner.dataset, runner.contract
    regression = data.task == "regression"
    if isinstance(data, Table):
        return TableView(
            task=task,
            progress=progress,
            function=contract.function,
            returns=contract.returns,
            imports=", ".join(contract.installed),
            most_hyperparameters=MAX_HYPERPARAMETERS,
            about=data.about,
            regression=regression,
            probabilities=data.probabilities,
            folds=data.recipe.folds,
            time=data.recipe.time or "",
            seconds=runner.seconds,
            memory_mb=runner.limits.memory_mb,
        )
    assert isinstance(data, Dataset), "there are two kinds"
    loss = "mean squared error" if regression else "cross entropy of logits"
    return ProgramView(
        task=task,
        progress=progress,
        function=contract.function,
        returns=contract.returns.format(task="regressor" if regression else "classifier"),
        trained=contract.trained.format(epochs=runner.epochs, loss=loss),
        imports=", ".join(contract.installed),
        outputs=data.outputs,
        regression=regression,
        about=data.about,
        limits=limits_of(runner),
        most_hyperparameters=MAX_HYPERPARAMETERS,
    )


def limits_of(runner: Runner) -> tuple[str, ...]:
    """What a program may use, a sentence each."""
    limits = runner.limits
    told = [
        f"Training runs on one processor core, and must take less than {limits.wall_s:g} s and {limits.memory_mb} MiB."
    ]
    if runner.contract.name == "torch":
        told.append(f"At most {runner.max_parameters:,} parameters.")
    return tuple(told)
