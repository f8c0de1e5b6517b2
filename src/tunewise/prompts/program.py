"""What is said to a model that writes programs, and before the tuning of one that it wrote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tunewise.task import Task

__all__ = ["ProgramTuningView", "ProgramView"]


@dataclass(frozen=True, kw_only=True)
class ProgramView:
    """Asks for a program.

    Attributes:
        task: What is modelled, with the data's card.
        function: Name of the function.
        returns: What it returns.
        trained: How that is trained.
        imports: What may be imported.
        outputs: How many numbers the model gives for a row.
        regression: Whether that is one number.
        about: Lines on the target and the columns.
        limits: Limits worth knowing, a sentence each.
        most_hyperparameters: How many arguments there may be.
        tree: Programs so far, a line each.
        parent: Number of the program that the new one is made of; 0: of none.
        code: That program.
        trials: Its trials, a line each.
        repair: Whether its trials failed.
        objection: Why it was refused.
        unreadable: Why the last answer was no program at all.
    """

    template: ClassVar[str] = "program.jinja"
    task: Task
    function: str
    returns: str
    trained: str
    imports: str
    outputs: int
    regression: bool
    about: tuple[str, ...]
    limits: tuple[str, ...] = ()
    most_hyperparameters: int = 12
    tree: tuple[str, ...] = ()
    parent: int = 0
    code: str = ""
    trials: tuple[str, ...] = ()
    repair: bool = False
    objection: str = ""
    unreadable: str = ""

    @property
    def kind_of_task(self) -> str:
        """In a word."""
        return "regression" if self.regression else "classification"


@dataclass(frozen=True, kw_only=True)
class ProgramTuningView:
    """Stands before a request for configurations of a program.

    Attributes:
        code: The program.
        curves: The average training loss of each epoch, a line for each of the latest trials.
        tool: Name of the function that the model may call; empty where it answers in JSON.
    """

    template: ClassVar[str] = "program_tuning.jinja"
    code: str
    curves: tuple[str, ...] = ()
    tool: str = ""
