"""What names a place in an object store, as it is typed."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from acrawl.errors import UsageError

_BUCKET = re.compile(r"[A-Za-z0-9$][\w.$-]*")
#: How URLs of object stores begin, and whose they are.
SCHEMES = {"s3": "Amazon S3 and what speaks like it", "gs": "Google Cloud Storage", "az": "Azure Blob Storage"}


class Address(NamedTuple):
    """A bucket (of Azure: a container) and a key in it, or the beginning of keys; without slashes at either end."""

    scheme: str
    bucket: str
    key: str = ""

    @property
    def url(self) -> str:
        """The address as people write it."""
        return f"{self.scheme}://{self.bucket}{'/' if self.key else ''}{self.key}"

    def below(self, name: str) -> Address:
        """The address of a name below this one."""
        return self._replace(key=f"{self.key}/{name}" if self.key else name)


def is_address(typed: str) -> bool:
    """Whether this names a place in an object store, well or badly."""
    scheme, colon, _ = typed.partition(":/")
    return bool(colon) and scheme.lower() in SCHEMES


def address_of(typed: str, option: str) -> Address:
    """Read a URL; ``option`` is where it was typed. Raises `UsageError`."""
    scheme, slashes, rest = typed.partition("://")
    scheme = scheme.lower()
    if not slashes:
        raise UsageError(f"{option} {typed}: a place in a bucket has two slashes: {typed.replace(':/', '://', 1)}")
    bucket, _, key = rest.partition("/")
    if "@" in bucket:
        raise UsageError(
            f"{option} {scheme}://***@{bucket.rpartition('@')[2]}/{key}: credentials do not belong into a URL; "
            "they are taken from the environment (docs/object-stores.md)"
        )
    if "?" in rest:
        raise UsageError(
            f"{option} {scheme}://{rest.partition('?')[0]}: a URL of a bucket has no options (?...); region, endpoint "
            "and the like are taken from the environment (docs/object-stores.md)"
        )
    if not bucket:
        raise UsageError(f"{option} {typed}: names no bucket; write {scheme}://bucket/path")
    if not _BUCKET.fullmatch(bucket):
        raise UsageError(f"{option} {typed}: no bucket can be called {bucket!r}")
    key = key.strip("/")
    if any(part in {"", ".", ".."} for part in key.split("/")) and key:
        raise UsageError(f"{option} {typed}: its path has a part that is empty, . or ..; leave that out")
    return Address(scheme, bucket, key)


def path_of(typed: str, option: str) -> str:
    """Return the path that ``file:///path`` means; what is no such URL is a path itself. Raises `UsageError`."""
    if not typed.lower().startswith("file:"):
        return typed
    parts = urlsplit(typed)
    if parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
        raise UsageError(f"{option} {typed}: write file:///path with three slashes and the whole path, or a path")
    return unquote(parts.path)
