"""What all tests share: a real web site on loopback, and an address where nobody listens."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from server import Site


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where CI is set, a skipped test is a failed run: what was not tried was not shown."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest_asyncio.fixture
async def site() -> AsyncIterator[Site]:
    """The zoo of ``tests/server.py``, in the loop of the test."""
    async with Site() as site:
        yield site


@pytest.fixture
def refused_url() -> Iterator[str]:
    """A URL whose port is bound but not listened on: every connection is refused, and nobody else can take it."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/"
