"""Servers that the tests of results share."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from crawl.conftest import acrawl, live, start
from results.postgres import Server
from results.s3 import Store, environ, environment

__all__ = ["acrawl", "live", "start"]


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
