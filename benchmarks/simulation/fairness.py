"""How evenly hosts of one size are served."""

from array import array


class Waits:
    """Who was queued when, and started when: sums a host, nothing a URL.

    A host's mean wait is the mean of its starts less the mean of its discoveries, whatever the order between.
    """

    def __init__(self, hosts):
        self.first_queued = array("d", [-1.0]) * hosts
        self.first_started = array("d", [-1.0]) * hosts
        self._queued = array("d", bytes(8 * hosts))
        self._queued_count = array("I", bytes(4 * hosts))
        self._started = array("d", bytes(8 * hosts))
        self._started_count = array("I", bytes(4 * hosts))

    def queued(self, host, count, now):
        """So many of a host's URLs have become durable."""
        if self.first_queued[host] < 0:
            self.first_queued[host] = now
        self._queued[host] += count * now
        self._queued_count[host] += count

    def started(self, host, now):
        """A first try has begun."""
        if self.first_started[host] < 0:
            self.first_started[host] = now
        self._started[host] += now
        self._started_count[host] += 1

    def first(self, host):
        """Seconds from a host's first URL to its first page."""
        return self.first_started[host] - self.first_queued[host]

    def mean(self, host):
        """Seconds a URL of the host waits, on average."""
        return self._started[host] / self._started_count[host] - self._queued[host] / self._queued_count[host]


def classes(web, waits):
    """``[(size, hosts, first waits, mean waits, Jain's index)]`` of hosts that ask for nothing special, by size.

    Jain's index (1 when all are treated alike, 1/n when one of n has everything) is over the part of its time that a
    URL, once found, is being fetched and does not wait.
    """
    groups = {}
    for host, size in enumerate(web.sizes):
        if not web.touchy[host] and not web.delay[host] and waits.first_started[host] >= 0:
            groups.setdefault(size.bit_length(), []).append(host)
    found = []
    for bits, hosts in sorted(groups.items()):
        means = [waits.mean(host) for host in hosts]
        served = [web.seconds[host] / (web.seconds[host] + mean) for host, mean in zip(hosts, means, strict=True)]
        jain = sum(served) ** 2 / (len(hosts) * sum(part * part for part in served))
        found.append((1 << (bits - 1), len(hosts), sorted(map(waits.first, hosts)), sorted(means), jain))
    return found
