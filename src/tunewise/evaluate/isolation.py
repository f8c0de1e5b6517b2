"""An objective in a process of its own, which can be killed, may crash, and stays warm between trials.

The objective travels once, by cloudpickle, so that lambdas and the functions of unguarded scripts work, and large
training data is not sent again for each trial. All else travels as JSON: a configuration there, and back what the
objective reports, whether it asks if it should stop (which is answered), and at last its outcome.
"""

from __future__ import annotations

import json
import math
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from types import MappingProxyType
from typing import Any, Self

from tunewise.errors import StudyError, TrialFailed, TrialStopped
from tunewise.evaluate.base import Evaluation
from tunewise.evaluate.objective import call, describe
from tunewise.evaluate.processes import ProcessTree, describe_exit
from tunewise.evaluate.run import SILENT, Run
from tunewise.space import Value

__all__ = ["Worker", "pack", "serve"]

BOOT = "import json, sys; sys.path[:] = json.loads(sys.argv.pop()); " + (
    "from tunewise.evaluate.isolation import serve; serve(int(sys.argv.pop()))"
)
LARGEST_ANSWER = 1 << 24  # bytes
LOOK_S = 0.1  # how often a silent worker is looked after
FACTS = ("trial", "worker", "device", "fidelity", "folder", "timeout_s")
"""What a `Run` knows; its channel is another one here and there."""


def pack(objective: object, metric: str) -> bytes:
    """An objective and the name of its metric, fit to be sent to a `Worker`.

    Raises:
        StudyError: The objective cannot be pickled.
    """
    import cloudpickle

    try:
        return bytes(cloudpickle.dumps((objective, metric)))
    except Exception as error:  # pickling runs code of every object that it meets
        raise StudyError(
            f"The objective cannot be sent to a process of its own: {describe(error)}. Create what cannot be pickled "
            "(locks, connections, open files) inside the objective, or leave out timeout_s and isolate."
        ) from error


