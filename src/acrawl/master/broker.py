"""What the master offers to its workers; every method runs in the master's loop (`acrawl.queues.messages.Broker`)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence

import msgspec

from acrawl.cookie import JarCopy
from acrawl.errors import WAITING, UsageError, VersionMismatch
from acrawl.frontier.base import Frontier
from acrawl.master.rests import Rests
from acrawl.outcome import Outcome, Receipt, Snapshot, Story
from acrawl.queues.messages import Hello, News, Welcome
from acrawl.results.files.uploads import Taking
from acrawl.ticket import Batch

log = logging.getLogger(__name__)

#: What `command` takes, and the state it leads to.
COMMANDS = {"pause": "pause", "resume": "run", "drain": "drain", "stop": "stop"}


class CrawlBroker:
    """Lets workers in, hands them work while the crawl's ``state`` is ``run``, and returns what lost workers held.

    ``expected`` is what a worker must be: its ``version``, ``spider`` and ``spider_sha256`` are compared. ``full`` is
    what a worker says of a disk that takes nothing more.
    """

    def __init__(
        self, frontier: Frontier, expected: Hello, welcome: Welcome, grace: float, uploads: Taking | None = None
    ) -> None:
        self.state = "run"
        self.workers: set[str] = set()
        self.commands: list[str] = []
        self.full = ""
        self._frontier = frontier
        self._expected = expected
        self._welcome = welcome
        self._grace = grace
        self._uploads = uploads
        self._changed = asyncio.Event()
        self._rests: dict[str, Rests] = {}
        frontier.on_pause(self._tell)
        self._missing: dict[str, asyncio.TimerHandle] = {}
        self._returns: set[asyncio.Task[int]] = set()

    def set_state(self, state: str) -> None:
        """Tell all workers that the crawl is now in another state."""
        if state != self.state:
            self.state = state
            self._stir()

    async def empty(self, seconds: float) -> bool:
        """Wait until every worker has left; returns whether they did in time."""
        end = asyncio.get_running_loop().time() + seconds
        while self.workers and (left := end - asyncio.get_running_loop().time()) > 0:
            await _set_or(self._changed, left)
        return not self.workers

    # -- what workers call

    async def hello(self, hello: Hello) -> Welcome:
        """See `Broker.hello`."""
        for field, what in (("version", "acrawl"), ("spider", "spider"), ("spider_sha256", "source of the spider")):
            mine, theirs = getattr(self._expected, field), getattr(hello, field)
            if mine != theirs:
                raise VersionMismatch(f"the master's {what} is {mine}, this worker's is {theirs}; make them the same")
        self._heard(hello.worker)
        if hello.worker not in self.workers:
            self.workers.add(hello.worker)
            self._rests[hello.worker] = Rests()
            log.info("worker %s has joined; there are %d", hello.worker, len(self.workers))
        dropped = await self._frontier.adopt(hello.worker, hello.epoch, hello.held)
        return msgspec.structs.replace(self._welcome, dropped=dropped)

    async def lease(self, worker: str, n: int, wait: float) -> Batch:
        """See `Leasing.lease`; while the crawl does not run, an empty batch that says so."""
        self._heard(worker)
        if self.state == "run":
            granted = asyncio.create_task(self._frontier.lease(worker, n, wait))
            changed = asyncio.create_task(self._changed.wait())
            try:
                await asyncio.wait((granted, changed), return_when=asyncio.FIRST_COMPLETED)
                if granted.done():
                    return await self._taken(worker, granted.result())
            finally:
                granted.cancel()
                changed.cancel()
        elif self.state == "pause":
            await _set_or(self._changed, wait)
        return Batch(self._welcome.epoch, 0.0, state=self.state)

    async def _taken(self, worker: str, batch: Batch) -> Batch:
        """What is granted to a worker that has left meanwhile goes back at once: nobody would hear of it."""
        if worker in self.workers:
            return batch
        tokens = [lease.token for ticket in batch.tickets for lease in ticket.leases]
        await self._frontier.release(worker, batch.epoch, tokens)
        return Batch(batch.epoch, batch.seconds, state=self.state)

    async def renew(self, worker: str, epoch: int, held: dict[int, int]) -> list[int]:
        """See `Leasing.renew`."""
        return await self._frontier.renew(worker, epoch, held)

    async def report(self, worker: str, epoch: int, outcomes: Sequence[Outcome]) -> Receipt:
        """See `Leasing.report`."""
        receipt = await self._frontier.report(worker, epoch, outcomes)
        for outcome in outcomes:
            if outcome.reason in WAITING:
                self.full = f"worker {worker}: {outcome.detail}; {WAITING[outcome.reason]}"
        return receipt

    async def release(self, worker: str, epoch: int, tokens: Sequence[int]) -> None:
        """See `Leasing.release`."""
        await self._frontier.release(worker, epoch, tokens)

    async def jar(self, worker: str, site: str, key: str) -> JarCopy:
        """See `Leasing.jar`."""
        return await self._frontier.jar(worker, site, key)

    async def listen(self, worker: str, known: str, heard: int, wait: float) -> News:
        """See `Broker.listen`."""
        rests = self._rests.get(worker) or Rests()  # one that has left is told at least of the state
        now = asyncio.get_running_loop().time
        untold = rests.untold(heard, now())
        if self.state == known and not untold:
            rests.stir.clear()
            await _set_or(rests.stir, wait)
            untold = rests.untold(heard, now())
        return News(self.state, rests.number, untold)

    async def chunk(self, worker: str, upload: str, offset: int, data: bytes, sha256: str) -> bool:
        """See `Broker.chunk`."""
        if self._uploads is None:
            raise UsageError("this crawl saves no files")
        return await self._uploads.put(f"{worker}/{upload}", offset, data, sha256)

    async def bye(self, worker: str) -> None:
        """See `Broker.bye`."""
        await self._forget(worker)
        await self._frontier.left(worker)

    async def gone(self, worker: str) -> None:
        """See `Broker.gone`: the worker has a while to come back before its leases go to others."""
        if worker in self.workers and worker not in self._missing:
            log.info("the connection to %s closed; waiting %.0f s for it", worker, self._grace)
            self._missing[worker] = asyncio.get_running_loop().call_later(self._grace, self._missed, worker)

    # -- what people call

    async def command(self, name: str) -> None:
        """See `Broker.command`; the master's own loop acts on drain and stop."""
        if name not in COMMANDS:
            raise UsageError(f"there is no command {name!r}; there are {', '.join(COMMANDS)}")
        if name in {"pause", "resume"}:
            self.set_state(COMMANDS[name])
        else:
            self.commands.append(name)

    async def snapshot(self) -> Snapshot:
        """See `Frontier.snapshot`."""
        return await self._frontier.snapshot()

    async def explain(self, url: str) -> Story:
        """See `Frontier.explain`; while the crawl is paused, that is what queued requests wait for."""
        story = await self._frontier.explain(url)
        if story.state == "queued" and self.state == "pause":
            return msgspec.structs.replace(story, host_waits="the crawl is paused")
        return story

    # -- inside

    def _missed(self, worker: str) -> None:
        log.warning("worker %s did not come back; what it held is queued again", worker)
        task = asyncio.create_task(self._lose(worker))
        self._returns.add(task)
        task.add_done_callback(self._returns.discard)

    def _heard(self, worker: str) -> None:
        """The worker is there: nobody has to wait for it."""
        timer = self._missing.pop(worker, None)
        if timer is not None:
            timer.cancel()

    async def _forget(self, worker: str) -> None:
        self._heard(worker)
        self.workers.discard(worker)
        self._rests.pop(worker, None)
        if not self.workers:
            self._stir()
        if self._uploads is not None:
            await self._uploads.abandon(f"{worker}/")

    async def _lose(self, worker: str) -> int:
        await self._forget(worker)
        return await self._frontier.lost(worker)

    def _tell(self, host: str, seconds: float, workers: Sequence[str]) -> None:
        until = asyncio.get_running_loop().time() + seconds
        for worker in workers:
            if worker in self._rests:
                self._rests[worker].add(host, until)

    def _stir(self) -> None:
        """Wake everybody who is parked: the state is another, or the last worker has left."""
        self._changed.set()
        self._changed = asyncio.Event()
        for rests in self._rests.values():
            rests.stir.set()


async def _set_or(event: asyncio.Event, seconds: float) -> None:
    # Not `asyncio.wait_for`: on Python 3.11 it swallows a cancellation that comes together with the news.
    with contextlib.suppress(TimeoutError):  # nothing changed: the caller looks at the state anyhow
        async with asyncio.timeout(seconds):
            await event.wait()
