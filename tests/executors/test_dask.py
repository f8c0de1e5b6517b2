"""Dask for real: workers and schedulers that die, and what a study makes of it."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from support.clusters import HELD, kill, run_forty, started, stops_when_told, telling
from support.stalls import relay
from support.waiting import until
from support.whole_paths import SRC, InProcess, space, write_study
from tunewise import TuneOptions, tune
from tunewise.errors import StudyError

distributed = pytest.importorskip("distributed", reason="Dask is missing: pip install 'tunewise[dask]'")

from tunewise.executors.dask import DaskExecutor, let_go  # noqa: E402 - it needs Dask

pytestmark = pytest.mark.filterwarnings("ignore")  # Dask warns of what the tests do to it


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Four processes."""
    import dask

    os.environ["PYTHONPATH"] = f"{SRC}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 50, "distributed.admin.tick.limit": "1h"}),
        distributed.LocalCluster(
            n_workers=4, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
        ) as made,
    ):
        yield made


def address(cluster: Any) -> str:
    return str(cluster.scheduler_address).replace("tcp://", "dask://")


@pytest.mark.long
def test_forty_trials_survive_a_worker_s_death(cluster: Any, tmp_path: Path) -> None:
    run_forty(address(cluster), tmp_path, interfere=kill)


def test_what_is_given_up_stops(cluster: Any) -> None:
    stops_when_told(address(cluster))


def test_a_study_file_and_the_command_line_name_a_cluster(cluster: Any, tmp_path: Path, cli: InProcess) -> None:
    file = write_study(
        tmp_path, objective="def objective(c):\n    return c['C']\n", proposer="random", n_trials=3, n_jobs=2
    )
    done = cli("tune", file, "-q", "--executor", address(cluster))
    assert done.code == 0, done
    assert "3 finished" in done.out


def test_any_executor_of_dask_s_own_will_do(cluster: Any, tmp_path: Path) -> None:
    with distributed.Client(cluster, set_as_default=False) as client:
        study = tune(
            telling(tmp_path),
            space(),
            proposer="random",
            n_trials=3,
            n_jobs=2,
            options=TuneOptions(executor=client.get_executor(pure=False)),
        )
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 3
    assert len(study.trials[0].intermediate_values) == 2


def test_a_worker_that_kills_itself_fails_its_trial(cluster: Any) -> None:
    def deadly(configuration: dict[str, Any]) -> float:
        if configuration["n"] > 30:
            os.kill(os.getpid(), signal.SIGKILL)
        return 1.0

    cluster.scheduler.allowed_failures = 0
    try:
        study = tune(
            deadly, space(), proposer="random", n_trials=4, options=TuneOptions(executor=address(cluster), seed=1)
        )
    finally:
        cluster.scheduler.allowed_failures = 50
    large = [trial.params["n"] > 30 for trial in study.trials]
    assert 0 < sum(large) < 4
    assert [trial.state.name == "FAIL" for trial in study.trials] == large
    failed = next(trial for trial in study.trials if trial.state.name == "FAIL")
    assert failed.user_attrs["tunewise:result"]["error"].startswith("Every worker that ran it died")


def test_what_cannot_be_sent_is_said_at_once(cluster: Any) -> None:
    held = threading.Lock()
    with (
        DaskExecutor(address(cluster).removeprefix("dask://")) as executor,
        pytest.raises(Exception, match="serialize"),
    ):
        executor.submit(held.acquire).result(1)


