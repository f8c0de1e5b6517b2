"""A capable reader's runs, kept, and a model that proposes what it proposed: policies are compared without calls.

Somebody capable answered tunewise's own prompts on the 32 tasks and the landscapes, knowing nothing but the prompts.
`recordings/reader.jsonl.xz` holds what came of it: a line for each run, with its configurations, who made them, their
values, and every reply as it was written. Prompts are left out: they follow from the rest, and are many times as long.

```python
model = RecordedReaders().on(get("svm:credit-g"), seed=0)
```

A recorded reader does not adapt to what it is told, so it is a lower bound of what it was. What counts is played.
"""

from __future__ import annotations

import argparse
import json
import lzma
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from tunewise.bench.problems.base import Problem
from tunewise.errors import InvalidReply, ModelUnusable, StudyError
from tunewise.llm.base import ChatReply, ChatRequest
from tunewise.llm.prices import FREE, Price
from tunewise.space import Configuration, SearchSpace, Value

__all__ = ["FILE", "NAME", "RecordedReader", "RecordedReaders", "RecordedRun", "load_recordings"]

NAME: Final = "recorded"
"""What the model is called on a command line and in records."""
FILE: Final = Path(__file__).parent / "recordings" / "reader.jsonl.xz"
ORDER: Final = ("advised-30", "compressed-30", "advised3-30", "compressed-10", "reason-10", "auto-30", "land-chat-10")
"""The runs that a reader proposes from: the seed says with which of the first three it begins."""
BEGINNINGS: Final = 3


class RecordedStep(NamedTuple):
    """An evaluation: what ran, who made it ("model", "default", ...), what came of it, and the calls that it took."""

    configuration: Mapping[str, Value]
    source: str
    value: float | None
    calls: int | None = None


@dataclass(frozen=True)
class RecordedRun:
    """A run of the reader.

    Attributes:
        run: Which series of runs, for example "advised-30".
        problem: Name of the problem.
        method: Whose prompts were answered.
        budget: Number of evaluations.
        steps: What ran, in order.
        replies: As they were written, in order.
    """

    run: str
    problem: str
    method: str
    budget: int
    steps: tuple[RecordedStep, ...]
    replies: tuple[str, ...]


@cache
def load_recordings(file: Path = FILE) -> tuple[RecordedRun, ...]:
    """All recorded runs.

    Raises:
        StudyError: The file cannot be read.
    """
    try:
        with lzma.open(file, "rt", encoding="utf-8") as opened:
            return tuple(read_run(**json.loads(line)) for line in opened)
    except (OSError, EOFError, lzma.LZMAError, ValueError, TypeError) as error:
        raise StudyError(f"{file} holds no recordings ({type(error).__name__}). Install tunewise again.") from None


def read_run(*, steps: list[list[object]], replies: list[str], **told: object) -> RecordedRun:
    """A run of its line."""
    made = tuple(RecordedStep(*step) for step in steps)  # type: ignore[arg-type]  # a file of our own
    return RecordedRun(**told, steps=made, replies=tuple(replies))  # type: ignore[arg-type]


class RecordedReaders:
    """The reader on every problem that it was recorded on."""

    name = NAME
    price: Price | None = FREE
    context_tokens: int | None = None

    def on(self, problem: Problem, seed: int) -> RecordedReader:
        """The reader on a problem.

        Raises:
            ModelUnusable: It was not recorded on this one.
        """
        return RecordedReader(problem, seed)

    def complete(self, request: ChatRequest) -> ChatReply:
        """Refuse: a request does not say which problem it is about."""
        del request
        raise ModelUnusable("The recorded model answers in tunewise bench alone, for the problem that is run.")


class RecordedReader:
    """A `ChatModel` that offers a recorded reader's configurations in order, each once, whatever it is told."""

    name = NAME
    price: Price | None = FREE
    context_tokens: int | None = None

    def __init__(self, problem: Problem, seed: int = 0) -> None:
        first = seed % BEGINNINGS
        order = [*ORDER[first:BEGINNINGS], *ORDER[:first], *ORDER[BEGINNINGS:]]
        self._left = list(proposals(problem, order))
        if not self._left:
            raise ModelUnusable(
                f"Nobody was recorded on {problem.name}. The recorded model knows the 32 tasks and the landscapes, "
                "without wrappers. Take another model or other problems."
            )

    def complete(self, request: ChatRequest) -> ChatReply:
        """The next configurations, in the form that the request asks for; repeats once there are no more."""
        asked: Mapping[str, object] = (request.schema or {}).get("properties") or {}
        several = asked.get("candidates")
        if isinstance(several, Mapping):
            found = self._next(int(several.get("maxItems", 1)))
            reply: object = {
                "candidates": [{"reason": NAME, "boldness": "balanced", "configuration": one} for one in found]
            }
        elif "configuration" in asked:
            reply = {"analysis": NAME, "configuration": self._next(1)[0]}
        else:
            reply = self._next(1)[0]
        if "analysis" in asked and isinstance(reply, dict):
            reply = {"analysis": NAME, **reply}
        return ChatReply(text=json.dumps(reply), model=NAME, input_tokens=0, output_tokens=0)

    def _next(self, count: int) -> list[Configuration]:
        given = self._left[:count]
        self._left = self._left[count:] or given[-1:]
        return given


def proposals(problem: Problem, order: list[str]) -> Iterator[Configuration]:
    """What the reader proposed, one run after the other, without what comes again and without the default."""
    runs = {run.run: run for run in load_recordings() if run.problem == problem.name}
    seen = [problem.space.default]
    for name in order:
        for step in runs[name].steps if name in runs else ():
            configuration = allowed(step.configuration, problem.space) if step.source in ("model", "repair") else None
            if configuration is not None and configuration not in seen:
                seen.append(configuration)
                yield configuration


def allowed(configuration: Mapping[str, Value], space: SearchSpace) -> Configuration | None:
    """A configuration as the space has it now; None where it has changed so much that there is none."""
    try:
        return space.coerce(configuration).configuration
    except InvalidReply:
        return None


def pack(runs: Path, calls: Path, output: Path) -> int:
    """Write the recordings from lines of runs and of calls, both compressed; the number of runs."""
    replies = defaultdict(list)
    with lzma.open(calls, "rt", encoding="utf-8") as opened:
        for call in map(json.loads, opened):
            replies[call["run"], call["problem"]].append((call["n"], call["reply"]))
    lines = []
    with lzma.open(runs, "rt", encoding="utf-8") as opened:
        for run in map(json.loads, opened):
            steps = [[step["configuration"], step["source"], step["value"]] for step in run["steps"]]
            written = [text for _, text in sorted(replies[run["run"], run["problem"]])]
            lines.append(json.dumps({**run, "steps": steps, "replies": written}, separators=(",", ":")))
    with lzma.open(output, "wt", encoding="utf-8", preset=9 | lzma.PRESET_EXTREME) as written_to:
        written_to.write("\n".join(lines) + "\n")
    return len(lines)


def main() -> None:
    """Pack what was played."""
    parser = argparse.ArgumentParser(description="Pack played runs as the recordings that are shipped.")
    parser.add_argument("runs", type=Path, help="a line for each run: run, problem, method, budget, steps")
    parser.add_argument("calls", type=Path, help="a line for each call: run, problem, n, reply")
    parser.add_argument("-o", "--output", type=Path, default=FILE)
    asked = parser.parse_args()
    print(pack(asked.runs, asked.calls, asked.output), "runs")  # noqa: T201


if __name__ == "__main__":
    main()
