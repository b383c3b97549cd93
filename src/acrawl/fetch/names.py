"""Names become addresses: each is looked up once for all who wait for it, and known for a while, so or so.

The system's resolver tells no TTL, so that is a setting. Addresses keep the order that the system gives them (RFC
6724); the connector tries them as RFC 8305 says. Whether one may be connected to is judged where the socket is made.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

#: Lookups under way at the same time. They wait for other machines, each in a thread of its own: the event loop's few
#: threads would leave no room for files when many names are slow.
_LOOKUPS = 32
#: Names that are known at most; the one that was looked up first is forgotten first.
_MOST_KNOWN = 10_000
#: Addresses of one family that are taken of a name. An answer may hold thousands, and for each that fails the connector
#: tries all the others again.
_MOST_ADDRESSES = 8
#: What the system says of names that do not exist, or have no address.
_NO_SUCH_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})
_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


class _Known:
    """What is known of one name until a time: its addresses, or why it has none (code and text)."""

    __slots__ = ("addresses", "error", "until")

    def __init__(self, until: float, addresses: list[ResolveResult], error: tuple[int, str] | None = None) -> None:
        self.until = until
        self.addresses = addresses
        self.error = error


class _Lookup:
    """One lookup: how many wait for it, and whether it has ``begun`` or still waits for its place."""

    __slots__ = ("begun", "task", "waiting")

    def __init__(self) -> None:
        self.task: asyncio.Task[_Known]
        self.waiting = 0
        self.begun = False


class Names(AbstractResolver):
    """A memory in front of ``resolver``, for one event loop. ``ttl`` and ``failure_ttl`` as in the settings.

    A name that does not exist is remembered as such; a lookup that failed for now (EAI_AGAIN) is not.
    """

    def __init__(self, resolver: AbstractResolver, ttl: float, failure_ttl: float, now: Callable[[], float]) -> None:
        self._resolver = resolver
        self._ttl = ttl
        self._failure_ttl = failure_ttl
        self._now = now
        self._known: dict[tuple[str, int], _Known] = {}
        self._asked: dict[tuple[str, int], _Lookup] = {}
        self._places = asyncio.Semaphore(_LOOKUPS)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a name.

        The port is ``port``, unless the resolver names one. Raises `socket.gaierror`, saying whether the name or the
        lookup is at fault, or UnicodeError for no name at all. Cancelling it leaves the lookup to those who still wait;
        one that nobody waits for, and that has not begun, never does.
        """
        key = (host, family)
        known = self._known.get(key)
        if known is None or known.until <= self._now():
            lookup = self._asked.get(key)
            if lookup is None:
                lookup = self._asked[key] = _Lookup()
                lookup.task = asyncio.create_task(self._look_up(host, family, lookup))
                lookup.task.add_done_callback(lambda done: self._told(key, done))
            lookup.waiting += 1
            try:
                known = await asyncio.shield(lookup.task)
            finally:
                lookup.waiting -= 1
                if not lookup.waiting and not lookup.begun and self._asked.get(key) is lookup:
                    del self._asked[key]
                    lookup.task.cancel()
        if known.error is not None:
            raise socket.gaierror(*known.error)
        return [{**address, "port": address["port"] or port} for address in known.addresses]

    async def close(self) -> None:
        """Give up the lookups under way."""
        tasks = [lookup.task for lookup in self._asked.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._resolver.close()

    async def _look_up(self, host: str, family: socket.AddressFamily, lookup: _Lookup) -> _Known:
        try:
            async with self._places:
                lookup.begun = True
                found = await self._resolver.resolve(host, 0, family)
        except OSError as error:  # those who want the name are told, and try again as the retry table says
            code = error.errno or socket.EAI_FAIL
            if code in _NO_SUCH_NAME:
                return self._without(code, "no such name")
            failed = "the lookup failed for now" if code == socket.EAI_AGAIN else "the lookup failed"
            return _Known(0.0, [], (code, f"{failed}: {error.strerror or error}"))
        if not found:
            return self._without(socket.EAI_NONAME, "the name has no address")
        return _Known(self._now() + self._ttl, _some(found))

    def _without(self, code: int, text: str) -> _Known:
        return _Known(self._now() + self._failure_ttl, [], (code, text))

    def _told(self, key: tuple[str, int], done: asyncio.Task[_Known]) -> None:
        lookup = self._asked.get(key)
        if lookup is None or lookup.task is not done:
            return  # nobody waits for it
        del self._asked[key]
        self._known.pop(key, None)
        if done.cancelled() or done.exception() is not None:
            return  # whoever waits for the name has got the error; the next one asks anew
        known = done.result()
        if known.until:
            self._known[key] = known
            if len(self._known) > _MOST_KNOWN:
                del self._known[next(iter(self._known))]


class System(AbstractResolver):
    """The system's resolver, in threads of its own."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_LOOKUPS, "acrawl-names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a name. Raises `socket.gaierror`, or UnicodeError for what cannot be a name."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._threads, _addresses, host, port, family)
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=_NUMERIC)
            for kind, address in found
        ]

    async def close(self) -> None:
        """Let the threads go when their lookups end; nobody waits for those."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _some(found: list[ResolveResult]) -> list[ResolveResult]:
    """The first addresses of each family, in their order."""
    taken: Counter[int] = Counter()
    some = []
    for one in found:
        taken[one["family"]] += 1
        if taken[one["family"]] <= _MOST_ADDRESSES:
            some.append(one)
    return some


def _addresses(host: str, port: int, family: int) -> list[tuple[Any, str]]:
    infos = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return [(kind, str(address[0])) for kind, _, _, _, address in infos]
