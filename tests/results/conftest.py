"""Servers that the tests of results share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crawl.conftest import acrawl, live, start
from results.postgres import Server

__all__ = ["acrawl", "live", "start"]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One server for all tests; each makes a database, or a table, of its own."""
    server = Server()
    yield server
    server.reap()
