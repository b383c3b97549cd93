"""The contracts of a fetch: a request becomes a response, or a `FetchError` with its reason.

A stage wraps the next one and cleans up after itself; the order is a list literal (``fetch/__init__.py``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from acrawl.outcome import FileFact
from acrawl.request import Request
from acrawl.response import Response

#: The rest of the stages.
Send = Callable[[Request], Awaitable[Response]]


#: Told of the bytes of a body as they come: how a watcher sees that a long exchange lives.
Advance = Callable[[int], None]


class Stage(Protocol):
    """One step of a fetch; users' downloader middleware has the same shape."""

    async def __call__(self, request: Request, send: Send) -> Response:
        """Do something before, ``await send(request)``, do something after.

        Raises `FetchError` for a failure that the ledger should name, `IgnoreRequest` to end it as excluded(filter).
        """


class Sink(Protocol):
    """Takes the bytes of one saved file. Use it once: ``write`` any number of times, then ``finish`` or ``discard``."""

    async def write(self, chunk: bytes) -> None:
        """Append. Raises `FetchError` ("disk") when the bytes cannot be kept."""

    async def finish(self, url: str, name: str, content_type: str) -> FileFact:
        """Put the file under its hash, whole and fsynced, and say what it is. ``name`` is the server's, or empty."""

    async def discard(self) -> None:
        """Forget the bytes. Idempotent; harmless after ``finish``."""


class FileStore(Protocol):
    """Where saved files go; wired by the worker."""

    def sink(self) -> Sink:
        """A new, empty file."""
