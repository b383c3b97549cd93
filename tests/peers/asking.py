"""A fetcher that asks one server."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from acrawl.errors import FetchError
from acrawl.fetch import Fetcher, retry
from acrawl.fetch.base import Exchange
from acrawl.request import Request
from acrawl.response import Response
from acrawl.settings import Fetch, Settings
from acrawl.url import host_of


class Asking:
    """Ask ``origin`` with all stages: ``await asking("/path", method="POST")``. Use as an async context manager."""

    def __init__(self, origin: str, **limits: Any) -> None:
        self.origin = origin
        self.settings = Settings(fetch=msgspec.structs.replace(Fetch(connect_timeout=5, idle_timeout=10), **limits))
        self.fetcher = Fetcher(self.settings)

    async def __aenter__(self) -> Asking:
        await self.fetcher.__aenter__()
        return self

    async def __aexit__(self, *how: Any) -> None:
        await self.fetcher.__aexit__(*how)

    async def __call__(self, path: str, **fields: Any) -> Response:
        return await self.send(Request(self.origin + path, **fields))

    async def send(self, request: Request) -> Response:
        """Make one exchange."""
        return await self.fetcher.fetch(request, Exchange(private_host=host_of(self.origin)))

    async def followed(self, path: str, **fields: Any) -> Response:
        """Follow redirects to their end."""
        response = await self(path, **fields)
        while response.following is not None:
            response = await self.send(response.following)
        return response

    async def word(self, path: str, **fields: Any) -> str:
        """What the ledger would call it."""
        try:
            response = await self(path, **fields)
        except FetchError as error:
            return error.reason
        return retry.decide(self.settings.retry, 1, response, time.time()).reason or "ok"
