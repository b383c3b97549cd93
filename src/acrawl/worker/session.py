"""A worker process from its join file to its end: connect, be let in, work, leave."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import os
import pathlib
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Callable

import msgspec

from acrawl.clock import Clock, SystemClock
from acrawl.cluster import parent_gone
from acrawl.errors import EXIT_FAILED, EXIT_OK, AcrawlError, CrawlFailed, UsageError
from acrawl.fetch import Fetcher
from acrawl.queues.client import QueueClient
from acrawl.queues.join import Join
from acrawl.queues.messages import EXCHANGE, Hello, Welcome
from acrawl.queues.tls import client_tls
from acrawl.results.cloud.address import address_of, is_address
from acrawl.results.files.folder import FolderStore
from acrawl.results.pipelines import running
from acrawl.settings import Settings
from acrawl.spider import Source, login_of
from acrawl.version import VERSION
from acrawl.worker.handler import Handler
from acrawl.worker.imaging import Imaging
from acrawl.worker.recent import RecentLinks
from acrawl.worker.upload import ToMaster, UploadStore
from acrawl.worker.worker import Worker

log = logging.getLogger(__name__)

#: Seconds in which a master whose crawl has failed ends its workers.
PATIENCE = 10.0


def name_worker() -> str:
    """A name no other worker has: host, process and chance."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


async def work(
    join: Join, source: Source, files: str, *, send_files: bool = False, welcomed: Callable[[Settings], None]
) -> int:
    """Work for a master until its crawl ends; returns the exit code. ``welcomed`` hears of the crawl's settings.

    ``files`` is a folder of this worker's own to keep saved files in (empty: they go to the master's folder, directly
    where this worker can see it, else over the connection; ``send_files`` makes it the connection in any case).
    Raises `MasterUnreachable`, `KeyProblem`, `VersionMismatch`, `SpiderError`.
    """
    tls = client_tls(join.certificate, join.pin) if join.certificate else None
    name, clock, settings = name_worker(), SystemClock(), Settings()
    client = QueueClient((join.host, join.port), join.authkey, tls=tls, settings=settings.queues)
    hello = Hello(name, VERSION, source.identity, source.sha256)
    over = False
    try:
        welcome = await client.hello(hello)
        settings = msgspec.convert(welcome.settings, Settings)
        welcomed(settings)
        spider = source.make(welcome.arguments, settings)
        way = (client, name)
        store = await asyncio.to_thread(_store, welcome, files, way, settings, send=send_files)
        archive = await asyncio.to_thread(_archive_store, welcome, client, name, send=send_files)
        ask_jar = functools.partial(client.jar, name)
        fetcher = Fetcher(settings, spider.stages, login=login_of(spider), ask_jar=ask_jar)
        lined_up = running(spider, welcome.worker_pipelines)
        making = Imaging.open(settings.images, store)
        async with _closing(store), _closing(archive), making as imaging, fetcher, lined_up as pipelines:
            recent = RecentLinks(settings.worker.recent)
            handler = Handler(spider, fetcher, store, welcome.secret, clock, recent, pipelines, archive)
            handler.imaging = imaging
            worker = Worker(name, client, handler, settings, welcome.epoch, clock)

            again = functools.partial(_attach, client, hello, worker, clock)
            client.on_break, client.on_reconnect = worker.detached, again
            _stop_on_signals(worker)
            await _run(worker)
            over = True
        log.info("worker %s ends after %d requests", name, worker.done)
        return EXIT_OK
    except CrawlFailed:
        if "ACRAWL_PARENT" not in os.environ:
            raise
        if not over:  # else a pipeline could not be closed: the log has it, and the master waits for nothing
            await _leave_to_master(client, name)
        return EXIT_FAILED
    except UsageError:  # the spider cannot begin: the master need not wait for this worker
        await client.bye(name)
        raise
    finally:
        await client.close()


async def _run(worker: Worker) -> None:
    """Work until the end, the master's or one's own."""
    orphaned = asyncio.create_task(_stop_with_parent(worker))
    try:
        await worker.run()
    finally:
        orphaned.cancel()
        await asyncio.gather(orphaned, return_exceptions=True)


async def _attach(client: QueueClient, hello: Hello, worker: Worker, clock: Clock) -> None:
    """Say again who we are and what we hold, after the connection was lost."""
    sent = clock.now()
    answer = await client.hello(msgspec.structs.replace(hello, epoch=worker.epoch, held=worker.held))
    worker.attached(answer.epoch, answer.dropped, sent)


@contextlib.asynccontextmanager
async def _closing(store: FolderStore | UploadStore | None) -> AsyncIterator[None]:
    """Remove the store's temporary files in the end."""
    try:
        yield
    finally:
        if store is not None:
            await asyncio.to_thread(store.close)


def _store(
    welcome: Welcome, files: str, way: tuple[QueueClient, str], settings: Settings, *, send: bool
) -> FolderStore | UploadStore:
    """Where this worker puts saved files: its own folder, a bucket, the master's if it sees that disk, or the wire.

    Blocks: what killed workers left behind is swept where no master does it. Raises `EnvironmentProblem` for a bucket
    that this machine cannot write to.
    """
    (client, name), partial_bytes = way, settings.files.partial_bytes
    if files:
        own = FolderStore(files, name, partial_bytes)
        own.sweep()
        return own
    if is_address(welcome.files):
        from acrawl.results.cloud.bucket import Bucket
        from acrawl.worker.upload import ToBucket

        bucket = Bucket(address_of(welcome.files, "--files"), settings.cloud)
        bucket.probe("--files")
        return UploadStore(ToBucket(client, name, bucket), partial_bytes)
    if not send and _shares_disk(welcome):
        return FolderStore(welcome.files, "", partial_bytes)
    return UploadStore(ToMaster(client, name), partial_bytes)


def _archive_store(welcome: Welcome, client: QueueClient, name: str, *, send: bool) -> FolderStore | UploadStore | None:
    """Where this worker puts what it captures for the master's web archive; None where none is made. Blocks."""
    if not welcome.exchanges:
        return None
    if not send and _shares_disk(welcome):
        return FolderStore(welcome.exchanges)
    return UploadStore(ToMaster(client, name, EXCHANGE))


def _shares_disk(welcome: Welcome) -> bool:
    try:
        return pathlib.Path(welcome.nonce_file).read_text() == welcome.nonce != ""
    except OSError:  # not a disk we share: the bytes go over the connection
        return False


def _stop_on_signals(worker: Worker) -> None:
    """The first signal ends the worker in good order, the second at once."""
    loop, hits = asyncio.get_running_loop(), []

    def hit() -> None:
        hits.append(1)
        if len(hits) > 1:
            os._exit(130)
        worker.stop()

    loop.add_signal_handler(signal.SIGTERM, hit)
    # A Ctrl-C reaches the whole process group; a local worker leaves the end of the crawl to its master.
    loop.add_signal_handler(signal.SIGINT, (lambda: None) if "ACRAWL_PARENT" in os.environ else hit)


async def _leave_to_master(client: QueueClient, name: str) -> None:
    """Stay quiet until the master has told why its crawl failed, and ends this process."""
    with contextlib.suppress(AcrawlError):  # what this worker holds is queued again in the crawl's next life
        await client.bye(name)
    asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)  # there is nothing left to give back
    await asyncio.sleep(PATIENCE)


async def _stop_with_parent(worker: Worker) -> None:
    await parent_gone()
    log.info("the master's process has ended")
    os._exit(EXIT_OK)
