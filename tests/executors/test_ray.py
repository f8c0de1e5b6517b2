"""Ray for real: a local cluster, and a worker that is killed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.clusters import kill, run_forty, stops_when_told
from support.whole_paths import SRC, InProcess, write_study

ray = pytest.importorskip("ray", reason="Ray is missing: pip install 'tunewise[ray]'")

pytestmark = [
    pytest.mark.filterwarnings("ignore"),  # Ray leaves sockets and files to the garbage collector
    pytest.mark.long,  # a cluster takes ten seconds to start
]


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """Four workers on this machine; nothing is told to anybody."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["PYTHONPATH"] = f"{SRC}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    begin()
    yield
    ray.shutdown()


def begin() -> None:
    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False, object_store_memory=100 * 2**20)


def test_forty_trials_survive_a_worker_s_death(tmp_path: Path) -> None:
    run_forty("ray", tmp_path, interfere=kill)


def test_a_driver_elsewhere_reaches_it_by_its_client_server(tmp_path: Path) -> None:
    from ray.util.client.server.server import serve

    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    server = serve("127.0.0.1", port)
    code = (
        "from pathlib import Path; from support.clusters import kill, run_forty; "
        f"run_forty('ray://127.0.0.1:{port}', Path({str(tmp_path)!r}), interfere=kill)"
    )
    env = os.environ | {"PYTHONPATH": f"{SRC}{os.pathsep}{SRC.parent / 'tests'}"}
    try:
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    finally:
        server.stop(0)
        ray.shutdown()  # the server ends Ray in this process with its last client, and begins it by itself before
        begin()
    assert done.returncode == 0, done.stderr


def test_what_is_given_up_stops() -> None:
    stops_when_told("ray")


def test_a_study_file_names_it(tmp_path: Path, cli: InProcess) -> None:
    file = write_study(
        tmp_path, objective="def objective(c):\n    return c['C']\n", proposer="random", n_trials=3, executor="ray"
    )
    done = cli("tune", file, "-q")
    assert done.code == 0, done
    assert "3 finished" in done.out
    assert ray.is_initialized()  # it was there before, and stays
