"""The frontier under test: its scheduler, with a group commit and window reads that take a moment of virtual time.

All that the simulation knows of the frontier's inside is here.
"""

import time
from collections import deque

from acrawl.frontier import leases
from acrawl.frontier.rows import Committed, Group, Record
from acrawl.frontier.scheduler import Scheduler
from simulation.stock import Stock

#: How many URLs of its host a page leads to that were not known yet.
FINDS = 2
#: How often one leads to a new URL of another host as well.
ABROAD = 0.05
#: A decision hardly takes so many seconds: the machine was at something else meanwhile.
INTERRUPTED = 0.003


class OpenGate:
    """Everything belongs to the crawl."""

    def excludes(self, _request):
        return ""

    def opens(self, _host):
        return False

    def group(self, _host):
        return ""


class Tokens:
    """Leases of one seed get the same tokens each time: a failing run can be repeated."""

    def __init__(self, source):
        self.randbits = source.getrandbits


class Plan:
    """What workers and the loop ask of the frontier; the time is always an argument.

    ``on_queued(host, rows, now)`` hears of requests that have become durable, ``on_pause`` of hosts that begin to rest
    (see `acrawl.frontier.base.Frontier.on_pause`). ``spent`` is the time of all decisions
    in seconds, ``granted`` how many leases they gave, ``asked`` how often a worker asked.
    """

    def __init__(self, web, settings, on_queued, on_pause):
        self.stock = Stock(web)
        self.spent = 0.0
        self.granted = self.asked = 0
        self._web = web
        self._on_queued = on_queued
        self._group = Group()
        self._low = deque()
        self._records = {}
        leases.secrets = Tokens(web.random)
        self._scheduler = Scheduler(settings, OpenGate(), 0.0, lambda: self._group, self._want, self._gone)
        self._scheduler.on_pause = on_pause

    @property
    def wants_disk(self):
        """Whether something is to be committed or read."""
        return bool(self._group) or bool(self._low)

    @property
    def idle(self):
        """Whether nothing is queued or leased."""
        return self._scheduler.state.idle

    def _timed(self, decide, *arguments):
        began = time.perf_counter()  # the clocks of CPU time take longer to read than most decisions to make
        decision = decide(*arguments)
        took = time.perf_counter() - began
        if took < INTERRUPTED:
            self.spent += took
        return decision

    def _want(self, host, size):
        self._low.append((host, size))

    def _gone(self, host, end):
        self._web.object(self._web.index[host.name], 0.0, "patience", f"given up as {end}, though it answers")

    # -- workers

    def grant(self, worker, most, now):
        """Tickets for at most ``most`` requests; nothing may be granted at a host that asked for a pause."""
        self._scheduler.leases.met(worker, now)
        tickets = self._timed(self._scheduler.grant, worker, most, now)
        self.asked += 1
        self.granted += sum(len(ticket.leases) for ticket in tickets)
        return tickets

    def settle(self, worker, outcomes, now):
        """Take a report."""
        self._scheduler.leases.met(worker, now)
        self._timed(self._scheduler.settle, worker, outcomes, now)

    def renew(self, worker, held, now):
        """Prolong leases; returns the tokens that are not the worker's."""
        self._scheduler.leases.met(worker, now)
        return self._scheduler.leases.renew(worker, held, now)

    def give_back(self, worker, tokens, now):
        """Queue what was not begun."""
        self._scheduler.give_back(worker, tokens, now)

    def lost(self, worker, now):
        """A worker is gone for good."""
        held = self._scheduler.leases
        held.forget(worker)
        self._scheduler.lose([one for one in held.of(worker) if held.end(worker, one.token)], now)

    def expire(self, now):
        """Take back what was not renewed in time."""
        self._scheduler.lose(self._scheduler.leases.expired(now), now)

    def next_due(self):
        """When the next host becomes ready by itself."""
        return self._scheduler.hosts.next_due()

    # -- the disk

    def discover(self, finds, now):
        """``[(host, how many)]`` of URLs have been found, and are durable."""
        self._committed(Group(), self._made(finds, now), now)

    def disk(self, now):
        """Commit what is collected, then read the windows that were asked for: the order of the engine's thread."""
        group, self._group = self._group, Group()
        for row in group.requeued:
            self.stock.requeue(row)
        for end in group.ends:
            self.stock.end(end.id, now)
        for name, (rules, crawl_delay, at) in group.rules.items():
            self._records[name] = Record(name, rules, crawl_delay, at)
        self._committed(group, self._made(self._finds(group.ends), now), now)
        for _ in range(len(self._low)):
            host, size = self._low.popleft()
            rows = self.stock.read(self._web.index[host.name], host.high, size)
            self._timed(self._scheduler.refilled, host, rows, size, now)

    def _finds(self, ends):
        """A page leads on within its host, and sometimes to another one."""
        chance = self._web.random
        for end in ends:
            yield self.stock.host_of(end.id), FINDS
            if chance.random() < ABROAD:
                yield chance.randrange(len(self._web.sizes)), 1

    def _made(self, finds, now):
        """What a transaction would say of new URLs: rows, and what is known of hosts that memory forgot."""
        made, known = Committed(), self._scheduler.hosts.by_name
        for host, most in finds:
            name, rows = self._web.names[host], self.stock.discover(host, most)
            if rows:
                self._on_queued(host, len(rows), now)
                made.rows += [(name, row) for row in rows]
                if name not in known:
                    made.records.append(self._records.get(name) or Record(name))
        return made

    def _committed(self, group, made, now):
        made.ends = group.ends
        self._timed(self._scheduler.committed, group, made, now)
