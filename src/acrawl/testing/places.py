"""Where the hosts of a `FakeWeb` are: how a host's number and a path become a URL, and back."""

from __future__ import annotations

import re
from typing import Protocol

_NAME = re.compile(r"http://h(0|[1-9]\d{0,8})\.test(/.*)\Z", re.DOTALL)
_FOLDER = re.compile(r"/h(0|[1-9]\d{0,8})(/.*)\Z", re.DOTALL)
_ADDRESS = re.compile(r"http://127\.(\d{1,3})\.(\d{1,3})\.(\d{1,3}):(\d+)(/.*)\Z", re.DOTALL)


class Place(Protocol):
    """Turns ``(host, path)`` into URLs and back; the path begins with a slash."""

    def url(self, host: int, path: str) -> str:
        """The canonical URL."""

    def find(self, url: str) -> tuple[int, str] | None:
        """The host and the path that a canonical URL names; None where there is no such host."""


class Names:
    """Names that no resolver knows (RFC 6761), for a web without sockets: ``http://h7.test/page/3``."""

    def url(self, host: int, path: str) -> str:
        """See `Place.url`."""
        return f"http://h{host}.test{path}"

    def find(self, url: str) -> tuple[int, str] | None:
        """See `Place.find`."""
        found = _NAME.match(url)
        return (int(found[1]), found[2]) if found else None


class Folders:
    """All hosts are folders of one origin, ``http://127.0.0.1:8080/h7/page/3``: to a crawler they are ONE host."""

    def __init__(self, origin: str) -> None:
        self._origin = origin

    def url(self, host: int, path: str) -> str:
        """See `Place.url`."""
        return f"{self._origin}/h{host}{path}"

    def find(self, url: str) -> tuple[int, str] | None:
        """See `Place.find`; the origin's robots.txt is that of host 0."""
        path = url.removeprefix(self._origin)
        if path == "/robots.txt":
            return 0, path
        found = _FOLDER.match(path)
        return (int(found[1]), found[2]) if found and path != url else None


class Addresses:
    """Each host has an address of its own below 127.0.0.0/8, all of which is this machine's on Linux."""

    def __init__(self, port: int) -> None:
        self._port = port

    def url(self, host: int, path: str) -> str:
        """See `Place.url`. There is room for 2**24 - 2 hosts."""
        number = host + 1  # 127.0.0.0 is no address of a host
        return f"http://127.{number >> 16}.{number >> 8 & 255}.{number & 255}:{self._port}{path}"

    def find(self, url: str) -> tuple[int, str] | None:
        """See `Place.find`."""
        found = _ADDRESS.match(url)
        if not found or int(found[4]) != self._port:
            return None
        number = int(found[1]) << 16 | int(found[2]) << 8 | int(found[3])
        return number - 1, found[5]
