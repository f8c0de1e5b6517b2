"""Results as lines of JSON: one for each evaluation, appended, never changed.

A run is written when it ends, and its last line says so. What a kill has torn is cut off or superseded: a run counts
when it is whole, and counts once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

from tunewise.errors import UsageError
from tunewise.plain import Plain, PlainDict
from tunewise.space import Configuration

__all__ = ["FORMAT", "Records", "Run", "RunKey", "Step", "append", "exclusive", "read_runs"]

FORMAT = 1


class RunKey(NamedTuple):
    """What tells two runs apart.

    Attributes:
        problem: Its name.
        protocol: How its values are made.
        method: Its name.
        model: As the user named it; empty where none is asked.
        variant: What the model was told otherwise than usual; mostly empty.
        budget: Number of evaluations; 0 where the first steps do not depend on it.
        seed: Number of the repetition.
    """

    problem: str
    protocol: str
    method: str
    model: str
    variant: str
    budget: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One evaluation.

    Attributes:
        configuration: What was proposed.
        source: Who proposed it (see `Offer`).
        value: What came of it; None when it failed.
        error: Why it failed.
        extra: Other numbers, for example `test_error` or `test_loss`; for a table also which point was evaluated.
        reason: The model's words.
        fallback: Why it is not the model's.
        refused: Replies sent back.
        programs: Those that the model wrote for it, refused ones too (see `codegen.tree.Program`).
        seconds: That the proposal took, on the clock.
        cpu_seconds: Of processor time that it took in this process.
        evaluation_seconds: That the evaluation took.
        calls: To the model, for this proposal.
        input_tokens: None when unknown.
        output_tokens: None when unknown.
        cost_usd: None when unknown, which is not 0.
    """

    configuration: Configuration
    source: str
    value: float | None
    error: str = ""
    extra: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    fallback: str = ""
    refused: int = 0
    programs: Sequence[Mapping[str, Plain]] = field(default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    evaluation_seconds: float = 0.0
    calls: int = 0
    input_tokens: int | None = 0
    output_tokens: int | None = 0
    cost_usd: float | None = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A method on a problem, from its first evaluation to its last.

    Attributes:
        key: Which.
        steps: Its evaluations, oldest first.
        best_known: The least value that the problem is known to have; None where nobody knows.
        versions: Of what decides the results, as text.
        command: What made it, as a person would write it; empty where nobody has said.
    """

    key: RunKey
    steps: tuple[Step, ...]
    best_known: float | None = None
    versions: str = ""
    command: str = ""

    def lines(self) -> str:
        """As it is appended to a file."""
        head = {"v": FORMAT, **self.key._asdict(), "best_known": self.best_known, "versions": self.versions}
        head |= {"command": self.command} if self.command else {}
        last = len(self.steps) - 1
        rows = (
            {**head, "trial": k, **known(step), **({"last": True} if k == last else {})}
            for k, step in enumerate(self.steps)
        )
        return "".join(json.dumps(row, allow_nan=False, separators=(",", ":")) + "\n" for row in rows)


Records = dict[RunKey, Run]
"""Whole runs, in the order of the file."""

DEFAULTS = Step(configuration={}, source="", value=None)
TIMES = ("seconds", "cpu_seconds", "evaluation_seconds")
NUMBERS = (*TIMES, "value", "best_known", "refused", "calls", "input_tokens", "output_tokens", "cost_usd")
START = f'{{"v":{FORMAT},'
"""Of every line."""
ALWAYS = ("configuration", "source", "value")


def known(step: Step) -> PlainDict:
    """What differs from nothing, in few digits where digits tell nothing."""
    row = {name: v for name, v in asdict(step).items() if name in ALWAYS or v != getattr(DEFAULTS, name)}
    return row | {name: round(row[name], 5) for name in TIMES if name in row}


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Be the only one that appends to a file; the kernel gives the lock back when its holder dies.

    Raises:
        UsageError: Another process is at it, or the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    if not path.parent.is_dir():
        raise UsageError(f"{path} cannot be written: there is no folder {path.parent}. Make it, or name another file.")
    lock = FileLock(f"{path}.lock", blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise UsageError(
            f"Another process is adding to {path}. Wait for it, or give this run a file of its own with --records; "
            "bench report takes several files."
        ) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}. Name another file with --records.") from None
    try:
        yield
    finally:
        lock.release()


def append(path: Path, run: Run) -> None:
    """Add a run as a whole, after whatever a kill has left of another.

    Raises:
        UsageError: The file cannot be written.
    """
    try:
        with path.open("ab+") as file:
            end = file.seek(0, os.SEEK_END)
            if end:
                file.seek(end - 1)
                if file.read(1) != b"\n":
                    file.write(b"\n")
            file.write(run.lines().encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}. What stands in it is kept; make room, and run the same "
            "command again."
        ) from None


def read_runs(paths: Sequence[Path]) -> Records:
    """The whole runs of some files; of two equal runs the first counts.

    Raises:
        UsageError: A file cannot be read, is damaged before its end, or is of another version.
    """
    found: Records = {}
    for path in paths:
        for run in whole(path):
            found.setdefault(run.key, run)
    return found


def whole(path: Path) -> Iterator[Run]:
    """The whole runs of a file; what a kill has left of others is skipped."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The records {path} cannot be read: {error}. Name the file that bench run wrote.") from None
    begun: list[dict[str, Any]] = []
    lines = text.splitlines()
    for number, line in enumerate(lines, start=1):
        row = parsed(line)
        if row is None:
            begun = []
            if not line.startswith(START[: len(line)]) or not torn(lines[number:]):
                raise UsageError(
                    f"Line {number} of {path} is no record. Take the file from a backup, or name the file that bench "
                    "run wrote."
                )
            continue
        if row.get("v") != FORMAT:
            raise UsageError(
                f"Line {number} of {path} is a record of version {row.get('v')!r}, and this tunewise reads version "
                f"{FORMAT}. Use the tunewise that wrote it, or another file."
            )
        if not is_record(row):
            raise UsageError(f"Line {number} of {path} is a damaged record. Take the file from a backup.")
        if row["trial"] == 0:
            begun = []
        if row["trial"] != len(begun) or (begun and key_of(begun[0]) != key_of(row)):
            begun = []  # the rest of a run whose beginning is gone
            continue
        begun.append(row)
        if row.get("last"):
            yield made(begun)
            begun = []


