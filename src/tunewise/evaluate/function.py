"""A Python callable as an evaluator, in this process or in one of its own."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import math
import os
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import update_wrapper
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Self

from tunewise.errors import StudyError
from tunewise.evaluate.base import Evaluation
from tunewise.evaluate.identity import Identity, of_callable
from tunewise.evaluate.objective import Objective, call, describe
from tunewise.evaluate.run import SILENT, Run, device_variables, takes_run
from tunewise.secrets import remember_environment
from tunewise.space import Value
from tunewise.text import did_you_mean, shorten

if TYPE_CHECKING:
    from tunewise.evaluate.isolation import Worker

__all__ = ["FunctionEvaluator", "import_objective"]


class FunctionEvaluator:
    """Calls an objective with each configuration.

    With `timeout_s` or `isolate` it is called in a process of its own, which stays warm from trial to trial: it can be
    ended at the limit with all that it has started, and a crash is a failed trial, not the end of the study. There are
    as many processes as there are threads that evaluate at the same time. What the objective prints comes out as ever.

    Args:
        objective: Takes a dictionary, and a `Run` if it has a second argument for it; returns the metric or a mapping
            that holds it under `metric`.
        metric: The key of the metric in such a mapping; its other numbers are kept as `extra`.
        timeout_s: Limit for one trial in seconds, not counting the start of the process; None: no limit.
        isolate: Whether to use a process of its own without a limit too. A device of the worker needs one as well.
        env: Environment variables of that process, beside those of this one; needs `isolate` or a limit.

    Raises:
        StudyError: The objective cannot be called or cannot be sent to another process, or the limit is no limit.
    """

    def __init__(
        self,
        objective: Objective,
        *,
        metric: str = "value",
        timeout_s: float | None = None,
        isolate: bool = False,
        env: Mapping[str, str] | None = None,
    ) -> None:
        if not callable(objective):
            raise StudyError(f"{shorten(objective)} is not an objective. Give a function that takes a configuration.")
        if inspect.iscoroutinefunction(objective):
            raise StudyError("The objective is async. Give a plain function, for example one that calls asyncio.run.")
        self._objective = objective
        self._metric = metric
        self._timeout_s = checked_limit(timeout_s)
        self._isolate = isolate or timeout_s is not None
        self._env = dict(env or {})
        if self._env and not self._isolate:
            raise StudyError("env needs a process of its own. Set isolate=True, or set the variables before the start.")
        remember_environment(self._env)
        self._forget_workers()
        if self._isolate:
            self._pack()

    @property
    def identity(self) -> Identity:
        """Which function it calls."""
        return of_callable(self._objective)

    @property
    def reads_run(self) -> bool:
        """Whether the function takes a `Run`."""
        return takes_run(self._objective)

    def evaluate(self, configuration: Mapping[str, Value], run: Run = SILENT) -> Evaluation:
        """Run it; see `Evaluator`."""
        run = replace(run, timeout_s=self._timeout_s)
        if not self._isolate:
            return call(self._objective, configuration, run, self._metric)
        from tunewise.evaluate.isolation import Worker

        env = device_variables(run) | self._env
        with self._lock:
            self._idle[:] = [worker for worker in self._idle if worker.alive]
            worker = next((idle for idle in self._idle if idle.env == env), None) or Worker(self._pack(), env)
            self._workers.add(worker)
            self._idle[:] = [idle for idle in self._idle if idle is not worker]
        try:
            return worker.evaluate(configuration, run)
        finally:
            with self._lock:
                if worker.alive and worker in self._workers:
                    self._idle.append(worker)
                else:
                    self._workers.discard(worker)

    def close(self) -> None:
        """End all processes, in the middle of a trial too: its thread then sees a failed trial."""
        with self._lock:
            workers = list(self._workers)
            self._workers.clear()
            self._idle.clear()
        for worker in workers:
            worker.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, object]:
        from tunewise.evaluate.isolation import pack

        return {
            "packed": self._packed or pack(self._objective, self._metric),
            "timeout_s": self._timeout_s,
            "isolate": self._isolate,
            "env": self._env,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        import pickle

        self._objective, self._metric = pickle.loads(state["packed"])  # noqa: S301 - part of our own pickle
        self._timeout_s, self._isolate, self._env = state["timeout_s"], state["isolate"], state["env"]
        self._forget_workers()

    def _forget_workers(self) -> None:
        self._packed: bytes | None = None
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        self._workers: set[Worker] = set()

    def _pack(self) -> bytes:
        from tunewise.evaluate.isolation import pack

        self._packed = self._packed or pack(self._objective, self._metric)
        return self._packed


class ImportedObjective:
    """A function known by its address, so that another process can import it again instead of unpickling its module."""

    def __init__(self, address: str, function: Objective) -> None:
        self._address = address
        self._function = function
        update_wrapper(self, function)

    def __call__(self, *arguments: Any) -> object:
        return self._function(*arguments)

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return import_objective, (self._address,)


def import_objective(address: str) -> Callable[..., object]:
    """Import an objective that is named in a study file or on the command line.

    Args:
        address: `"module:function"` or `"path/to/file.py:function"`. The file's folder, or for a module the current
            folder, can be imported from, as when Python runs a script.

    Raises:
        StudyError: There is no such file, module or function, or the import fails.
    """
    source, separator, name = address.strip().rpartition(":")
    if not separator or not source or not name.isidentifier():
        raise StudyError(
            f"{shorten(address)} does not name an objective. Write module:function or path/to/file.py:function."
        )
    is_file = source.endswith(".py") or os.sep in source
    module = load_file(Path(source)) if is_file else load_module(source)
    if not hasattr(module, name):
        functions = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        hint = did_you_mean(name, functions, f"It has: {', '.join(functions[:10]) or 'no function'}.")
        raise StudyError(f"{source} has no function {name}. {hint}")
    function = getattr(module, name)
    if not callable(function):
        raise StudyError(f"{address} is {shorten(function)}, which cannot be called. Name a function.")
    return ImportedObjective(f"{Path(source).resolve()}:{name}" if is_file else address.strip(), function)


def load_file(path: Path) -> ModuleType:
    """Import a file by its path, once; its name cannot clash with that of another module."""
    path = path.resolve()
    if not path.is_file():
        hint = did_you_mean(path.name, (p.name for p in path.parent.glob("*.py")), "Correct the path of the objective.")
        raise StudyError(f"There is no file {path}. {hint}")
    key = f"{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    if key in sys.modules:
        return sys.modules[key]
    spec = importlib.util.spec_from_file_location(key, path)
    if spec is None or spec.loader is None:
        raise StudyError(f"{path} is not a Python file. Name a file that ends in .py.")
    module = sys.modules[key] = importlib.util.module_from_spec(spec)
    make_importable(path.parent)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[key]
        raise StudyError(f"{path.name} cannot be imported: {describe(error)}. Fix it and try again.") from error
    return module


def load_module(name: str) -> ModuleType:
    """Import a module by its name, looking in the current folder as well."""
    make_importable(Path.cwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise StudyError(f"{name} cannot be imported: {describe(error)}. Install what it needs.") from error
        raise StudyError(
            f"There is no module {name}. Start where it can be imported from, or write path/to/file.py:function."
        ) from None
    except (Exception, SystemExit) as error:
        raise StudyError(f"{name} cannot be imported: {describe(error)}. Fix it and try again.") from error


def make_importable(folder: Path) -> None:
    """Let modules beside the objective be imported."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def checked_limit(timeout_s: float | None) -> float | None:
    """A time limit, validated."""
    if timeout_s is None:
        return None
    if isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float):
        raise StudyError(f"timeout_s = {shorten(timeout_s)} is not a number. Give seconds, or leave it out.")
    if not (timeout_s > 0 and math.isfinite(timeout_s)):
        raise StudyError(f"timeout_s = {timeout_s} is not above 0 and finite. Give seconds, or leave it out.")
    return timeout_s
