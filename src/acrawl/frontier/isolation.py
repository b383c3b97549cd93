"""One more chance, alone: a request that has been lost with several workers gets a worker to itself.

Were it tried among others once more, they would share the blame when that worker dies too. So a worker is emptied: it
gets nothing new until it holds nothing, then the suspect alone, and nothing besides until that has ended. Innocent
requests come through; what is quarantined has ended a worker that did nothing else. Pure: time is an argument.
"""

from __future__ import annotations

from collections import deque

from acrawl.frontier.host import Host
from acrawl.frontier.leases import Held, Leases
from acrawl.frontier.rows import Row


class Isolation:
    """Which worker is being emptied for which suspect. At most one at a time; other hosts with suspects queue up.

    A worker that does not become empty within ``patience`` seconds (it downloads something huge) gets the suspect
    among the others after all: work must go on. If it is lost then, that proves nothing, and the suspect stays one.
    """

    def __init__(self, leases: Leases, max_lost: int, patience: float) -> None:
        self._leases = leases
        self._suspicious = max(1, max_lost - 1)
        self._patience = patience
        self._alone: dict[str, int] = {}
        self._worker = ""
        self._host: Host | None = None
        self._since = 0.0
        self._queue: deque[Host] = deque()

    def suspects(self, row: Row) -> bool:
        """Whether the next loss of this request would be its last."""
        return row.lost >= self._suspicious

    def refuses(self, worker: str, now: float) -> bool:
        """Whether this worker gets nothing at all now: it has a suspect to itself, or is being emptied for one."""
        token = self._alone.get(worker)
        if token is not None:
            if self._leases.get(worker, token) is not None:
                return True
            del self._alone[worker]
        return worker == self._worker and self._leases.count(worker) > 0 and now - self._since < self._patience

    def claims(self, worker: str) -> Host | None:
        """The host whose suspect this worker, which has been emptied for it or is empty, takes; ends the emptying."""
        if worker != self._worker and self._leases.count(worker):
            return None
        host, self._host, self._worker = self._host, None, ""
        return host

    def empties(self, worker: str, host: Host, now: float) -> bool:
        """Begin to empty this worker for the host's suspect; False when another is being emptied: the host waits."""
        if self._host is not None:
            self._queue.append(host)
            return False
        self._worker, self._host, self._since = worker, host, now
        return True

    def began(self, held: Held) -> None:
        """A suspect has been granted, and nothing besides."""
        self._alone[held.worker] = held.token
        held.alone = True

    def released(self, worker: str, now: float) -> list[Host]:
        """The hosts that need not wait any more, because nobody is being emptied or the one who was has gone.

        ``worker`` is who asks for work now; one that does not ask for so long has left, though it may renew.
        """
        freed: list[Host] = []
        overdue = self._worker != worker and now - self._since >= 2 * self._patience
        if self._host is not None and (overdue or not self._leases.knows(self._worker)):
            freed.append(self._host)
            self._host, self._worker = None, ""
        if self._host is None:
            freed += self._queue
            self._queue.clear()
        return freed
