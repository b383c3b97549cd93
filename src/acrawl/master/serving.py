"""Opening the queues to workers: key, certificate, join file, address."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import ssl
from collections.abc import AsyncIterator

import msgspec

from acrawl.job import Job
from acrawl.master.broker import CrawlBroker
from acrawl.master.plan import Plan
from acrawl.queues import join as joining
from acrawl.queues.server import LOOPBACK, QueueManager
from acrawl.queues.tls import fingerprint, make_certificate, server_context

#: Addresses that mean "all of this machine's", and the one to reach them by from here.
WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


@contextlib.asynccontextmanager
async def serve(plan: Plan, job: Job, broker: CrawlBroker) -> AsyncIterator[QueueManager]:
    """Serve the queues while the block runs, and write the job's join file.

    Local crawls take a free port and a key that nobody else knows; beyond loopback all of it goes through TLS with a
    certificate that is made once for the job. The file holds the key: only this user may read it.
    """
    host, port = plan.listen or ("127.0.0.1", 0)
    before = joining.read(str(job.join_file)) if plan.listen and job.join_file.exists() else None
    # A master that was killed and started again is known to its workers by the key of its former life.
    authkey = plan.authkey or (before.authkey if before else secrets.token_bytes(32))
    tls: ssl.SSLContext | None = None
    certificate = pin = ""
    if host not in LOOPBACK:
        paths = await asyncio.to_thread(make_certificate, job.folder)
        tls = server_context(*paths)
        certificate = paths[0].read_text()
        pin = fingerprint(certificate)
    control = before.control if before else secrets.token_hex(16)
    loop = asyncio.get_running_loop()
    queues = QueueManager(
        broker, loop, (host, port), authkey, control_key=control, tls=tls, settings=plan.settings.queues
    )
    queues.start()
    try:
        name = queues.address[0]
        seen = name if name not in WILDCARDS else _own_name()
        join = joining.Join(seen, queues.address[1], authkey, certificate, pin, control)
        join.write(job.join_file)
        msgspec.structs.replace(join, host=WILDCARDS.get(name, name)).write(job.local_join_file)
        yield queues
    finally:
        await queues.stop()
        for file in (job.join_file, job.local_join_file):
            file.unlink(missing_ok=True)


def _own_name() -> str:
    """The name other machines most likely know this one by."""
    return socket.getfqdn()
