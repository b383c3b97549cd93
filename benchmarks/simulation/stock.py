"""The queue's table of a simulation, without its rows: they are made when they are read.

A host's URLs are numbered in the order of their discovery. What is queued of it are the numbers from ``low`` to
``found``, but for those that have ended since; only what was requeued at another place is kept as a row.
"""

from array import array

from acrawl.frontier.rows import Row


class Stock:
    """What lies on disk. ``done`` counts the requests that have ended."""

    def __init__(self, web):
        self.done = 0
        self.total = sum(web.sizes)
        self._web = web
        self._count = len(web.sizes)
        self._found = array("I", bytes(4 * self._count))
        self._low = array("I", bytes(4 * self._count))
        self._ended = {}
        self._moved = {}

    def discover(self, host, most):
        """The host's next ``most`` URLs, as rows; fewer when it has no more."""
        first = self._found[host]
        self._found[host] = min(first + most, self._web.sizes[host])
        return [self._row(host, number) for number in range(first, self._found[host])]

    def host_of(self, identity):
        """The number of the host of a row's id."""
        return (identity - 1) % self._count

    def requeue(self, row):
        """A row has another place, or another count."""
        self._moved.setdefault(self.host_of(row.id), {})[row.id] = row

    def end(self, identity, now):
        """A request ends; it must not have ended before."""
        host, number = self.host_of(identity), (identity - 1) // self._count
        ended = self._ended.setdefault(host, set())
        if number < self._low[host] or number in ended:
            self._web.object(host, now, "once", f"request {number} ended twice")
            return
        self.done += 1
        ended.add(number)
        low = self._low[host]
        while low in ended:
            ended.remove(low)
            low += 1
        self._low[host] = low
        self._moved.get(host, {}).pop(identity, None)

    def read(self, host, after, most):
        """The ``most`` first rows of a host behind the row ``after`` (None: from the beginning)."""
        moved, ended = self._moved.get(host, {}), self._ended.get(host, ())
        place = after[:3] if after else (-1.0,)
        rows = [row for row in moved.values() if row[:3] > place]
        number = self._low[host]
        if after is not None:
            fresh = after.not_before == 0
            number = max(number, (after.id - 1) // self._count + 1) if fresh else self._found[host]
        behind = len(rows) + most
        while number < self._found[host] and len(rows) < behind:
            row = self._row(host, number)
            if number not in ended and row.id not in moved:
                rows.append(row)
            number += 1
        return sorted(rows)[:most]

    def _row(self, host, number):
        return Row(0.0, 0, number * self._count + host + 1, 0, 0, 0, "", b"")
