"""What is said to a model that writes programs, and before the tuning of one that it wrote."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from tunewise.task import Task

__all__ = ["ProgramTuningView", "ProgramView", "Progress", "TableView"]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What was written before.

    Attributes:
        tree: Programs so far, a line each.
        parent: Number of the program that the new one is made of; 0: of none.
        code: That program.
        trials: Its trials, a line each.
        repair: Whether its trials failed.
        objection: Why it was refused.
        unreadable: Why the last answer was no program at all.
    """

    tree: tuple[str, ...] = ()
    parent: int = 0
    code: str = ""
    trials: tuple[str, ...] = ()
    repair: bool = False
    objection: str = ""
    unreadable: str = ""


@dataclass(frozen=True, kw_only=True)
class AnyProgramView:
    """Asks for a program.

    Attributes:
        task: What is modelled, with the data's card.
        function: Name of the function.
        returns: What it returns.
        imports: What may be imported.
        regression: Whether a number is predicted, and not a class.
        about: Lines on the target and the columns.
        most_hyperparameters: How many arguments there may be.
        progress: What was written before.
    """

    task: Task
    function: str
    returns: str
    imports: str
    regression: bool
    about: tuple[str, ...]
    most_hyperparameters: int = 12
    progress: Progress = field(default_factory=Progress)

    @property
    def kind_of_task(self) -> str:
        """In a word."""
        return "regression" if self.regression else "classification"


@dataclass(frozen=True, kw_only=True)
class ProgramView(AnyProgramView):
    """Asks for a program that is given encoded inputs; see `AnyProgramView`.

    Attributes:
        trained: How what the function returns is trained.
        outputs: How many numbers the model gives for a row.
        limits: Limits worth knowing, a sentence each.
    """

    template: ClassVar[str] = "program.jinja"
    trained: str
    outputs: int
    limits: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TableView(AnyProgramView):
    """Asks for a program that is given a table; see `AnyProgramView`.

    Attributes:
        probabilities: Whether the metric needs them.
        folds: How many there are.
        time: Name of the column that orders the rows; empty where they are shuffled.
        seconds: How long training on a fold may take.
        memory_mb: What it may take, MiB.
    """

    template: ClassVar[str] = "program_table.jinja"
    probabilities: bool
    folds: int
    time: str
    seconds: float
    memory_mb: int


@dataclass(frozen=True, kw_only=True)
class ProgramTuningView:
    """Stands before a request for configurations of a program.

    Attributes:
        code: The program.
        curves: The average training loss of each epoch, a line for each of the latest trials.
        folds: The value of each fold, likewise.
        tool: Name of the function that the model may call; empty where it answers in JSON.
    """

    template: ClassVar[str] = "program_tuning.jinja"
    code: str
    curves: tuple[str, ...] = ()
    folds: tuple[str, ...] = ()
    tool: str = ""
