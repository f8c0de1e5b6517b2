"""A program in any language as an evaluator.

The configuration reaches the program in three ways, of which it may use any:

* **Arguments.** `{name}` in a word of the command is replaced by the value; without any placeholder `--name=value` is
  appended for each hyperparameter, the name as it is. `{name?}` leaves the whole word out when the hyperparameter does
  not exist under its condition; `{config}` is the path of the JSON file; `{{name}}` stands for `{name}` itself. There
  is no shell, and a value never becomes a second word.
* **Environment.** `TUNEWISE_PARAM_<NAME>` holds a value (the name in capitals, all but letters and digits as `_`; two
  names that come out the same are left out). `TUNEWISE_CONFIG` is the path of the JSON file, `TUNEWISE_RESULT` the path
  where the program may write its result as JSON.
* **JSON file.** An object with all values.

Values are written as in JSON, text without quotes: `0.1`, `true`, `null`, `rbf`. Numbers survive the round trip.

The metric comes from the result file if there is one: a number, or an object that holds the metric and other numbers.
Else from standard output: a number alone on the last line, or the last line that is a JSON object with the metric, or
a last line that says the metric by its name, as `validation error: 0.05`, or the last intermediate value.

**Intermediate values** are lines of standard output, or of the file `TUNEWISE_REPORTS`, as `lines` describes them.
`TUNEWISE_TRIAL`, `TUNEWISE_WORKER`, `TUNEWISE_FIDELITY` and `TUNEWISE_FOLDER` tell the program what a `Run` knows;
where the study names devices, `CUDA_VISIBLE_DEVICES` is the worker's. A program that is pruned gets SIGTERM, and is
killed soon after.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Self

from tunewise.errors import StudyError, TrialFailed, TrialStopped
from tunewise.evaluate.base import Evaluation, read_metric
from tunewise.evaluate.function import checked_limit
from tunewise.evaluate.identity import Identity, of_command
from tunewise.evaluate.lines import COLOURS, ProgramReports, compile_pattern
from tunewise.evaluate.output import MetricMissing, Named, named_line, named_values, plain_name
from tunewise.evaluate.processes import ProcessTree, describe_exit
from tunewise.evaluate.run import SILENT, Run, device_variables
from tunewise.evaluate.words import as_text, fill, split
from tunewise.secrets import remember_environment
from tunewise.space import Value
from tunewise.text import shorten

__all__ = ["CommandEvaluator"]

KEPT_BYTES = 1 << 20  # of each output stream; the metric must stand within
SHOWN_CHARS = 1500  # of the output, in a reason
GRACE_S = 2.0  # between asking a program to end and ending it
LOOK_S = 0.05  # how often a silent program is looked after


class CommandEvaluator:
    """Runs a program for each configuration; see the module for how they talk to each other.

    Args:
        command: The program and its arguments: a list, or a text that is split as a shell would, but run without one.
        metric: The key of the metric in a JSON object that the program writes.
        timeout_s: Limit for one trial in seconds; None: no limit.
        cwd: Folder to run in; None: the current one.
        env: Variables to set beside those of this process.
        pattern: Of lines that hold an intermediate value, such as `epoch {step} * val_acc={value}`.
        result_file: Whether to offer `TUNEWISE_RESULT`.
        flags: Hyperparameters that are options without a value: `--amsgrad` when true, nothing when false.
        names: What else the metric is called in a last line such as `validation error: 0.05`.

    Raises:
        StudyError: The command is empty or cannot be split, `cwd` is no folder, the pattern has no
            `{value}`, or the limit is no limit.
    """

    def __init__(
        self,
        command: str | Sequence[str],
        *,
        metric: str = "value",
        timeout_s: float | None = None,
        cwd: str | os.PathLike[str] | None = None,
        env: Mapping[str, str] | None = None,
        pattern: str | None = None,
        result_file: bool = True,
        flags: Collection[str] = (),
        names: Collection[str] = (),
    ) -> None:
        self._words = split(command)
        self._metric = metric
        self._timeout_s = checked_limit(timeout_s)
        self._cwd = None if cwd is None else Path(cwd)
        if self._cwd is not None and not self._cwd.is_dir():
            raise StudyError(f"cwd = {str(cwd)!r} is not a folder. Create it, or name another one.")
        self._env = dict(env or {})
        remember_environment(self._env)
        self._pattern = compile_pattern(pattern) if pattern is not None else None
        self._result_file = result_file
        self._flags = frozenset(flags)
        self._names = {plain_name(name) for name in (metric, *names)}
        self._running: set[ProcessTree] = set()
        self._closings = 0  # a program may be started while the evaluator is closed
        self._lock = threading.Lock()

    @property
    def identity(self) -> Identity:
        """Which program it runs."""
        return of_command(self._words, self._cwd)

    def evaluate(self, configuration: Mapping[str, Value], run: Run = SILENT) -> Evaluation:
        """Run it; see `Evaluator`.

        Raises:
            TrialStopped: It was ended because `run.should_stop()` said so.
            TrialFailed: Exit code, signal or time limit, with the end of the output; or no usable metric.
            StudyError: The program cannot be started, or a placeholder names no hyperparameter.
        """
        with tempfile.TemporaryDirectory(prefix="tunewise-", ignore_cleanup_errors=True) as folder:
            config, result, reports = (Path(folder, name) for name in ("config.json", "result.json", "reports.jsonl"))
            config.write_text(json.dumps(dict(configuration), default=str), "utf-8")
            files = {"TUNEWISE_CONFIG": str(config), "TUNEWISE_REPORTS": str(reports)}
            environment = (
                os.environ | device_variables(run) | self._env | parameters(configuration) | facts(run) | files
            )
            if self._result_file:
                environment["TUNEWISE_RESULT"] = str(result)
            heard = ProgramReports(self._metric, self._pattern, run, reports)
            code, out, err = self._run(fill(self._words, configuration, str(config), self._flags), environment, heard)
            heard.finish()
            if code != 0:
                raise TrialFailed(f"The command ended with {describe_exit(code)}{raised(err)}.{ending(err, out)}")
            return self._read(result, out, err, heard.last)

    def close(self) -> None:
        """End every program that runs now or is being started; its thread then sees a failed trial."""
        with self._lock:
            self._closings += 1
            running = list(self._running)
        for tree in running:
            tree.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, object]:
        return {key: value for key, value in vars(self).items() if key not in ("_running", "_closings", "_lock")}

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update(state, _running=set(), _closings=0, _lock=threading.Lock())

    def _run(self, command: list[str], environment: Mapping[str, str], heard: ProgramReports) -> tuple[int, str, str]:
        """Run to the end or the limit.

        Returns:
            The return code, and the end of standard output and standard error.
        """
        closings = self._closings
        try:
            tree = ProcessTree.start(
                command,
                env=environment,
                cwd=self._cwd,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
            )
        except ValueError as error:  # a NUL byte, or text that has no encoding
            raise TrialFailed(f"A value cannot be handed to a program: {error}.") from None
        except OSError as error:
            if isinstance(error, BlockingIOError) or error.errno in (7, 12):  # too many processes, E2BIG, ENOMEM
                raise TrialFailed(f"The command could not be started: {error.strerror}.") from None
            raise StudyError(
                f"{command[0]!r} cannot be run: {error.strerror}. Name a program that is installed, by its path if it "
                "is not on PATH; a script needs a first line such as #!/bin/sh and the right to be executed."
            ) from None
        with self._lock:
            self._running.add(tree)
        try:
            if self._closings != closings:
                tree.end()
            out, err = self._listen(tree, heard)
            return tree.root.returncode, out, err
        finally:
            tree.end()  # also what the program has left running, and on Ctrl-C
            with self._lock:
                self._running.discard(tree)

    def _listen(self, tree: ProcessTree, heard: ProgramReports) -> tuple[str, str]:
        """Keep the end of both outputs until the program has ended; who else holds them open is not waited for."""
        assert tree.root.stdout is not None
        assert tree.root.stderr is not None
        deadline = None if self._timeout_s is None else time.monotonic() + self._timeout_s
        tails = {stream: bytearray() for stream in (tree.root.stdout, tree.root.stderr)}
        with selectors.DefaultSelector() as selector, tree.root.stdout, tree.root.stderr:
            for stream in tails:
                os.set_blocking(stream.fileno(), False)
                selector.register(stream, selectors.EVENT_READ)
            ended = False
            while not ended:
                ended = tree.root.poll() is not None  # looked at before the last read, so that nothing is missed
                if not ended and deadline is not None and time.monotonic() >= deadline:
                    tree.end(grace_s=GRACE_S)
                    shown = ending(text(tails[tree.root.stderr]), text(tails[tree.root.stdout]))
                    raise TrialFailed(f"The trial exceeded its limit of {self._timeout_s:g} s and was ended.{shown}")
                if not ended and heard.run.should_stop():
                    tree.end(grace_s=GRACE_S)
                    raise TrialStopped
                if not selector.get_map():
                    time.sleep(0 if ended else LOOK_S)
                for key, _ in selector.select(0 if ended else LOOK_S) if selector.get_map() else []:
                    listener = heard.output.feed if key.fileobj is tree.root.stdout else None
                    if not drain(key.fileobj, tails[key.fileobj], listener):  # type: ignore[arg-type, index]
                        selector.unregister(key.fileobj)
                heard.look()
        return text(tails[tree.root.stdout]), text(tails[tree.root.stderr])

    def _read(self, result: Path, out: str, err: str, last: float | None) -> Evaluation:
        """The metric from the result file, or else from standard output."""
        try:
            if result.is_file() and result.stat().st_size:
                with result.open("rb") as file:
                    return read_metric(parse(file.read(10 * KEPT_BYTES).decode()), self._metric)
            lines = [line.strip() for line in out.splitlines() if line.strip()]
            with suppress(ValueError):
                return read_metric(float(lines[-1] if lines else ""), self._metric)
            for line in reversed(lines):
                if line.startswith("{"):
                    with suppress(ValueError):
                        found = parse(line)
                        if isinstance(found, dict) and self._metric in found:
                            return read_metric(found, self._metric)
            if lines and (named := named_line(lines[-1])) and plain_name(named.name) in self._names:
                return read_metric(named.value, self._metric)
            if last is not None:
                return read_metric(last, self._metric)
        except (ValueError, OverflowError) as error:
            raise TrialFailed(f"The result of the command cannot be read: {shorten(str(error), 200)}.") from None
        others = list(named_values(lines))
        raise MetricMissing(
            f"The command ended well but told no metric. {self._advice(others)}{ending(out, err)}", others
        )

    def _advice(self, named: Sequence[Named]) -> str:
        """What to do about a metric that was not found."""
        if named and named[-1].pattern:
            said = json.dumps(named[-1].pattern, ensure_ascii=False)
            return f"If its last line tells it, let evaluate in the study file say so: pattern: {said}."
        if named:
            keys = ", ".join(shorten(one.name) for one in named[:5])
            return f"Its JSON has {keys}, and not {self._metric}: name one of them as metric in evaluate."
        example = json.dumps({self._metric: 0.1})
        return (
            f"Let it print the number alone, or {example}, as its last line (or write that to the file "
            f'TUNEWISE_RESULT); or let evaluate in the study file name the line: pattern: "{self._metric}: {{value}}".'
        )


def facts(run: Run) -> dict[str, str]:
    """What a program may know of its run, as environment variables."""
    known = {"TRIAL": run.trial, "WORKER": run.worker, "FIDELITY": run.fidelity}
    folder = {"TUNEWISE_FOLDER": run.folder} if run.folder else {}
    return folder | {f"TUNEWISE_{name}": f"{value:g}" for name, value in known.items() if value is not None}


def parameters(configuration: Mapping[str, Value]) -> dict[str, str]:
    """The environment variables of a configuration, without those whose names are ambiguous."""
    keys = {name: "TUNEWISE_PARAM_" + re.sub(r"[^A-Z0-9]", "_", name.upper()) for name in configuration}
    counts = Counter(keys.values())
    return {keys[name]: as_text(value) for name, value in configuration.items() if counts[keys[name]] == 1}


def drain(stream: IO[bytes], tail: bytearray, listener: Callable[[bytes], None] | None) -> bool:
    """Read what is there, up to a bound, keep the end of it, and pass it on; whether there may be more later."""
    for _ in range(64):
        chunk = stream.read(1 << 16)
        if chunk is None:  # nothing now
            return True
        if not chunk:
            return False
        if listener:
            listener(chunk)
        tail += chunk
        if len(tail) > 2 * KEPT_BYTES:
            del tail[:-KEPT_BYTES]
    return True


def text(tail: bytearray) -> str:
    """Output as text without colours, whatever its encoding."""
    return COLOURS.sub(b"", tail[-KEPT_BYTES:]).decode("utf-8", "replace")


def raised(err: str) -> str:
    """What a traceback at the end of an output says, which is its last line; nothing where there is none."""
    last = err.rstrip().rpartition("\n")[2]
    return f": {shorten(last, 300).rstrip('.')}" if "Traceback (most recent call last)" in err else ""


def ending(*outputs: str) -> str:
    """The end of the first output that is not empty, as a sentence."""
    for output in outputs:
        if stripped := output.strip():
            dots = "..." if len(stripped) > SHOWN_CHARS else ""
            return f" Its output ends with: {dots}{stripped[-SHOWN_CHARS:]}"
    return " It wrote nothing."


def parse(written: str) -> object:
    """JSON, where nesting that is too deep is an error of the writer."""
    try:
        return json.loads(written)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
