"""A server and the way to it, as aiohttp's connector wants to be told of them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

import aiohttp
from aiohttp.client_reqrep import ConnectionKey
from yarl import URL

from acrawl.fetch.guard import refused_behind, refused_port
from acrawl.fetch.route import Proxy
from acrawl.fetch.tls import Trust
from acrawl.url import host_of


class Origin(aiohttp.ClientRequest):
    """A server, and the proxy to it: the request to connect for. Made once for many.

    ``host`` is the politeness key, ``authority`` the Host header, ``authorization`` what the URL's user and password
    come to (or empty), ``refused`` why it must not be connected to and ``private`` why only an open host may be asked
    there (or empty). ``via`` is the proxy; where it is ``forwarded``, the proxy reads the requests itself.
    """

    def __init__(self, origin: str, trust: Trust, via: Proxy | None = None) -> None:
        self.key = host_of(origin)
        url = URL(self.key, encoded=True)
        super().__init__("GET", url, ssl=trust.verifies(url.raw_host or ""))
        if self.host.endswith("."):  # certificates have names without it
            self.server_hostname = self.host.rstrip(".")
        scheme, _, self.authority = self.key.partition("://")
        user, at, _ = origin[len(scheme) + 3 :].rpartition("@")
        name, _, password = user.partition(":")
        plain = unquote_to_bytes(name) + b":" + unquote_to_bytes(password)
        self.authorization = f"Basic {b64encode(plain).decode()}" if at else ""
        self.refused = refused_port(self.key)
        self.via = via
        self.forwarded = via is not None and not via.is_socks and scheme == "http"
        self.private = refused_behind(url.raw_host or "") if via is not None else ""

    @cached_property
    def connection_key(self) -> ConnectionKey:
        """Which kept connections may be used: those to this server, through this proxy with these credentials."""
        key = super().connection_key
        via: Any = self.via
        return key if via is None else key._replace(proxy=via)

    @property
    def address(self) -> str:
        """Name and port, as a tunnel is asked for (RFC 9110, 9.3.6)."""
        has_port = ":" in self.authority.rpartition("]")[2]
        return self.authority if has_port else f"{self.authority}:{self.port}"

    def as_proxied(self, head: bytes) -> bytes:
        """Return the head of a request as it is sent on this way (RFC 9112, 3.2.2)."""
        if self.via is None or not self.forwarded:
            return head
        method, _, rest = head.partition(b" ")
        credentials = self.via.authorization
        proof = f"Proxy-Authorization: {credentials}\r\n" if credentials else ""
        return b"%s %s%s%s\r\n" % (method, self.key.encode(), rest[:-2], proof.encode())


def origins(trust: Trust) -> Callable[[str, Proxy | None], Origin]:
    """Return a memo of the servers that were asked last; it takes a canonical URL up to its path, and the proxy."""
    return lru_cache(1024)(lambda origin, via: Origin(origin, trust, via))
