"""Every test of the queues leaves the process as it found it."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator

import pytest
from fake_master import sockets, threads

from acrawl.queues import client, wire


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """No thread and no socket outlives a test."""
    before = threads(), sockets()
    yield
    end = time.monotonic() + 2
    while (left := (threads() - before[0], sockets() - before[1])) != (set(), set()) and time.monotonic() < end:
        gc.collect()  # a socket that was lost unclosed warns here, in the test that lost it
        time.sleep(0.01)
    assert left == (set(), set())


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that looks for its master for a moment only."""
    monkeypatch.setattr(client, "FIRST_CONNECT", 0.3)
    monkeypatch.setattr(wire, "AUTH_SECONDS", 1.0)
