"""Group commit: many small changes, one transaction, one thread that does them in order."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
from collections.abc import Callable
from typing import TypeVar

from acrawl.clock import Clock
from acrawl.errors import CrawlFailed, SpiderError
from acrawl.frontier.rows import Committed, Group
from acrawl.frontier.store import Store

T = TypeVar("T")


class Committer:
    """Collects what is to be written into ``group`` and commits it, at most every ``pace`` seconds or ``rows`` rows.

    ``apply`` takes each committed group in the loop, in the order of the transactions, before anybody who waits for it
    goes on. When a commit fails, everybody who waits, now or later, gets `CrawlFailed`: nothing more is acknowledged.
    """

    def __init__(
        self, store: Store, clock: Clock, apply: Callable[[Group, Committed], None], *, pace: float, rows: int
    ) -> None:
        self.group = Group()
        self._store = store
        self._clock = clock
        self._apply = apply
        self._pace = pace
        self._rows = rows
        self._waiting: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()
        self._full = asyncio.Event()
        self._failure: BaseException | None = None
        self._busy = False
        self._pool = concurrent.futures.ThreadPoolExecutor(1, "acrawl-frontier")
        self._task = asyncio.create_task(self._run(), name="acrawl-commit")

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be committed."""
        return not self.group and not self._busy

    def check(self) -> None:
        """Raise `CrawlFailed` if a commit has failed, or the committer is closed."""
        if self._failure is not None:
            raise CrawlFailed(_in_words(self._failure)) from self._failure

    async def durable(self) -> None:
        """Return once everything that is in the group now has been committed; at once when nothing is."""
        self.check()
        if self.idle:
            return
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        self.nudge()
        await done

    def nudge(self) -> None:
        """Something was put into the group."""
        self._wake.set()
        if len(self.group) >= self._rows:
            self._full.set()

    async def run(self, function: Callable[..., T], *arguments: object) -> T:
        """Run a storage step in the thread, behind what it was given before."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, *arguments)

    async def close(self) -> None:
        """Commit what is left and end the thread."""
        with contextlib.suppress(CrawlFailed):  # its waiters have been told
            await self.durable()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.to_thread(self._pool.shutdown)
        self._failure = self._failure or CrawlFailed("it is closed")
        self._tell(self._waiting)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        ready_at = loop.time()
        while self._failure is None:
            await self._wake.wait()
            pause = ready_at - loop.time()
            if pause > 0 and not self._full.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._full.wait(), pause)
            self._wake.clear()
            self._full.clear()
            await self._commit()
            ready_at = loop.time() + self._pace

    async def _commit(self) -> None:
        group, self.group = self.group, Group()
        waiting, self._waiting = self._waiting, []
        self._busy = True
        try:
            if group:
                made = await self.run(self._store.commit, group, self._clock.time())
                self._apply(group, made)
        except asyncio.CancelledError:  # closed meanwhile: whether the group was written, the next life will see
            self._waiting += waiting
            raise
        except Exception as error:  # noqa: BLE001 - a defect, too: nothing of the group is on disk, and the crawl ends
            self._failure = error
            waiting += self._waiting
        finally:
            self._busy = False
        self._tell(waiting)

    def _tell(self, waiting: list[asyncio.Future[None]]) -> None:
        for done in waiting:
            if done.done():
                continue
            if self._failure is None:
                done.set_result(None)
            else:
                done.set_exception(CrawlFailed(_in_words(self._failure)))


def _in_words(failure: BaseException) -> str:
    """What ended the crawl: what the user's code raised speaks for itself, all else is said of the storage."""
    return str(failure) if isinstance(failure, SpiderError) else f"the frontier could not be written: {failure}"
