"""A PostgreSQL server of a test's own: an ordinary user's, on loopback, in a folder that is removed with it."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from support.waiting import PATIENCE_S


def find_binaries() -> Path | None:
    """Where the server's programs are, if they are on this machine."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


def as_user() -> dict[str, str]:
    """Arguments for a process of an ordinary user: the server refuses to be root's."""
    if os.geteuid() != 0:
        return {}
    names = [user.pw_name for user in pwd.getpwall()]
    return {"user": "postgres" if "postgres" in names else "nobody"}


@contextmanager
def server(binaries: Path) -> Iterator[str]:
    """A server, and the address of an empty database."""
    with tempfile.TemporaryDirectory(prefix="pg-") as folder, socket.socket() as held:
        user = as_user()
        if user:
            shutil.chown(folder, user["user"])
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        held.close()

        def run(program: str, *words: str) -> None:
            command: Sequence[str] = [str(binaries / program), *words]
            subprocess.run(command, cwd=folder, capture_output=True, timeout=PATIENCE_S, check=True, **user)  # type: ignore[call-overload]

        run("initdb", "-D", f"{folder}/data", "-U", "tunewise", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C")
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        control = ("-D", f"{folder}/data", "-l", f"{folder}/log", "-w", "-t", str(int(PATIENCE_S)))
        run("pg_ctl", *control, "-o", options, "start")
        try:
            yield f"postgresql+psycopg://tunewise@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", *control, "-m", "immediate", "stop")
