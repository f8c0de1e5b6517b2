"""What runs on the other side: take a job, lock down, run the program, hand back what it answers.

Everything that this file needs is imported before the lock. What it does afterwards is in the hands of the program,
which shares its process; so nothing here is relied on once the program runs.

On the answer's pipe, each line begins with a letter: `l` when the process is locked, `r` and JSON for a result, `e`
and a JSON string for an error. The program can write there whatever it likes.
"""

from __future__ import annotations

import json
import linecache
import os
import sys
import traceback
import types
from pathlib import Path
from typing import NoReturn

from tunewise.sandbox.lockdown import Lock, lock_down

__all__ = ["BOOT", "main", "work"]

ANSWER = 3
"""The descriptor of the answer's pipe; beside the three standard ones the only one that is open."""

BOOT = (
    "import sys; root, module, *given = sys.argv[1:]; inside = root in sys.path; inside or sys.path.insert(0, root); "
    "from importlib import import_module; main = import_module(module).main; "
    "inside or sys.path.remove(root); sys.argv[1:] = given; main()"
)
"""How an isolated interpreter finds this package: the folder it lies in, a module with `main`, arguments."""


def main() -> NoReturn:
    """Work off one job; the descriptors of job and answer are the arguments of the command line."""
    job, answer = map(int, sys.argv[1:])
    work(job, answer)


def work(job: int, answer: int) -> NoReturn:
    """Work off one job and end.

    Args:
        job: Descriptor of the job's JSON.
        answer: Descriptor of the pipe for answers.
    """
    leave, code = os._exit, 1
    try:
        with os.fdopen(job) as file:
            task = json.load(file)
        keep_only(answer)
        lock = Lock(**task["lock"])
        os.environ.update(HOME=lock.folder, TMPDIR=lock.folder, PWD=lock.folder)
        sys.path[:] = [lock.folder, *task["sys_path"]]
        sys.argv[:] = ["program.py"]
        bounded = lock_down(lock)
        if lock.landlock:
            os.path.realpath = abspath  # type: ignore[assignment]  # where links lead is not told
        send("l", bounded)
        code = execute(task["program"], task["arguments"])
    except BaseException as error:  # noqa: BLE001 - nothing may get past the end of a job
        tell(error)
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except BaseException:  # noqa: BLE001, S112 - what stands there is the program's
                continue
        leave(code)


def keep_only(answer: int) -> None:
    """Close every descriptor but the standard ones and the answer's, which becomes `ANSWER`."""
    if answer != ANSWER:
        os.dup2(answer, ANSWER, inheritable=False)
    os.closerange(ANSWER + 1, os.sysconf("SC_OPEN_MAX"))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


def abspath(path: str, *, strict: bool = False) -> str:
    """In the place of `os.path.realpath`, whose system call is refused where only Landlock guards the files."""
    if strict:
        Path(path).stat()
    return os.path.abspath(path)  # noqa: PTH100 - nothing is resolved


def execute(program: str, arguments: object) -> int:
    """Run a program as `__main__` and return its exit code."""
    linecache.cache["program.py"] = (len(program), None, program.splitlines(keepends=True), "program.py")
    module = types.ModuleType("__main__")
    module.__dict__.update(__file__="program.py", arguments=arguments, respond=respond)
    sys.modules["__main__"] = module
    try:
        exec(compile(program, "program.py", "exec"), module.__dict__)  # noqa: S102 - what all of this is for
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return (end.code or 0) & 0xFF
        send("e", str(end.code))
        return 1
    except BaseException as error:  # noqa: BLE001 - whatever the program raises is its end
        own = error.__traceback__
        traceback.print_exception(error.with_traceback(own and own.tb_next), limit=-8)
        tell(error)
        return 1
    return 0


def respond(value: object) -> None:
    """Hand a JSON value back; the last one counts.

    Raises:
        TypeError: It is not made of what JSON knows.
        ValueError: It holds NaN or an infinity.
    """
    send("r", value)


def tell(error: BaseException) -> None:
    """Hand back why the program ended."""
    send("e", "".join(traceback.format_exception_only(error)).strip().splitlines()[-1])


def send(kind: str, value: object) -> None:
    """Write one line to the answer's pipe."""
    line = memoryview(f"{kind}{json.dumps(value, allow_nan=False)}\n".encode())
    while line:
        line = line[os.write(ANSWER, line) :]
