"""Asking a running crawl from its own machine, through its ``control`` object: for people."""

from __future__ import annotations

import asyncio
import pathlib
from types import TracebackType
from typing import Self

from acrawl.errors import KeyProblem, MasterUnreachable, RemoteFault, WireError
from acrawl.outcome import Story
from acrawl.queues import join as joining
from acrawl.queues.client import QueueClient
from acrawl.queues.tls import client_tls

#: Seconds a person waits for an answer; a master that takes longer hangs, or is busy beyond use.
PATIENCE = 10.0


class ControlClient:
    """A way to the master that wrote a join file. Use as an async context manager.

    A call is made once and answered within `PATIENCE`; it raises `MasterUnreachable` when no master answers there, or
    somebody else does: the file of a killed master stays behind.
    """

    def __init__(self, file: pathlib.Path) -> None:
        """Raises `KeyProblem` for what is no join file."""
        join = joining.read(str(file))
        tls = client_tls(join.certificate, join.pin) if join.certificate else None
        self._file = file
        self._token = join.control
        self._client = QueueClient((join.host, join.port), join.authkey, tls=tls)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.close()

    async def explain(self, url: str) -> Story:
        """All that the crawl knows about a URL."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._client.explain(self._token, url)
        except TimeoutError:
            raise MasterUnreachable(f"the master of {self._file} did not answer for {PATIENCE:.0f} s") from None
        except RemoteFault:
            raise
        except (KeyProblem, WireError) as error:  # its port has gone to somebody else
            raise MasterUnreachable(f"{self._file}: another program answers there: {error}") from None
