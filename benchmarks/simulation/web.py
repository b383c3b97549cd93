"""The hosts of a simulation: how long they take, what they answer, and what they object to."""

import random
from array import array
from collections import Counter

#: A start this much too early is a rounding: one bit of a clock reading of some thousand seconds.
EPSILON = 1e-9
#: Retry-After of a host that answers 429, and how often one of the touchy hosts does.
PAUSES = (1.0, 5.0, 20.0, 60.0)
TOUCHY, PAUSED, FAILING = 0.02, 0.05, 0.02
#: A larger host would spend days in pauses.
TOUCHY_SIZE = 1000
CRAWL_DELAYS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
#: No host asks for a delay that would make its pages take longer than this many seconds.
PATIENCE = 2000.0


class Web:
    """So many hosts with so many URLs in all, by a power law. One array a fact, and no object a host.

    Every start and end at a host is told here. ``broken`` counts promises that were not kept, ``examples`` are some of
    them in words. ``stragglers`` counts starts in a pause by workers that could not know of it yet: what had been
    leased before is not called back.
    """

    def __init__(self, hosts, urls, seed, *, limit, delay):
        self.random = random.Random(seed)
        self.names = [f"http://h{number}" for number in range(hosts)]
        self.index = {name: number for number, name in enumerate(self.names)}
        self.limit = limit
        self.sizes = _power_law(hosts, urls)
        chance = self.random.random
        self.seconds = array("f", (self.random.lognormvariate(-1.2, 0.7) for _ in range(hosts)))
        self.touchy = bytearray(chance() < TOUCHY and size < TOUCHY_SIZE for size in self.sizes)
        self.asked = array("d", (self._crawl_delay(size) if chance() < 0.3 else 0.0 for size in self.sizes))
        #: What holds now: the setting, and from the answer to the first robots.txt what that asks for.
        self.delay = array("d", [delay]) * hosts
        self.active = array("H", bytes(2 * hosts))
        self.last = array("d", [-1e9]) * hosts
        self.paused_until = array("d", bytes(8 * hosts))
        self.most = array("H", bytes(2 * hosts))
        self.starts = self.stragglers = 0
        self.broken = Counter()
        self.examples = []

    def _crawl_delay(self, size):
        fitting = [delay for delay in CRAWL_DELAYS if delay * size <= PATIENCE]
        return self.random.choice(fitting) if fitting else 0.0

    # -- what hosts see

    def start(self, host, now, rested_until):
        """A request comes in; ``rested_until`` is the end of the last pause its worker was told of."""
        self.starts += 1
        active = self.active[host] = self.active[host] + 1
        self.most[host] = max(active, self.most[host])
        if active > self.limit:
            self.object(host, now, "concurrency", f"{active} at once, {self.limit} allowed")
        early = self.last[host] + self.delay[host] - now
        if early > EPSILON:
            self.object(host, now, "spacing", f"{early:.6f} s too early, the delay is {self.delay[host]} s")
        self.last[host] = now
        if now < self.paused_until[host] - EPSILON:
            if now < rested_until - EPSILON:
                self.object(
                    host, now, "pause", f"by the very worker that got the 429, {rested_until - now:.3f} s early"
                )
            else:
                self.stragglers += 1

    def end(self, host):
        """A request is over, or its connection is closed."""
        self.active[host] -= 1

    def object(self, host, now, promise, detail):
        """A promise is broken."""
        self.broken[promise] += 1
        if len(self.examples) < 20:
            self.examples.append(f"{promise}: at {now:.6f} s, {self.names[host]}: {detail}")

    # -- what hosts say

    def duration(self, host):
        """Seconds until this request is answered."""
        return self.seconds[host] * (0.5 + self.random.random())

    def robots(self, host):
        """The host's Crawl-delay; from now on it holds."""
        self.delay[host] = max(self.delay[host], self.asked[host])
        return self.asked[host] or None

    def answer(self, host, now):
        """``("ok", 0)``, ``("busy", Retry-After)`` or ``("trouble", 0)``."""
        luck = self.random.random()
        if self.touchy[host] and luck < PAUSED:
            pause = self.random.choice(PAUSES)
            self.paused_until[host] = max(self.paused_until[host], now + pause)
            return "busy", pause
        return ("trouble" if luck > 1 - FAILING else "ok"), 0.0


def _power_law(hosts, urls):
    weights = [(number + 1) ** -0.7 for number in range(hosts)]
    share = urls / sum(weights)
    return array("I", (max(1, round(share * weight)) for weight in weights))
