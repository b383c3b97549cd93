"""Records of a WARC file: ISO 28500:2017, WARC 1.1. Pure."""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from acrawl.outcome import Captured

#: Names and values of a record's header, in their order.
Fields = list[tuple[str, str]]

_VERSION = b"WARC/1.1\r\n"
#: The level at which records are compressed; higher ones take longer for a hundredth of the size.
PACKED: Final = 6
#: What is compressed already is only wrapped: that takes a tenth of the time.
WRAPPED: Final = 0
#: A zlib stream with the head and the end of gzip.
_GZIP = 31
_PROFILE = "http://netpreserve.org/warc/1.1/revisit/"
IDENTICAL = f"{_PROFILE}identical-payload-digest"
NOT_MODIFIED = f"{_PROFILE}server-not-modified"
#: Record ids are made from names in this space, so that a delivery that is repeated gives the same record.
_SPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "urn:acrawl:warc")


def member(fields: Fields, length: int, block: Iterable[bytes], level: int = PACKED) -> Iterator[bytes]:
    """Return a record in pieces, as a gzip member of its own. ``block`` has ``length`` bytes.

    Raises ValueError, before anything else, for a field with a line break in it, which would begin another field.
    """
    if any("\n" in value or "\r" in value for _, value in fields):
        raise ValueError("a field of its record has a line break in it")
    lines = "".join(f"{name}: {value}\r\n" for name, value in [*fields, ("Content-Length", str(length))])
    packer = zlib.compressobj(level, wbits=_GZIP)
    yield packer.compress(_VERSION + lines.encode() + b"\r\n")
    for piece in block:
        yield packer.compress(piece)
    yield packer.compress(b"\r\n\r\n") + packer.flush()


def record_id(name: str, kind: str) -> str:
    """The id of the record of this kind that comes from what is called so."""
    return f"<urn:uuid:{uuid.uuid5(_SPACE, f'{kind} {name}')}>"


def date_of(time: float) -> str:
    """Unix time as WARC-Date has it, with microseconds."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def warcinfo(filename: str, date: str, content: Iterable[tuple[str, str]]) -> tuple[Fields, bytes]:
    """The record at the beginning of a file: what made it, and how."""
    block = "".join(f"{name}: {value}\r\n" for name, value in content).encode()
    fields = [
        ("WARC-Type", "warcinfo"),
        ("WARC-Record-ID", info_id(filename, date)),
        ("WARC-Date", date),
        ("WARC-Filename", filename),
        ("Content-Type", "application/warc-fields"),
    ]
    return fields, block


def info_id(filename: str, date: str) -> str:
    """The id of that record."""
    return record_id(f"{filename} {date}", "warcinfo")


def answer_fields(it: Captured, name: str, info: str, original: tuple[str, str] | None) -> Fields:
    """The header of what came: a ``revisit`` of the ``original`` (URL and date), or where the server says 304."""
    fields = _about(it, name, "response", info)
    fields += [("WARC-Protocol", protocol) for protocol in it.protocols]
    if it.cipher:
        fields.append(("WARC-Cipher-Suite", it.cipher))
    if it.truncated:
        fields.append(("WARC-Truncated", it.truncated))
    if original is not None or it.status == 304:
        fields[0] = ("WARC-Type", "revisit")
        fields.append(("WARC-Profile", NOT_MODIFIED if it.status == 304 else IDENTICAL))
        if original is not None:
            fields += [("WARC-Refers-To-Target-URI", original[0]), ("WARC-Refers-To-Date", original[1])]
        if it.status != 304:
            fields.append(("WARC-Payload-Digest", f"sha1:{it.payload}"))
    elif not it.chunked:  # readers take the framing of chunks for content, against ISO 28500, 6.3.2; the index has it
        fields.append(("WARC-Payload-Digest", f"sha1:{it.payload}"))
    return [*fields, ("Content-Type", "application/http;msgtype=response")]


def request_fields(it: Captured, name: str, info: str) -> Fields:
    """The header of what was sent."""
    fields = _about(it, name, "request", info)
    return [
        *fields,
        ("WARC-Concurrent-To", record_id(name, "response")),
        ("Content-Type", "application/http;msgtype=request"),
    ]


def conversion_fields(it: Captured, name: str, info: str) -> Fields:
    """The header of what a callback made from what is at a URL (ISO 28500, 6.8)."""
    digest = ("WARC-Payload-Digest", f"sha1:{it.payload}")
    return [*_about(it, name, "conversion", info), digest, ("Content-Type", it.type or "application/octet-stream")]


def _about(it: Captured, name: str, kind: str, info: str) -> Fields:
    fields = [
        ("WARC-Type", kind),
        ("WARC-Record-ID", record_id(name, kind)),
        ("WARC-Warcinfo-ID", info),
        ("WARC-Target-URI", it.url),
        ("WARC-Date", date_of(it.date)),
    ]
    if it.address:
        fields.append(("WARC-IP-Address", it.address))
    return fields