def parsed(line: str) -> dict[str, Any] | None:
    """A line's record; None when it is torn."""
    try:
        row = json.loads(line)
    except (json.JSONDecodeError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def torn(after: Sequence[str]) -> bool:
    """Whether a kill explains a broken line: it is the last one, or a new run begins after it."""
    following = parsed(after[0]) if after else None
    return not after or (following is not None and following.get("trial") == 0)


def is_record(row: Mapping[str, object]) -> bool:
    """Whether the parts of a record are what they should be."""
    extra = row.get("extra", {})
    return (
        all(isinstance(row.get(name), str) for name in ("problem", "protocol", "method", "model", "variant", "source"))
        and all(isinstance(row.get(name), int) for name in ("budget", "seed", "trial"))
        and all(isinstance(row.get(name, 0), int | float | None) for name in NUMBERS)
        and isinstance(row.get("configuration"), dict)
        and isinstance(row.get("programs", []), list)
        and isinstance(extra, dict)
        and all(isinstance(number, int | float) for number in extra.values())
    )


def key_of(row: Mapping[str, Any]) -> RunKey:
    """Whose line it is."""
    return RunKey(*(row.get(name) for name in RunKey._fields))  # type: ignore[arg-type]


def made(rows: Iterable[Mapping[str, Any]]) -> Run:
    """A run of its lines."""
    names = [f.name for f in fields(Step)]
    listed = list(rows)
    return Run(
        key=key_of(listed[0]),
        steps=tuple(Step(**{name: row[name] for name in names if name in row}) for row in listed),
        best_known=listed[0].get("best_known"),
        versions=str(listed[0].get("versions", "")),
        command=str(listed[0].get("command", "")),
    )
