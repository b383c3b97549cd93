"""What the tests of web archives share: exchanges as they are captured, and records as other readers see them."""

from __future__ import annotations

import base64
import hashlib
import pathlib

from warcio.archiveiterator import WARCIterator

from acrawl.outcome import Captured
from acrawl.results.files.objects import object_path

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n"


def sha1(data: bytes) -> str:
    return base64.b32encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()


def exchange(
    url: str,
    body: bytes,
    *,
    head: bytes | None = None,
    content: bytes | None = None,
    request: bytes = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    stored: pathlib.Path | None = None,
    status: int = 200,
    **more,
) -> Captured:
    """One exchange, as a worker captures it; ``stored`` is the folder where its bytes go, if not with it."""
    head = HEAD % len(body) + b"\r\n" if head is None else head
    data, sha256 = request + head + body, ""
    if stored is not None:
        data += url.encode()  # no two of them are one file, as with those of workers
        sha256 = hashlib.sha256(data).hexdigest()
        path = object_path(stored, sha256)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        data = b""
    payload = body if content is None else content
    facts = {"date": 1_700_000_000.0, "type": "text/html"} | more
    return Captured(
        url,
        status=status,
        request=len(request),
        head=len(head),
        size=len(head + body),
        block=sha1(head + body),
        payload=sha1(payload),
        identity=hashlib.sha256(payload).hexdigest(),
        chunked=content is not None,
        data=data,
        sha256=sha256,
        **facts,
    )


def read(it: Captured, stored: pathlib.Path) -> bytes:
    """The bytes of an exchange that travelled with it, or are still stored."""
    return it.data or object_path(stored, it.sha256).read_bytes()


def records(path: pathlib.Path) -> list[tuple[str, dict[str, str], bytes]]:
    """Every record of a file: its type, its header, its block as it is."""
    found = []
    with path.open("rb") as file:
        for record in WARCIterator(file, no_record_parse=True):
            fields: dict[str, str] = {}
            for name, value in record.rec_headers.headers:
                fields[name] = f"{fields[name]}, {value}" if name in fields else value
            found.append((record.rec_type, fields, record.raw_stream.read()))
    return found