class Worker:
    """A process that holds one objective. Not for several threads at the same time.

    Args:
        packed: What `pack` made.
        env: Environment variables beside those of this process.

    Raises:
        StudyError: On Windows, which cannot hand it its end of the pipe.
    """

    def __init__(self, packed: bytes, env: Mapping[str, str] = MappingProxyType({})) -> None:
        if os.name != "posix":
            raise StudyError("timeout_s and isolate need Linux or macOS. Leave them out, or use a command.")
        self._pipe, theirs = Pipe()
        with theirs:
            arguments = [str(theirs.fileno()), json.dumps(sys.path)]
            self._tree = ProcessTree.start(
                [sys.executable, "-u", "-c", BOOT, *arguments],
                env=os.environ | env,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self.env = env
        self._packed: bytes | None = packed
        self._ended = False
        weakref.finalize(self, self._tree.end)  # forgotten by its owner, or the interpreter ends

    @property
    def alive(self) -> bool:
        """Whether another trial can be sent to it."""
        return not self._ended and self._tree.root.poll() is None

    def evaluate(self, configuration: Mapping[str, Value], run: Run) -> Evaluation:
        """Run one trial; its limit does not count the start of the process and the import of the objective.

        Raises:
            TrialStopped: The objective ended early.
            TrialFailed: As the objective failed, or it exceeded its limit, or the worker crashed. In the last two cases
                the worker is dead.
            StudyError: The objective cannot be loaded in another process.
        """
        try:
            if self._packed is not None:
                packed, self._packed = self._packed, None
                self._exchange(packed, SILENT)
            facts = {key: getattr(run, key) for key in FACTS}
            message = json.dumps({"configuration": dict(configuration), "run": facts})
            answer = self._exchange(message.encode(), run)
        except BaseException as error:
            if not isinstance(error, TrialFailed | TrialStopped | StudyError) or not self.alive:
                self.close()
            raise
        return Evaluation(answer["value"], answer["extra"])

    def close(self) -> None:
        """End the process and whatever it has started. May be called from another thread, and again."""
        self._ended = True
        self._tree.end()

    def _exchange(self, message: bytes, run: Run) -> dict[str, Any]:
        """Send a message, pass on what is said meanwhile, and turn every end but a good one into an exception."""
        deadline = math.inf if run.timeout_s is None else time.monotonic() + run.timeout_s
        try:
            self._pipe.send_bytes(message)
            while True:
                self._await_answer(deadline, run)
                answer = json.loads(self._pipe.recv_bytes(LARGEST_ANSWER))
                match answer:
                    case {"value": value, "step": step}:
                        run.report(value, step)
                    case {"should_stop": _}:
                        self._pipe.send_bytes(json.dumps(run.should_stop()).encode())
                    case _:
                        break
        except (EOFError, OSError, ValueError):  # the other end is gone, or the objective has written to its pipe
            raise TrialFailed(self._obituary()) from None
        match answer:
            case {"failed": str(reason)}:
                raise TrialFailed(reason)
            case {"stopped": str(reason)}:
                raise TrialStopped(reason)
            case {"unusable": str(reason)}:
                raise StudyError(reason)
            case {"interrupted": _}:
                raise KeyboardInterrupt
        return dict(answer)

    def _await_answer(self, deadline: float, run: Run) -> None:
        """Return when there is an answer or the pipe is closed; children of a dead worker may hold the pipe open."""
        while time.monotonic() >= deadline or not self._pipe.poll(min(LOOK_S, deadline - time.monotonic())):
            if time.monotonic() >= deadline:
                self.close()
                raise TrialFailed(f"The trial exceeded its limit of {run.timeout_s:g} s and was ended.")
            if self._tree.root.poll() is not None and not self._pipe.poll(0):
                raise EOFError

    def _obituary(self) -> str:
        if self._ended:
            return "The trial was ended in the middle, with its evaluator."
        with suppress(subprocess.TimeoutExpired):
            code = self._tree.root.wait(1.0)
            hint = ", perhaps out of memory" if code == -signal.SIGKILL else ""
            return f"The process of the trial crashed with {describe_exit(code)}{hint}."
        self.close()
        return "The objective broke the connection of its process."


def serve(descriptor: int) -> None:
    """The life of a worker: receive the objective, then one configuration after the other until the parent is gone."""
    os.set_inheritable(descriptor, False)
    threading.Thread(target=end_with_parent, args=(os.getppid(),), daemon=True).start()
    pipe = Connection(descriptor)
    with suppress(EOFError, OSError):
        try:
            objective, metric = pickle.loads(pipe.recv_bytes())  # noqa: S301 - our parent's own objective
        except Exception as error:  # noqa: BLE001 - unpickling imports the user's modules
            reason = f"The objective cannot be loaded in a process of its own: {describe(error)}. Make its modules "
            answer(pipe, unusable=reason + "importable from any folder, or leave out timeout_s and isolate.")
            return
        answer(pipe, ready=True)
        while True:
            asked = json.loads(pipe.recv_bytes())
            try:
                with PipeChannel(pipe) as channel:
                    evaluation = call(objective, asked["configuration"], Run(**asked["run"], channel=channel), metric)
            except TrialStopped as stopped:
                answer(pipe, stopped=str(stopped))
            except TrialFailed as failure:
                answer(pipe, failed=str(failure))
            except (KeyboardInterrupt, SystemExit):
                answer(pipe, interrupted=True)
            else:
                answer(pipe, value=evaluation.value, extra=dict(evaluation.extra))
    os.killpg(0, signal.SIGKILL)  # the parent is gone: threads and children of the objective must not outlive it


class PipeChannel:
    """What an objective says, on its way to the parent. Threads that outlive their trial are not heard any more."""

    heard = False  # the parent asks its own channel
    late = ()

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()
        self._open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._open = False

    def send(self, value: float, step: int | None) -> None:
        """Pass it on."""
        with self._lock:
            if self._open:
                answer(self._pipe, value=value, step=step)

    def stopped(self) -> bool:
        """Ask the parent, who has heard all that was sent before."""
        with self._lock:
            if not self._open:
                return True
            answer(self._pipe, should_stop=True)
            return bool(json.loads(self._pipe.recv_bytes()))


def answer(pipe: Connection, **content: object) -> None:
    """Send the outcome of a message to the parent."""
    pipe.send_bytes(json.dumps(content).encode())


def end_with_parent(parent: int) -> None:
    """End this process and its group soon after the parent has died without a word."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os.killpg(0, signal.SIGKILL)
