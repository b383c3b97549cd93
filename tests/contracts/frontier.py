"""All promises of `acrawl.frontier.base`, for every engine alike.

An engine binds them by subclassing `FrontierContract` in a module that has a fixture ``open_frontier``: an async
function ``(folder, {"section.key": value}, gate, clock) -> frontier`` that opens, or opens again, the job in a folder.
No engine is named here, and nothing is looked at but the contract (with the attributes ``epoch`` and ``secret``).
"""

from __future__ import annotations

import pathlib
from collections.abc import AsyncIterator

import pytest_asyncio

from contracts.crawl import Crawl, Opener
from contracts.frontier_books import BookPromises
from contracts.frontier_budgets import BudgetPromises
from contracts.frontier_errands import ErrandPromises
from contracts.frontier_history import HistoryPromises
from contracts.frontier_hosts import HostPromises
from contracts.frontier_jars import JarPromises
from contracts.frontier_leases import LeasePromises
from contracts.frontier_limits import LimitPromises
from contracts.frontier_memory import MemoryPromises
from contracts.frontier_pace import PacePromises
from contracts.frontier_parts import PartPromises
from contracts.frontier_queue import QueuePromises
from contracts.frontier_suspects import SuspectPromises
from contracts.frontier_traps import TrapPromises


class FrontierContract(
    QueuePromises,
    LimitPromises,
    MemoryPromises,
    HostPromises,
    ErrandPromises,
    PacePromises,
    BudgetPromises,
    LeasePromises,
    PartPromises,
    SuspectPromises,
    JarPromises,
    TrapPromises,
    BookPromises,
    HistoryPromises,
):
    """Subclass it, mark the subclass with ``pytest.mark.asyncio``, and every promise is tested."""

    @pytest_asyncio.fixture
    async def crawl(self, open_frontier: Opener, tmp_path: pathlib.Path) -> AsyncIterator[Crawl]:
        crawl = Crawl(open_frontier, tmp_path)
        yield crawl
        await crawl.end()