class Outside:
    """A scheduler and a worker as processes, which may end."""

    def __init__(self) -> None:
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            self.port = held.getsockname()[1]
        self.processes: list[subprocess.Popen[bytes]] = []

    def ready(self) -> None:
        """Be there, whatever an earlier test has done to it."""
        if any(process.poll() is not None for process in self.processes) or not self.processes:
            self.end()
            self.start()
        until(self.reachable)

    def reachable(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def start(self) -> None:
        scheduler = ["dask_scheduler", "--host", "127.0.0.1", "--port", str(self.port), "--no-dashboard"]
        self.processes = [self.begun(*scheduler)]
        self.worker("near", self.port)

    def worker(self, name: str, port: int) -> subprocess.Popen[bytes]:
        """One more, which reaches the scheduler at a port."""
        place = f"127.0.0.1:{port}"
        words = ["dask_worker", place, "--name", name, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
        self.processes.append(self.begun(*words))
        return self.processes[-1]

    def begun(self, program: str, *words: str) -> subprocess.Popen[bytes]:
        env = os.environ | {"PYTHONPATH": str(SRC)}
        command = [sys.executable, "-m", f"distributed.cli.{program}", *words]
        return subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def outside() -> Iterator[Outside]:
    made = Outside()
    yield made
    made.end()


@pytest.mark.long
def test_a_scheduler_that_restarts_is_waited_for(outside: Outside, tmp_path: Path) -> None:
    def restart(_: int) -> None:
        outside.end()
        outside.start()

    outside.ready()
    run_forty(f"dask://127.0.0.1:{outside.port}", tmp_path, interfere=restart, n_trials=24)


def test_a_scheduler_that_is_gone_ends_the_run_and_loses_nothing(outside: Outside, tmp_path: Path) -> None:
    from tunewise.history import History
    from tunewise.study.storage import open_study

    outside.ready()
    (tmp_path / "wait").touch()

    def end() -> None:
        until(lambda: any(trial == 20 for trial, _ in started(tmp_path)))
        outside.end()

    thread = threading.Thread(target=end)
    thread.start()
    storage = tmp_path / "s.journal"
    with DaskExecutor(f"127.0.0.1:{outside.port}", patience_s=0.5) as executor, pytest.raises(StudyError, match="gone"):
        tune(
            telling(tmp_path),
            space(),
            proposer="random",
            n_trials=40,
            storage=storage,
            options=TuneOptions(executor=executor),
        )
    thread.join()
    states = [trial.state for trial in History.from_study(open_study(storage, "tunewise"))]
    assert states == ["finished"] * 20 + ["waiting"]


@pytest.mark.long
def test_trials_of_a_worker_whose_network_stalls_come_back(outside: Outside, tmp_path: Path) -> None:
    outside.ready()
    with ExitStack() as stack:
        relays = [stack.enter_context(relay(outside.port)) for _ in range(2)]
        workers = {outside.worker(f"far-{k}", each.port).pid: (f"far-{k}", each) for k, each in enumerate(relays)}
        address = f"127.0.0.1:{outside.port}"
        scheduler = stack.enter_context(distributed.Client(address, set_as_default=False))
        scheduler.wait_for_workers(3)
        scheduler.retire_workers(names=["near"])

        async def not_heard_of(name: str, dask_scheduler: Any = None) -> None:
            """What a scheduler does after five minutes without a word of a worker."""
            next(w for w in dask_scheduler.workers.values() if w.name == name).last_seen = 0.0
            await dask_scheduler.check_worker_ttl()

        def stall(pid: int) -> None:
            name, network = workers[pid]
            network.stall()
            scheduler.run_on_scheduler(not_heard_of, name)
            until(lambda: {p for trial, p in started(tmp_path) if trial == HELD} == set(workers))
            network.flow()  # the first run of the trial is heard of again

        run_forty(f"dask://{address}", tmp_path, interfere=stall)


@pytest.mark.long
def test_a_driver_whose_network_stalls_and_breaks_goes_on(outside: Outside, tmp_path: Path) -> None:
    outside.ready()
    with ExitStack() as stack:
        network = stack.enter_context(relay(outside.port))

        def stall_and_break(_: int) -> None:
            network.stall()
            network.break_off()

        run_forty(f"dask://127.0.0.1:{network.port}", tmp_path, interfere=stall_and_break)


@pytest.mark.long
@pytest.mark.parametrize("whose", ["ours", "the user's"])
def test_a_client_that_fails_half_way_when_it_connects_again_is_replaced(
    outside: Outside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whose: str
) -> None:
    connect, before = distributed.Client._ensure_connected, set()

    async def once(self: Any, timeout: float | None = None) -> None:
        """As Dask does when another message comes with the first: the client stays "connecting"."""
        if self in before:
            raise AssertionError
        before.add(self)
        await connect(self, timeout=timeout)

    monkeypatch.setattr(distributed.Client, "_ensure_connected", once)
    outside.ready()
    with ExitStack() as stack:
        network = stack.enter_context(relay(outside.port))
        place = f"127.0.0.1:{network.port}"
        executor: DaskExecutor | str = f"dask://{place}"
        if whose == "the user's":
            client = distributed.Client(place, set_as_default=False)
            stack.callback(let_go, client)
            executor = stack.enter_context(DaskExecutor(client))
        run_forty(executor, tmp_path, interfere=lambda _: network.break_off())
    assert len(before) > 1


@pytest.mark.parametrize("wrong", ["dask://", "slurm://x", "dask", "ray:/", "dask://127.0.0.1:1"])
def test_what_is_no_address_or_silent_is_said(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunewise.executors.dask.ANSWER_S", 0.5)
    with pytest.raises(StudyError, match=r"is no address of an executor|No Dask scheduler answers"):
        tune(lambda c: 1.0, space(), proposer="random", n_trials=1, options=TuneOptions(executor=wrong))
