"""A server that says what it is told to, for the tests of connections."""

import asyncio

import msgspec
import pytest

from acrawl.errors import FetchError
from acrawl.fetch import Fetcher
from acrawl.fetch.base import Exchange
from acrawl.settings import Fetch, Settings

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#: Longer than what the system keeps between two ends of a connection.
LONG = bytes(24_000_000)


class Server:
    """Answers each request with what ``answers`` says next (its last one for ever): bytes, or a coroutine function.

    ``made`` counts connections, ``lost`` those that ended, ``heads`` are the requests.
    """

    def __init__(self, *answers) -> None:
        self.answers = list(answers)
        self.made = 0
        self.lost = 0
        self.heads = []
        self.changed = asyncio.Condition()

    async def __call__(self, reader, writer):
        self.made += 1
        try:
            while True:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if callable(answer):
                    await answer(reader, writer)
                else:
                    writer.write(answer)
        finally:
            self.lost += 1
            async with self.changed:
                self.changed.notify_all()

    async def until_lost(self, n):
        """Wait until so many connections have ended."""
        async with self.changed, asyncio.timeout(5):
            await self.changed.wait_for(lambda: self.lost >= n)


class Never:
    """A sink that nothing is written to."""

    async def find(self, key):
        return None

    async def leave(self):
        return 0

    async def discard(self):
        pass


def fetching(**limits):
    """A transport with room for one connection: one that gets lost makes the next exchange fail."""
    return Exchanging(Fetch(allow_private=True, concurrency=1, connect_timeout=2, **limits))


async def failure(awaitable) -> FetchError:
    with pytest.raises(FetchError) as caught:
        await awaitable
    return caught.value


class Exchanging:
    """A fetcher without robots or redirects, called like a function: one exchange, as the transport makes it."""

    def __init__(self, fetch: Fetch | None = None, *, sections=None, stages=(), **more) -> None:
        fetch = msgspec.structs.replace(fetch or Fetch(), stages=("guard", *stages, "body", "decode", "transport"))
        self._fetcher = Fetcher(Settings(fetch=fetch, **sections or {}), **more)

    async def __aenter__(self):
        await self._fetcher.__aenter__()
        return self

    async def __aexit__(self, *how):
        await self._fetcher.__aexit__(*how)

    async def __call__(self, request, **wishes):
        return await self._fetcher.fetch(request, Exchange(**wishes))
