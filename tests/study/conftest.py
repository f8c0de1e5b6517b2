"""A database server for all tests of studies."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from support.postgresql import find_binaries, server


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a database on a real PostgreSQL server."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip("there is no PostgreSQL server on this machine: install postgresql with the tools of this system")
    if find_spec("psycopg") is None:
        pytest.skip("psycopg is missing: pip install 'tunewise[postgresql]'")
    with server(binaries) as address:
        yield address
