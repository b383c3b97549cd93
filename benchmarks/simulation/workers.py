"""A worker of a simulation: real `Lanes`, and around them what `acrawl.worker.worker` does with tasks and timers."""

from acrawl.outcome import FAILED, FETCHED, RETRY, HostFacts, Outcome
from acrawl.parse.robots import ALLOW_ALL, encode
from acrawl.worker.lanes import Lanes
from acrawl.worker.worker import WATCH

#: Seconds that a message between worker and master takes.
WIRE = 0.002
#: What every robots.txt says.
RULES = encode(ALLOW_ALL)


class Worker:
    """One life of a worker. ``mute_until``: until then nothing it says reaches the master, nor the other way round."""

    def __init__(self, name, loop, settings):
        self.name = name
        self.alive = True
        self.parked = self.leaving = False
        self.mute_until = 0.0
        self.lanes = Lanes(min(5.0, settings.frontier.lease_seconds / 6))
        self._loop = loop
        self._plan, self._web = loop.plan, loop.web
        self._slots = settings.fetch.concurrency
        self._retries = settings.retry.times
        self._batch = settings.queues.batch
        self._poll = settings.queues.poll_seconds
        self._lease_seconds = settings.frontier.lease_seconds
        self._report_after = settings.worker.report_seconds
        self._report_count = settings.worker.report_count
        self._outcomes = []
        self._rests = {}
        self._pulling = self._reporting = False
        self._timer_at = float("inf")

    # -- getting work

    def pull(self, now):
        """Ask for work when there is room for it."""
        room = self._slots + self._batch - self.lanes.unfinished
        if self._pulling or self.leaving or room < self._batch // 2:
            return
        self._pulling = True
        self._loop.at(max(now + WIRE, self.mute_until), self._asked, (now, min(self._batch, room)))

    def _asked(self, now, request):
        """The master hears the question; without an answer the worker stays parked until something has changed."""
        if not self.alive:
            return
        tickets = self._plan.grant(self.name, request[1], now)
        self.parked = not tickets
        if tickets:
            sent = now - (now - request[0]) % self._poll  # it has asked anew each time its question ran out
            self._loop.at(now + WIRE, self._got, (sent, tickets))
        else:
            self._loop.park(self, request, now)

    def ask_again(self, now, request):
        """Something has changed while this worker was parked."""
        if self.parked and self.mute_until <= now:
            self._asked(now, request)
        elif self.parked and self.alive:
            self._loop.at(self.mute_until, self.ask_again, request)

    def _got(self, now, answer):
        if not self.alive:
            return
        sent, tickets = answer
        self._pulling = False
        for ticket in tickets:
            self.lanes.add(ticket, now, sent + self._lease_seconds)
        if self.leaving:
            self.leave(now, None)
            return
        self.offer(now)
        self.pull(now)

    def offer(self, now):
        """Start what may start."""
        while self.lanes.active < self._slots:
            work, soonest = self.lanes.take(now)
            if work is None:
                if soonest is not None and soonest < self._timer_at:
                    self._timer_at = soonest
                    self._loop.at(soonest, self._on_timer, None)
                return
            host = self._web.index[work.lane.host]
            self._web.start(host, now, self._rests.get(host, 0.0))
            self._loop.on_start(host, now, work.lease)
            work.slot = self
            self._loop.at(now + self._web.duration(host), self._finish, work)

    def _on_timer(self, now, _):
        if self.alive and now >= self._timer_at:
            self._timer_at = float("inf")
            self.offer(now)

    # -- what comes of it

    def _finish(self, now, work):
        if work.slot is None:  # stopped meanwhile
            return
        host = self._web.index[work.lane.host]
        work.slot = None
        self._web.end(host)
        outcome, pause = self._outcome(host, work, now)
        if pause:
            self.lanes.rest(work.lane.host, now + pause)
            self._rests[host] = now + pause
        self.lanes.over(work)
        self._outcomes.append(outcome)
        if pause and self.mute_until <= now:  # others should hear of it at once
            self._loop.at(now, self._report, None)
        elif not self._reporting:
            self._reporting = True
            self._loop.at(max(now + self._report_after, self.mute_until), self._report, None)
        elif len(self._outcomes) == self._report_count and self.mute_until <= now:
            self._loop.at(now, self._report, None)
        self.offer(now)
        self.pull(now)

    def rest(self, now, told):
        """The master says that a host wants to be left alone."""
        name, until = told
        host = self._web.index[name]
        self.lanes.rest(name, until)
        self._rests[host] = max(until, self._rests.get(host, 0.0))

    def _outcome(self, host, work, now):
        """What `acrawl.worker.handler` would report."""
        token, ago = work.lease.token, now - work.started_at
        if work.lease.robots:
            facts = HostFacts(rules=RULES, crawl_delay=self._web.robots(host))
            return Outcome(token, FETCHED, ago=ago, host=facts), 0.0
        word, pause = self._web.answer(host, now)
        if word == "ok":
            return Outcome(token, FETCHED, ago=ago, latency=ago), 0.0
        if word == "busy":
            return Outcome(token, RETRY, "busy", ago=ago, host=HostFacts(pause=pause)), pause
        if work.lease.attempt > self._retries:
            return Outcome(token, FAILED, "trouble", ago=ago), 0.0
        delay = 2.0 ** (work.lease.attempt - 1) * (0.5 + self._web.random.random())
        return Outcome(token, RETRY, "trouble", ago=ago, delay=delay), 0.0

    def _report(self, now, _):
        self._reporting = False
        if self.alive and self._outcomes:
            outcomes, self._outcomes = self._outcomes, []
            self._loop.at(now + WIRE, self._reported, outcomes)

    def _reported(self, now, outcomes):
        """The master hears it, whether or not the worker still lives."""
        self._plan.settle(self.name, outcomes, now)
        for outcome in outcomes:
            self.lanes.held.pop(outcome.token, None)
        self._loop.stir(now)

    # -- leases

    def renew(self, now, sent):
        """Renew every third of a lease's time; while the worker is mute the renewal waits on its way."""
        if not self.alive:
            return
        if now < self.mute_until:
            self._loop.at(self.mute_until, self.renew, sent or now)
            return
        sent = sent or now
        held = {token: work.progress for token, work in self.lanes.held.items()}
        self._abandon(self._plan.renew(self.name, held, now), now)
        for work in self.lanes.held.values():
            work.deadline = sent + self._lease_seconds
        self._loop.at(now + self._lease_seconds / 3, self.renew, None)

    def watch(self, now, _):
        """Drop what a renewal did not cover in time."""
        if self.alive:
            self._abandon(self.lanes.overdue(now + WATCH), now)
            self._loop.at(now + WATCH, self.watch, None)

    def _abandon(self, tokens, now):
        if not tokens:
            return
        gone = set(tokens)
        self._outcomes = [outcome for outcome in self._outcomes if outcome.token not in gone]
        for work in self.lanes.drop(tokens):
            if work.slot is not None:
                self._cut(work)
                self.lanes.over(work)
        self.offer(now)
        self.pull(now)

    def _cut(self, work):
        work.slot = None
        self._web.end(self._web.index[work.lane.host])

    # -- ends

    def die(self):
        """Killed: its connections close, and nobody hears of it."""
        self.alive = False
        for work in self.lanes.held.values():
            if work.slot is not None:
                self._cut(work)

    def leave(self, now, _):
        """Go in good order: what has not begun is given back, what is under way ends, the last report is sent."""
        if not self.alive:
            return
        self.leaving = True
        waiting = self.lanes.waiting()
        self.lanes.drop(waiting)
        self._plan.give_back(self.name, waiting, now)
        if self.lanes.held or (self._pulling and not self.parked):
            self._loop.at(now + 0.5, self.leave, None)
        else:
            self.alive = False
            self._plan.lost(self.name, now)
        self._loop.stir(now)
