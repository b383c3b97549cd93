"""The SQLite engine keeps every promise of a frontier."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

import pytest

from acrawl.clock import Clock
from acrawl.frontier.base import Gate
from acrawl.frontier.sqlite import SqliteFrontier
from acrawl.settings import resolve
from contracts.crawl import Opener
from contracts.frontier import FrontierContract


@pytest.fixture
def open_frontier() -> Opener:
    async def opener(folder: pathlib.Path, overrides: Mapping[str, Any], gate: Gate, clock: Clock) -> SqliteFrontier:
        return await SqliteFrontier.open(str(folder / "crawl.sqlite"), resolve(("test", overrides)), gate, clock)

    return opener


@pytest.mark.asyncio
class TestSqliteFrontier(FrontierContract):
    pass
