"""Servers that the tests of results share."""

from __future__ import annotations

import pathlib
import shutil
import tempfile
import uuid
from collections.abc import Iterator

import pytest

from crawl.conftest import acrawl, live, start, typed
from results.postgres import Server
from results.s3 import Store, environ, environment

__all__ = ["acrawl", "live", "start", "typed"]


#: Bytes that have to be free in memory.
_ROOM = 256 << 20


@pytest.fixture
def memory(tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A folder for many deaths by SIGKILL, which take no page cache along: in memory, where no fsync waits for a disk.

    The usual one where there is no such room.
    """
    place = pathlib.Path("/dev/shm")
    if not place.is_dir() or shutil.disk_usage(place).free < _ROOM:
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="acrawl-", dir=place) as folder:
        yield pathlib.Path(folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One server for all tests; each makes a database, or a table, of its own."""
    server = Server()
    yield server
    server.reap()


@pytest.fixture(scope="session")
def rclone() -> Iterator[Store]:
    """Speaks S3 with signatures and parts; each test makes a bucket of its own."""
    store = Store("rclone")
    yield store
    store.reap()


@pytest.fixture(scope="session")
def moto() -> Iterator[Store]:
    """Speaks S3 with conditional writes."""
    store = Store("moto")
    yield store
    store.reap()


@pytest.fixture(params=["rclone", "moto"])
def store(request: pytest.FixtureRequest) -> Store:
    """Each of them."""
    found: Store = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def shop(store: Store) -> Iterator[str]:
    """The URL of a new bucket, whose store and key the environment names."""
    bucket = f"shop-{uuid.uuid4().hex[:12]}"
    store.make(bucket)
    with environ(environment(store.url)):
        yield f"s3://{bucket}"
