"""The programs of a study: which was made of which, why, and what became of it. Kept in the study's own attributes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from tunewise import attributes
from tunewise.codegen.contract import contract_named, read_space
from tunewise.errors import InvalidReply, StudyError
from tunewise.history import History, TrialRecord
from tunewise.space import Configuration, SearchSpace, Value
from tunewise.text import clip

if TYPE_CHECKING:
    import optuna

__all__ = ["Kind", "Program", "Tree", "joined_name", "split_name"]

MAX_TOLD = 240
"""Characters of an objection or a reason in a line."""

Kind = Literal["draft", "repair", "improve"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One program.

    Attributes:
        number: From 1, in order of writing.
        kind: "draft": from nothing; "repair": of a program that was refused or whose trials failed; "improve": of one
            that works.
        parent: Number of the program that it was made of; None for a draft.
        code: Its text; may be empty where a reply held none.
        reason: The model's words on it.
        objection: Why it was refused; empty when it is valid.
        contract: Name of its contract.
        trial: Number of the trial that it was written for.
        model: Who wrote it.
    """

    number: int
    kind: Kind
    parent: int | None = None
    code: str = ""
    reason: str = ""
    objection: str = ""
    contract: str = "torch"
    trial: int = 0
    model: str = ""

    @property
    def is_valid(self) -> bool:
        """Whether it passed all checks."""
        return not self.objection

    @property
    def space(self) -> SearchSpace:
        """Its hyperparameters.

        Raises:
            StudyError: What is stored is not what passed the checks.
        """
        try:
            return read_space(self.code, contract_named(self.contract))
        except InvalidReply as error:
            raise StudyError(f"Program {self.number} of the study is damaged: {error} Begin a new study.") from None


@dataclass(frozen=True)
class Tree:
    """All programs of a study, with its trials.

    Attributes:
        programs: Oldest first.
        history: All trials; the names of hyperparameters begin with the number of their program.
        sandbox: Where the programs ran.
    """

    programs: tuple[Program, ...] = ()
    history: History = field(default_factory=History)
    sandbox: str = ""

    @classmethod
    def from_study(cls, study: optuna.Study, history: History | None = None) -> Tree:
        """Read the programs of a study; there are none in a study of anything else.

        Raises:
            StudyError: A program's record is damaged.
        """
        stored = study.user_attrs
        records = (value for key, value in stored.items() if key.startswith(attributes.PROGRAM))
        sandbox = str(stored.get(attributes.GENERATION, {}).get("sandbox", ""))
        return cls.from_records(records, History.from_study(study) if history is None else history, sandbox)

    @classmethod
    def from_records(cls, records: Iterable[object], history: History, sandbox: str = "") -> Tree:
        """Read programs that were stored as plain data.

        Raises:
            StudyError: A program's record is damaged.
        """
        try:
            programs = sorted((Program(**checked(record)) for record in records), key=lambda p: p.number)
        except TypeError as error:
            raise StudyError(f"The record of a program is damaged: {error}. Begin a new study.") from None
        return cls(tuple(programs), history, sandbox)

    def __bool__(self) -> bool:
        return bool(self.programs)

    def __getitem__(self, number: int) -> Program:
        for program in self.programs:
            if program.number == number:
                return program
        raise StudyError(f"The study has no program {number}; it has {len(self.programs)}. Correct the number.")

    @property
    def valid(self) -> tuple[Program, ...]:
        """Programs that passed all checks."""
        return tuple(program for program in self.programs if program.is_valid)

    def history_of(self, program: Program) -> History:
        """The trials of one program, with hyperparameters by their own names."""
        return History(tuple(self._trials_of(program)), self.history.direction)

    def best_of(self, program: Program) -> TrialRecord | None:
        """Its best trial."""
        return self.history_of(program).best

    def _trials_of(self, program: Program) -> Iterator[TrialRecord]:
        for trial in self.history:
            if trial.configuration and program_of(trial) == program.number:
                yield replace(trial, configuration=own_names(trial.configuration))

    def add(self, study: optuna.Study, **about: Any) -> Program:
        """Store another program with the study."""
        program = Program(number=len(self.programs) + 1, **about)
        study.set_user_attr(f"{attributes.PROGRAM}{program.number}", asdict(program))
        return program

    def lines(self) -> list[str]:
        """The tree as people read it: children below their parents, as in `ordered`."""
        return [f"{'   ' * min(depth, 8)}{'└ ' if depth else ''}{self.line(p)}" for p, depth in self.ordered()]

    def ordered(self) -> Iterator[tuple[Program, int]]:
        """The programs with their depths, each before its children."""
        children: dict[int | None, list[Program]] = {}
        for program in reversed(self.programs):
            children.setdefault(program.parent, []).append(program)
        left = [(program, 0) for program in children.pop(None, [])]
        while left:
            program, depth = left.pop()
            yield program, depth
            left += [(child, depth + 1) for child in children.pop(program.number, [])]

    def line(self, program: Program) -> str:
        """A program in a line: what it is, and its score."""
        if not program.is_valid:
            return f"p{program.number} {program.kind}: refused. {clip(program.objection, MAX_TOLD)}"
        history = self.history_of(program)
        best = history.best
        count = f"{len(history)} trial{'' if len(history) == 1 else 's'}"
        outcome = f"best {best.value:.6g} in trial {best.number}" if best else "no trial finished"
        return f"p{program.number} {program.kind}: {outcome}, {count}. {clip(program.reason, MAX_TOLD)}".rstrip()


def checked(record: object) -> Mapping[str, Any]:
    """A program's record whose numbers are numbers and whose texts are texts.

    Raises:
        TypeError: It is none.
    """
    if not isinstance(record, Mapping):
        raise TypeError(f"it is {type(record).__name__}")
    for key, value in record.items():
        kind = int if key in ("number", "trial", "parent") else str
        if not isinstance(value, kind) and not (key == "parent" and value is None):
            raise TypeError(f"{key} is of the wrong kind")
    return record


def joined_name(program: Program, name: str) -> str:
    """A hyperparameter's name in the study: programs may share names and differ in ranges."""
    return f"p{program.number}.{name}"


def split_name(name: str) -> tuple[int, str]:
    """The number of the program, and the name of the hyperparameter in it; 0 where the name is another's."""
    head, dot, tail = name.partition(".")
    return (int(head[1:]), tail) if dot and head[:1] == "p" and head[1:].isdecimal() else (0, name)


def own_names(configuration: Mapping[str, Value]) -> Configuration:
    """A configuration as its program knows it."""
    return {split_name(name)[1]: value for name, value in configuration.items()}


def program_of(trial: TrialRecord) -> int:
    """The number of a trial's program."""
    return split_name(next(iter(trial.configuration), ""))[0]
