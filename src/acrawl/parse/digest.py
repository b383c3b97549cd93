"""Digests: as users write them, and as servers announce them in headers. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping

#: What we can verify, strongest first: names of the HTTP registry and those of hashlib, with the digest's bytes.
#: MD5 and SHA-1 prove nothing against an attacker; they find what the line or the disk broke.
ALGORITHMS = {"sha-512": ("sha512", 64), "sha-256": ("sha256", 32), "sha": ("sha1", 20), "md5": ("md5", 16)}

_HEX = re.compile(r"[0-9a-fA-F]+").fullmatch


def given(text: str) -> tuple[str, bytes]:
    """Read ``algorithm=value``, the value in hexadecimal or base64. Raises ValueError with a sentence for people.

    The name is one of `ALGORITHMS`, in any case; ``sha256`` and ``sha1`` are understood too.
    """
    name, equals, value = text.partition("=")
    algorithm = _named(name)
    if not equals or algorithm not in ALGORITHMS:
        raise ValueError(f"{text[:100]!r} is no digest: write one of {', '.join(ALGORITHMS)}, then = and the value")
    length = ALGORITHMS[algorithm][1]
    value = value.strip().strip(":")
    found = bytes.fromhex(value) if len(value) == 2 * length and _HEX(value) else _decoded(value)
    if len(found) != length:
        raise ValueError(f"{text[:100]!r} is no digest: {algorithm} has {length} bytes, in hexadecimal or base64")
    return algorithm, found


def announced(headers: Mapping[str, str]) -> tuple[str, bytes] | None:
    """Return the strongest digest that a whole answer without content coding carries; None without one.

    Looked for in this order: Repr-Digest and Content-Digest (RFC 9530, 2 and 3), Digest (RFC 3230, 4.3.2), Content-MD5
    (RFC 1864). What cannot be read, and algorithms that we do not know, are passed over (RFC 9530, 5).
    """
    for field in ("Repr-Digest", "Content-Digest", "Digest"):
        found = dict(_members(headers.get(field, "")))
        for algorithm in ALGORITHMS:
            if algorithm in found:
                return algorithm, found[algorithm]
    md5 = _decoded(headers.get("Content-MD5", ""))
    return ("md5", md5) if len(md5) == 16 else None


def _members(text: str) -> Iterator[tuple[str, bytes]]:
    """The pairs of a list ``name=base64`` (RFC 3230) or a dictionary ``name=:base64:`` (RFC 9651, 3.2)."""
    for member in text.split(",") if text else ():
        name, _, value = member.partition("=")
        algorithm, found = _named(name), _decoded(value.partition(";")[0].strip().strip(":"))
        if algorithm in ALGORITHMS and len(found) == ALGORITHMS[algorithm][1]:
            yield algorithm, found


def _named(text: str) -> str:
    name = text.strip().lower()
    return {"sha256": "sha-256", "sha512": "sha-512", "sha1": "sha", "sha-1": "sha"}.get(name, name)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):  # no base64: as good as no digest
        return b""
