"""The worker's loop: pull leases, keep the downloads going, report, renew, and go in good order."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Collection, Coroutine
from typing import Any, Protocol

from acrawl.clock import Clock
from acrawl.frontier.base import Leasing
from acrawl.outcome import Outcome
from acrawl.queues.messages import News
from acrawl.settings import Settings
from acrawl.worker.handler import Handler
from acrawl.worker.harvest import weight
from acrawl.worker.lanes import Lanes, Work

log = logging.getLogger(__name__)

#: Bytes of outcomes that are reported together, roughly.
MESSAGE = 8 << 20
#: Seconds between two looks for leases that run out.
WATCH = 1.0


class Master(Leasing, Protocol):
    """What a worker needs of its master: `acrawl.queues.client.QueueClient`."""

    async def listen(self, worker: str, known: str, heard: int, wait: float) -> News:
        """Wait for news of the crawl's state and of hosts that rest; see `acrawl.queues.messages.Broker.listen`."""

    async def bye(self, worker: str) -> None:
        """The worker has given everything back and ends."""


class Worker:
    """One worker. `run` returns when the crawl has ended, or after `stop`, with nothing left in hand."""

    def __init__(
        self, name: str, master: Master, handler: Handler, settings: Settings, epoch: int, clock: Clock
    ) -> None:
        self.name = name
        self.epoch = epoch
        self.done = 0
        self._master = master
        self._handler = handler
        handler.on_part = self._report_part
        self._settings = settings
        self._clock = clock
        self._seconds = settings.frontier.lease_seconds
        self._lanes = Lanes(min(5.0, self._seconds / 6))
        #: With more than this in hand no more is asked for: half a batch has to go first.
        self._enough = settings.fetch.concurrency + (settings.queues.batch + 1) // 2
        self._state = "run"
        self._heard = 0
        self._detached = False
        self._idle: deque[asyncio.Future[Work]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._outcomes: list[tuple[Outcome, list[str]]] = []
        self._room = asyncio.Event()
        self._news = asyncio.Event()
        self._full = asyncio.Event()
        self._leaving = asyncio.Event()

    @property
    def held(self) -> list[int]:
        """The tokens of the leases in hand, for `Hello.held`."""
        return list(self._lanes.held)

    def stop(self) -> None:
        """Finish what is under way, give the rest back, and return from `run`. Idempotent."""
        self._leaving.set()

    def detached(self) -> None:
        """The connection broke: nothing is started, and unless it is mended in time others get what we hold."""
        self._detached = True
        self._lanes.hasten(self._clock.now() + self._settings.queues.grace_seconds)

    def attached(self, epoch: int, dropped: list[int], sent: float) -> None:
        """The master has let us in again, as we asked at ``sent``, and prolonged what we still hold.

        What it says is dropped; under a new epoch all is, and what was reported is forgotten.
        """
        self._detached = False
        self._lanes.prolong(self.held, sent + self._seconds)
        if epoch != self.epoch:
            self.epoch = epoch
            self._heard = 0
            self._handler.recent.clear()
            dropped = self.held
        self._abandon(dropped)
        self._offer()

    async def run(self) -> None:
        """Work until the crawl ends. Raises what its master's connection raises when that cannot be mended."""
        slots = [asyncio.create_task(self._slot()) for _ in range(self._settings.fetch.concurrency)]
        report = asyncio.create_task(self._report())
        chores = [asyncio.create_task(chore) for chore in (self._pull(), self._renew(), self._listen(), self._watch())]
        leaving = asyncio.create_task(self._leaving.wait())
        try:
            done, _ = await asyncio.wait([leaving, report, *chores, *slots], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {leaving}:
                task.result()  # a chore never returns: this raises what ended it
            await self._leave(chores)
        finally:
            for task in (leaving, report, *chores, *slots):
                task.cancel()
            await asyncio.gather(leaving, report, *chores, *slots, return_exceptions=True)
            if self._timer is not None:
                self._timer.cancel()

    async def _leave(self, chores: list[asyncio.Task[None]]) -> None:
        """Downloads under way may finish, what has not begun goes back, and the last outcomes are reported."""
        pull, renew, listen, watch = chores
        pull.cancel()
        listen.cancel()
        waiting = self._lanes.waiting()
        self._lanes.drop(waiting)
        if waiting:
            await self._master.release(self.name, self.epoch, waiting)
        end = self._clock.now() + self._settings.worker.shutdown_seconds
        while self._lanes.active and self._clock.now() < end:
            self._room.clear()
            await _first(self._room.wait(), self._clock.sleep(end - self._clock.now()))
        cut_off = [token for token, work in self._lanes.held.items() if work.slot is not None]
        self._abandon(cut_off)
        if cut_off:  # given back by name: what is only missed after our goodbye would be held against the request
            await self._master.release(self.name, self.epoch, cut_off)
        while self._outcomes:
            await self._send(self._next_batch())
        renew.cancel()
        watch.cancel()
        await self._master.bye(self.name)

    # -- getting work

    async def _pull(self) -> None:
        batch, poll = self._settings.queues.batch, self._settings.queues.poll_seconds
        while True:
            if self._state != "run" or self._lanes.unfinished > self._enough:
                self._room.clear()
                await self._room.wait()
                continue
            sent = self._clock.now()
            room = self._settings.fetch.concurrency + batch - self._lanes.unfinished
            got = await self._master.lease(self.name, min(batch, room), poll)
            now = self._clock.now()
            if got.epoch != self.epoch and got.tickets:
                continue  # granted by a former life: it knows nothing of them any more
            self._set_state(got.state)
            for ticket in got.tickets:
                self._lanes.add(ticket, now, sent + got.seconds)
            self._offer()

    def _offer(self) -> None:
        """Give what may start to the idle slots."""
        while self._idle:
            work = self._next()
            if work is None:
                return
            slot = self._idle.popleft()
            if slot.done():
                self._lanes.over(work)
            else:
                slot.set_result(work)

    def _next(self) -> Work | None:
        if self._state == "pause" or self._detached:
            return None
        work, soonest = self._lanes.take(self._clock.now())
        if work is None and soonest is not None and (self._timer is None or soonest < self._timer_at):
            if self._timer is not None:
                self._timer.cancel()
            self._timer_at = soonest
            self._timer = asyncio.get_running_loop().call_later(soonest - self._clock.now(), self._on_timer)
        return work

    def _on_timer(self) -> None:
        self._timer = None
        self._offer()

    async def _slot(self) -> None:
        """One of the fixed number of downloads that may be under way at once."""
        loop = asyncio.get_running_loop()
        me = asyncio.current_task()
        assert me is not None
        while True:
            work = self._next()
            if work is None:
                waiter: asyncio.Future[Work] = loop.create_future()
                self._idle.append(waiter)
                work = await waiter
            if work.lease.token not in self._lanes.held:  # lost between the offer and now
                self._lanes.over(work)
                continue
            work.slot = me
            try:
                outcome, urls = await self._handler.handle(work)
                self._keep_distance(work, outcome)  # before the lane is offered to the next one
            except asyncio.CancelledError:
                if work.lease.token in self._lanes.held or me.uncancel():
                    raise  # the worker ends
                continue  # the lease was lost under us: somebody else has it now
            finally:
                work.slot = None
                self._lanes.over(work)
                if self._lanes.unfinished <= self._enough or not self._lanes.active:
                    self._room.set()  # not each time: it wakes whoever waits for room
                self._offer()
            if work.lease.token in self._lanes.held:
                self._outcomes.append((outcome, urls))
                self._news.set()
                if len(self._outcomes) >= self._settings.worker.report_count or _is_urgent(outcome):
                    self._full.set()

    def _keep_distance(self, work: Work, outcome: Outcome) -> None:
        if outcome.ago < 0:
            self._lanes.spare(work)
        elif work.lease.robots:  # its host may have been asked again since, by a redirect
            self._lanes.rest(work.lane.host, self._clock.now() - outcome.ago + work.lane.spacing)
        elif outcome.host is not None and _is_urgent(outcome):
            pause = min(outcome.host.pause, self._settings.politeness.max_pause)
            self._lanes.rest(work.lane.host, self._clock.now() + pause)

    # -- reporting

    async def _report(self) -> None:
        while True:
            await self._news.wait()
            if not self._full.is_set():
                await _first(self._full.wait(), self._clock.sleep(self._settings.worker.report_seconds))
            await self._send(self._next_batch())

    def _next_batch(self) -> list[tuple[Outcome, list[str]]]:
        """As many outcomes as one message should hold."""
        size = 0
        batch: list[tuple[Outcome, list[str]]] = []
        for pair in self._outcomes[: 4 * self._settings.worker.report_count]:
            size += weight(pair[0])
            if batch and size > MESSAGE:
                break
            batch.append(pair)
        return batch

    async def _report_part(self, outcome: Outcome) -> None:
        await self._master.report(self.name, self.epoch, [outcome])  # stale or not: the last one will tell

    async def _send(self, outcomes: list[tuple[Outcome, list[str]]]) -> None:
        """Report; what is acknowledged is forgotten here and remembered as reported."""
        del self._outcomes[: len(outcomes)]
        if not self._outcomes:
            self._news.clear()
            self._full.clear()
        epoch = self.epoch
        receipt = await self._master.report(self.name, epoch, [outcome for outcome, _ in outcomes])
        if receipt.stale or epoch != self.epoch:
            self._handler.recent.clear()
        else:
            for _, urls in outcomes:
                self._handler.recent.update(urls)
        self.done += receipt.accepted
        resting = set()
        for outcome, _ in outcomes:
            work = self._lanes.held.pop(outcome.token, None)
            if work is not None and _is_urgent(outcome):
                resting.add(work.lane.host)
        await self._give_back(resting)

    async def _give_back(self, hosts: Collection[str]) -> None:
        """Give back what waits at hosts that rest; the master must know of the rest.

        It would take the room of work for other hosts, and later go by the terms from before the rest.
        """
        tokens = [token for host in hosts for token in self._lanes.clear(host)]
        if tokens:
            self._room.set()
            await self._master.release(self.name, self.epoch, tokens)

    # -- keeping leases

    async def _renew(self) -> None:
        while True:
            await self._clock.sleep(self._seconds / 3)
            held = {token: work.progress for token, work in self._lanes.held.items()}
            sent = self._clock.now()
            strange = await self._master.renew(self.name, self.epoch, held)
            self._abandon(strange)
            self._lanes.prolong(held, sent + self._seconds)

    async def _watch(self) -> None:
        """Stop what a renewal did not cover in time: another worker may be at it already."""
        while True:
            await self._clock.sleep(WATCH)
            overdue = self._lanes.overdue(self._clock.now() + WATCH)  # the next look would come too late for them
            if overdue:
                log.warning("%d leases could not be renewed in time and are dropped", len(overdue))
                self._abandon(overdue)

    def _abandon(self, tokens: list[int]) -> None:
        gone = set(tokens)
        self._outcomes = [pair for pair in self._outcomes if pair[0].token not in gone]
        for work in self._lanes.drop(tokens):
            if work.slot is not None:
                work.slot.cancel()
        self._room.set()

    # -- the master's word

    async def _listen(self) -> None:
        while True:
            news = await self._master.listen(self.name, self._state, self._heard, self._settings.queues.poll_seconds)
            self._heard = news.number
            for host, seconds in news.rests.items():
                self._lanes.rest(host, self._clock.now() + seconds)
            await self._give_back(news.rests)
            self._set_state(news.state)

    def _set_state(self, state: str) -> None:
        if state == self._state:
            return
        self._state = state
        log.debug("state: %s", state)
        if state in {"stop", "drain"}:
            self._leaving.set()
        self._room.set()
        self._offer()


def _is_urgent(outcome: Outcome) -> bool:
    """Whether other workers should hear of it at once: a host wants to be left alone."""
    return outcome.host is not None and outcome.host.pause > 0


async def _first(*waits: Coroutine[Any, Any, Any]) -> None:
    """Return when the first of them is done; the others are cancelled."""
    tasks = [asyncio.create_task(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
