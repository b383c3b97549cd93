"""What a crawl must not be talked into reaching: the machine it runs on, its network, and ports that are not the web's.

Pages choose the URLs a crawler asks for, so every address is judged when the socket to it is made
(``fetch/transport.py``): a literal, a name that resolves to it and a name that changes its mind are all the same then.
No name is resolved here. Sources: the IANA special-purpose registries (RFC 6890), the Fetch standard's bad ports.
"""

from __future__ import annotations

import functools
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from acrawl.errors import Excluded, FetchError
from acrawl.fetch.base import Send
from acrawl.request import Request
from acrawl.response import Response

#: Metadata services give credentials to whoever asks from the inside; two hide at addresses that look public or ours.
_IPV4 = {
    IPv4Network("169.254.169.254/32"): "the cloud's metadata service",
    IPv4Network("168.63.129.16/32"): "the cloud's metadata service",
    IPv4Network("0.0.0.0/8"): "this machine",
    IPv4Network("10.0.0.0/8"): "private",
    IPv4Network("100.64.0.0/10"): "shared inside a provider's network",
    IPv4Network("127.0.0.0/8"): "loopback",
    IPv4Network("169.254.0.0/16"): "link-local",
    IPv4Network("172.16.0.0/12"): "private",
    IPv4Network("192.0.0.0/24"): "reserved",
    IPv4Network("192.0.2.0/24"): "for documentation",
    IPv4Network("192.88.99.0/24"): "reserved",
    IPv4Network("192.168.0.0/16"): "private",
    IPv4Network("198.18.0.0/15"): "for benchmarks",
    IPv4Network("198.51.100.0/24"): "for documentation",
    IPv4Network("203.0.113.0/24"): "for documentation",
    IPv4Network("224.0.0.0/4"): "multicast",
    IPv4Network("240.0.0.0/4"): "reserved",
}
_IPV6 = {
    IPv6Network("fd00:ec2::254/128"): "the cloud's metadata service",
    IPv6Network("::/128"): "this machine",
    IPv6Network("::1/128"): "loopback",
    IPv6Network("fe80::/10"): "link-local",
    IPv6Network("fc00::/7"): "private",
    IPv6Network("ff00::/8"): "multicast",
    IPv6Network("2001::/23"): "reserved",
    IPv6Network("2001:db8::/32"): "for documentation",
    IPv6Network("2002::/16"): "reserved",
    IPv6Network("3fff::/20"): "for documentation",
}
#: Names that mean something inside of one network only (RFC 6761, RFC 6762, RFC 8375; ICANN's resolution on .internal).
_INSIDE = (
    *(".localhost", ".localdomain", ".local", ".internal", ".home.arpa", ".intranet", ".lan", ".corp", ".home"),
    ".svc",  # of Kubernetes
)
#: The only block of IPv6 from which public addresses are given out; all else is refused without being named above.
_IPV6_PUBLIC = IPv6Network("2000::/3")
#: Carry an IPv4 address in their last 32 bits, and lead to it.
_EMBEDDING = (IPv6Network("::ffff:0:0/96"), IPv6Network("64:ff9b::/96"))

_PORTS = """
    0 1 7 9 11 13 15 17 19 20 21 22 23 25 37 42 43 53 69 77 79 87 95 101 102 103 104 109 110 111 113 115 117 119
    123 135 137 139 143 161 179 389 427 465 512 513 514 515 526 530 531 532 540 548 554 556 563 587 601 636 989
    990 993 995 1719 1720 1723 2049 3659 4045 4190 5060 5061 6000 6566 6665 6666 6667 6668 6669 6679 6697 10080
"""
#: Ports of other protocols, as the Fetch standard lists them.
BAD_PORTS = frozenset(map(int, _PORTS.split()))


class Guard:
    """The stage ``guard``: refuses what can be seen to be wrong without a connection."""

    def __init__(self, max_url: int) -> None:
        self._max_url = max_url

    async def __call__(self, request: Request, send: Send) -> Response:
        """See `acrawl.fetch.base.Stage`. Raises `FetchError` (``blocked``) and `Excluded` (``too-long``)."""
        if len(request.url) > self._max_url:
            send.exchange.spared = True
            raise Excluded("too-long", f"{len(request.url)} characters, more than {self._max_url}")
        if refused := refused_port(request.host):
            send.exchange.spared = True
            raise FetchError("blocked", refused)
        return await send(request)


def refused_address(address: str) -> str:
    """Say why an IP address must not be connected to; empty when it is a public one. What is no address is refused."""
    try:
        ip = ip_address(address)
    except ValueError:
        return f"{address!r} is not an IP address"
    kind = _kind4(ip) if isinstance(ip, IPv4Address) else _kind6(ip)
    return f"{address} is {kind}" if kind else ""


def refused_behind(host: str) -> str:
    """Say why a proxy must not be asked for a host; empty when it may be.

    Names are the proxy's to resolve, so nobody here sees their addresses. Literal addresses are judged, and names that
    no public server can have are refused.
    """
    try:
        return refused_address(str(ip_address(host)))
    except ValueError:  # a name
        name = host.rstrip(".").lower()
        return f"{host} is a name inside of a network" if "." not in name or name.endswith(_INSIDE) else ""


@functools.lru_cache(65536)
def refused_port(host: str) -> str:
    """Say why a politeness key's port must not be connected to; empty when it may be. Browsers refuse the same ports.

    Nothing opens them, not even a seed: what listens there speaks another protocol and would obey words of a page.
    """
    port = host.rpartition(":")[2]
    if port.isdigit() and int(port) in BAD_PORTS:
        return f"port {port} belongs to another protocol"
    return ""


def _kind4(ip: IPv4Address) -> str:
    return next((kind for network, kind in _IPV4.items() if ip in network), "")


def _kind6(ip: IPv6Address) -> str:
    if any(ip in network for network in _EMBEDDING):
        return _kind4(IPv4Address(int(ip) & 0xFFFF_FFFF))
    kind = next((kind for network, kind in _IPV6.items() if ip in network), "")
    return kind or ("" if ip in _IPV6_PUBLIC else "reserved")
