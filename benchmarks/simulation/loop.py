"""The virtual clock of a simulation, and what befalls its workers."""

import heapq
import itertools

from simulation.fairness import Waits
from simulation.plan import Plan
from simulation.web import Web
from simulation.workers import WIRE, Worker

#: Seconds from a change to its commit, and between two looks of parked workers.
DISK, STIR = 0.02, 0.005
#: All hosts are seeded within this time. Then one worker in so many seconds dies, leaves, or is not heard for a while.
SEEDING, DIES, LEAVES, MUTED = 30.0, 20.0, 45.0, 30.0
MUTE = (0.5, 60.0)
IN_VAIN = 3


class Loop:
    """One simulated crawl; `run` it once."""

    def __init__(self, hosts, urls, workers, seed, settings):
        terms = settings.politeness
        self.web = Web(hosts, urls, seed, limit=terms.concurrency, delay=terms.delay)
        self.waits = Waits(hosts)
        self.plan = Plan(self.web, settings, self.waits.queued, self._rest)
        self.incidents = 0
        self.now = 0.0
        self._settings = settings
        self._heap = []
        self._order = itertools.count()
        self._names = (f"w{number}" for number in itertools.count())
        self._disk_due = self._stir_due = False
        self._due_at = float("inf")
        self._parked = {}
        self._workers = [self._worker(0.0) for _ in range(workers)]

    def at(self, when, action, argument):
        """Call ``action(when, argument)`` at that time."""
        heapq.heappush(self._heap, (when, next(self._order), action, argument))

    def run(self):
        """Crawl until every URL has ended; returns the seconds of virtual time it took."""
        for second in range(int(SEEDING)):
            self.at(float(second), self._seed, second)
        self.at(0.0, self._sweep, None)
        for incident, every in ((self._kill, DIES), (self._dismiss, LEAVES), (self._mute, MUTED)):
            self.at(every, incident, every)
        heap, plan = self._heap, self.plan
        while plan.stock.done < plan.stock.total:
            self.now, _, action, argument = heapq.heappop(heap)
            action(self.now, argument)
            if not self._disk_due and plan.wants_disk:
                self._disk_due = True
                self.at(self.now + DISK, self._disk, None)
        return self.now

    def on_start(self, host, now, lease):
        """A worker starts a request."""
        if lease.attempt == 1 and not lease.robots:
            self.waits.started(host, now)

    def _rest(self, host, seconds, names):
        """A host begins to rest: the workers that hold leases there are told."""
        for worker in self._workers:
            if worker is not None and worker.name in names:
                self.at(max(self.now + WIRE, worker.mute_until), worker.rest, (host, self.now + seconds))

    # -- parked workers

    def park(self, worker, request, now):
        """This worker waits until something may be granted."""
        self._parked[worker] = request
        due = self.plan.next_due()
        if due is not None and due < self._due_at:
            self._due_at = due
            self.at(max(due, now + STIR), self._due, None)

    def stir(self, now):
        """Something has changed: whoever is parked asks again."""
        if self._parked and not self._stir_due:
            self._stir_due = True
            self.at(now + STIR, self._stirred, None)

    def _stirred(self, now, _):
        """Parked workers ask in turn, until some have asked in vain: what they do not get, the others would not."""
        self._stir_due = False
        in_vain = 0
        for worker in list(self._parked):
            worker.ask_again(now, self._parked.pop(worker))
            in_vain += worker.parked
            if in_vain > IN_VAIN:
                break

    def _due(self, now, _):
        self._due_at = float("inf")
        self.stir(now)

    # -- the master

    def _disk(self, now, _):
        self._disk_due = False
        self.plan.disk(now)
        self.stir(now)

    def _seed(self, now, second):
        self.plan.discover([(host, 1) for host in range(second, len(self.web.sizes), int(SEEDING))], now)
        self.stir(now)

    def _sweep(self, now, _):
        self.plan.expire(now)
        self.stir(now)
        self.at(now + self._settings.frontier.lease_seconds / 10, self._sweep, None)

    # -- what befalls workers

    def _worker(self, now):
        worker = Worker(next(self._names), self, self._settings)
        self.at(now, lambda when, _: worker.pull(when), None)
        self.at(now + self.web.random.random() * 10, worker.renew, None)
        self.at(now + self.web.random.random(), worker.watch, None)
        return worker

    def _next(self, now, incident, every):
        self.incidents += 1
        self.at(now + self.web.random.expovariate(1 / every), incident, every)

    def _replace(self, now, place):
        """Another worker comes after a while."""
        self._workers[place] = None

        def come(when, _):
            self._workers[place] = self._worker(when)

        self.at(now + self.web.random.uniform(2.0, 20.0), come, None)

    def _victim(self):
        place = self.web.random.randrange(len(self._workers))
        worker = self._workers[place]
        return place, worker if worker is not None and worker.alive else None

    def _kill(self, now, every):
        place, worker = self._victim()
        if worker is not None:
            worker.die()
            self._parked.pop(worker, None)
            self.at(now + self._settings.queues.grace_seconds, lambda when, _: self._lost(when, worker), None)
            self._replace(now, place)
        self._next(now, self._kill, every)

    def _lost(self, now, worker):
        self.plan.lost(worker.name, now)
        self.stir(now)

    def _dismiss(self, now, every):
        place, worker = self._victim()
        if worker is not None:
            worker.leave(now, None)
            self._parked.pop(worker, None)
            self._replace(now, place)
        self._next(now, self._dismiss, every)

    def _mute(self, now, every):
        _, worker = self._victim()
        if worker is not None:
            worker.mute_until = now + self.web.random.uniform(*MUTE)
        self._next(now, self._mute, every)
