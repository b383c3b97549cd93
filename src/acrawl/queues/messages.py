"""What master and workers say to each other besides batches and outcomes."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from acrawl.cookie import JarCopy
from acrawl.outcome import Outcome, Receipt, Snapshot, Story
from acrawl.ticket import Batch


class Hello(msgspec.Struct, frozen=True):
    """A worker's first words on a connection, repeated after every reconnect.

    ``worker`` is unique (host-pid-random). ``held`` are the tokens it still works on under ``epoch``.
    ``spider_sha256`` is that of its spider's source; both must equal the master's.
    """

    worker: str
    version: str
    spider: str
    spider_sha256: str
    epoch: int = 0
    held: list[int] = []


#: What the name of an upload begins with that belongs to the web archive and not to the saved files.
EXCHANGE = "exchange-"


class Welcome(msgspec.Struct, frozen=True):
    """The master's answer. ``dropped`` are held tokens the worker must abandon.

    ``settings`` is the master's whole resolved configuration; ``secret`` keys the fingerprints of this job.
    ``files`` is the master's folder for saved files, or the URL below which workers put them into a bucket. A worker
    that can read ``nonce`` from ``nonce_file`` in that folder shares the disk and stores there itself. So many of the
    spider's pipelines, the first ones, run in the workers. ``exchanges`` is the folder for what is captured for a web
    archive; empty where none is made.
    """

    epoch: int
    settings: dict[str, Any]
    arguments: dict[str, str]
    secret: bytes
    dropped: list[int] = []
    files: str = ""
    nonce_file: str = ""
    nonce: str = ""
    worker_pipelines: int = 0
    exchanges: str = ""


class News(msgspec.Struct, frozen=True, array_like=True):
    """What a worker hears when it listens: the crawl's state (run, pause, drain, stop) and the hosts that rest.

    ``rests`` are hosts at which the worker holds leases and which have asked to be left alone, with the seconds until
    they may be asked again. ``number`` is the last of these news that the worker has now heard.
    """

    state: str
    number: int = 0
    rests: dict[str, float] = {}


class Broker(Protocol):
    """What the master offers to the queues; every call runs in the master's loop."""

    async def hello(self, hello: Hello) -> Welcome:
        """Let a worker in. Raises `VersionMismatch`."""

    async def lease(self, worker: str, n: int, wait: float) -> Batch:
        """See `acrawl.frontier.base.Leasing.lease`."""

    async def renew(self, worker: str, epoch: int, held: dict[int, int]) -> list[int]:
        """See `acrawl.frontier.base.Leasing.renew`."""

    async def report(self, worker: str, epoch: int, outcomes: list[Outcome]) -> Receipt:
        """See `acrawl.frontier.base.Leasing.report`."""

    async def release(self, worker: str, epoch: int, tokens: list[int]) -> None:
        """See `acrawl.frontier.base.Leasing.release`."""

    async def jar(self, worker: str, site: str, key: str) -> JarCopy:
        """See `acrawl.frontier.base.Leasing.jar`."""

    async def listen(self, worker: str, known: str, heard: int, wait: float) -> News:
        """Wait until the crawl's state differs from ``known`` or there are rests behind the number ``heard``.

        Answers after ``wait`` seconds in any case. Idempotent: rests are told until a later call says that it has
        heard of them.
        """

    async def chunk(self, worker: str, upload: str, offset: int, data: bytes, sha256: str) -> bool:
        """Take a piece of a file from a worker that does not share the disk.

        Pieces of one ``upload`` come in order; a repeated piece is ignored. The last one carries the ``sha256`` of
        the whole and may be empty; False means that the bytes did not arrive as they were sent.
        """

    async def bye(self, worker: str) -> None:
        """The worker has given everything back and ends. Idempotent."""

    async def gone(self, worker: str) -> None:
        """The worker's connection for leases has closed without a bye. Called by the queues, not by a peer."""

    async def command(self, name: str) -> None:
        """Steer the crawl: pause, resume, drain, stop. Raises `UsageError` for another word."""

    async def snapshot(self) -> Snapshot:
        """See `acrawl.frontier.base.Frontier.snapshot`."""

    async def explain(self, url: str) -> Story:
        """See `acrawl.frontier.base.Frontier.explain`."""
