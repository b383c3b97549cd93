"""Proxies as they are named, and the hosts that go without one. Pure."""

from __future__ import annotations

import functools
from base64 import b64encode
from collections.abc import Iterable, Mapping
from ipaddress import ip_address, ip_network
from urllib.parse import unquote_to_bytes, urlsplit

import msgspec

from acrawl.errors import SettingsError
from acrawl.settings.masks import proxy as masked

#: A request's ``proxy`` that asks for none.
DIRECT = "direct"
_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080, "socks4": 1080}
#: What desktops write into the environment.
_ALIASES = {"socks": "socks5"}


class Proxy(msgspec.Struct, frozen=True):
    """One proxy. ``name`` is its URL without credentials, for people; ``host`` as in URLs, without brackets."""

    scheme: str
    host: str
    port: int
    user: bytes = b""
    password: bytes = b""

    @property
    def name(self) -> str:
        """Its URL without credentials."""
        return f"{self.scheme}://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    def __repr__(self) -> str:
        return f"<{self.name}>"

    @property
    def is_socks(self) -> bool:
        """Whether it speaks SOCKS; the others speak HTTP."""
        return self.scheme.startswith("socks")

    @property
    def authorization(self) -> str:
        """The value of Proxy-Authorization (RFC 7617); empty without credentials."""
        if not self.user and not self.password:
            return ""
        return "Basic " + b64encode(self.user + b":" + self.password).decode()


@functools.lru_cache(4096)
def named(url: str) -> Proxy | None:
    """Read the URL of a proxy; without a scheme it is an http one. None for `DIRECT`. Raises ValueError, saying why."""
    if url == DIRECT:
        return None
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
    except ValueError:  # whose words may hold the password
        raise ValueError(f"{masked(url)}: that is no URL") from None
    scheme = _ALIASES.get(parts.scheme, parts.scheme)
    if scheme not in _PORTS:
        raise ValueError(f"{masked(url)}: a proxy is {', '.join(_PORTS)}")
    if not parts.hostname or parts.path not in {"", "/"} or parts.query or parts.fragment or _is_odd(parts.hostname):
        raise ValueError(f"{masked(url)}: write it as {scheme}://user:password@host:port")
    try:
        port = parts.port or _PORTS[scheme]
    except ValueError:
        raise ValueError(f"{masked(url)}: a port is a number up to 65535") from None
    user, password = unquote_to_bytes(parts.username or ""), unquote_to_bytes(parts.password or "")
    return Proxy(scheme, parts.hostname, port, user, password)


def _is_odd(host: str) -> bool:
    return not host.isascii() or not host.isprintable() or " " in host


class Bypass:
    """The hosts that are asked directly, written as in ``no_proxy``.

    ``example.com`` (or ``.example.com``) is that name and all below it, ``10.0.0.0/8`` the literal addresses in a
    network, ``*`` everything; ``:8080`` at the end narrows a name or an address to one port. ``loopback`` adds what can
    only mean this machine. Raises `SettingsError` naming ``where`` the list stands.
    """

    def __init__(self, entries: Iterable[str], where: str, *, loopback: bool = False) -> None:
        self._loopback = loopback
        self._everything = False
        self._names: set[tuple[str, str]] = set()
        self._networks = []
        for entry in (entry.strip().lower() for entry in entries):
            if entry == "*":
                self._everything = True
            elif "/" in entry:
                try:
                    self._networks.append(ip_network(entry, strict=False))
                except ValueError as error:
                    raise SettingsError(f"{where}: {error}") from None
            elif entry:
                self._names.add(_with_port(entry))

    def __contains__(self, origin: object) -> bool:
        """Whether a politeness key (`acrawl.url.host_of`) is to be asked directly."""
        scheme, _, authority = str(origin).partition("://")
        host, port = _with_port(authority)
        if self._everything:
            return True
        port = port or ("443" if scheme == "https" else "80")
        try:
            address = ip_address(host)
        except ValueError:  # a name: it and every name above it may be in the list
            if self._loopback and (host == "localhost" or host.endswith(".localhost")):
                return True
            labels = host.rstrip(".").split(".")
            names = {".".join(labels[i:]) for i in range(len(labels))}
        else:
            if (self._loopback and address.is_loopback) or any(address in network for network in self._networks):
                return True
            names = {host}
        return any((name, at) in self._names for name in names for at in ("", port))


def _with_port(entry: str) -> tuple[str, str]:
    """Split off a port; a bare IPv6 address has none."""
    host, colon, port = entry.rpartition(":")
    if not colon or not port.isdecimal() or (":" in host and not host.endswith("]")):
        host, port = entry, ""
    return host.strip("[]").removeprefix("*").strip("."), port


def environment(environ: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return the proxies (by the scheme of what is asked for) and the exceptions that an environment names.

    As curl and wget read it: ``http_proxy``, ``https_proxy``, ``all_proxy`` for both, ``no_proxy``; the lower-case
    names win. ``HTTP_PROXY`` is not believed in a CGI program, where the client of a web server chooses it.
    """

    def value(name: str) -> str:
        found = environ.get(name, "")
        if not found and (name != "http_proxy" or "REQUEST_METHOD" not in environ):
            found = environ.get(name.upper(), "")
        return found.strip()

    found = {scheme: value(f"{scheme}_proxy") or value("all_proxy") for scheme in ("http", "https")}
    return {scheme: url for scheme, url in found.items() if url}, value("no_proxy").replace(",", " ").split()
