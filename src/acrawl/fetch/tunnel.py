"""Making connections: directly as aiohttp does it, or through a proxy, as it is done here.

aiohttp's own way through proxies is left out: it trusts proxy and server by the same rule, says with one error whose
fault a failure is, and knows no SOCKS. Which of the two failed is told by `ProxyFailed`, or whatever else is raised.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import aiohappyeyeballs
import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import AddrInfoType

from acrawl.errors import FetchError, MissingExtra, ProxyFailed
from acrawl.fetch.failures import BLOCKED, FOREIGN, translated
from acrawl.fetch.names import Names
from acrawl.fetch.origin import Origin
from acrawl.fetch.route import Proxy
from acrawl.fetch.tls import Trust

T = TypeVar("T")

#: Says why an address must not be connected to; empty when it may be.
Judge = Callable[[str], str]

#: Refusals of a SOCKS proxy that speak of the server (RFC 1928, 6). The others are about the proxy, or could be.
_SOCKS_REPLIES = {3: "unreachable", 4: "unreachable", 5: "refused", 6: "unreachable"}
#: What proxies answer to CONNECT when they do not know us; 401 is a mistake that real ones make.
_CREDENTIALS = frozenset({401, 407})
#: Where no limit is set, python-socks needs one all the same.
_LONG = 3600.0
_NO_TIMEOUT = aiohttp.ClientTimeout(total=None)


class Connector(aiohttp.TCPConnector):
    """aiohttp's pool of connections, with this room's protocol, trust, names and proxies.

    ``judge`` is asked about every address of a server that is connected to, or that a SOCKS proxy is told to connect
    to; not about a proxy's. A connection through a proxy has ``patience`` seconds to reach it, as many to be made by
    it, and as many again for the handshake with the server.
    """

    def __init__(
        self, protocol: Callable[[], Any], trust: Trust, names: Names, *, limit: int, patience: float, judge: Judge
    ) -> None:
        super().__init__(limit=limit, resolver=names, use_dns_cache=False, socket_factory=self._socket)
        self._factory = protocol  # type: ignore[assignment]
        self._trust = trust
        self._patience = patience or None
        self._judge = judge

    def _socket(self, info: AddrInfoType) -> socket.socket:
        """Make the socket for one address, or refuse to. Called for every address that is about to be connected to."""
        if refused := self._judge(str(info[4][0])):
            raise OSError(BLOCKED, refused)
        return _unjudged(info)

    def _get_ssl_context(self, req: aiohttp.ClientRequest) -> Any:
        return self._trust.context(verified=req.ssl is True) if req.is_ssl() else None

    async def _create_connection(
        self, req: aiohttp.ClientRequest, traces: list[Any], timeout: aiohttp.ClientTimeout
    ) -> ResponseHandler:
        assert isinstance(req, Origin)
        if req.via is None:
            return await super()._create_connection(req, traces, timeout)
        if req.via.is_socks:
            return await self._by_socks(req, req.via)
        return await self._by_http(req, req.via)

    # -- through an HTTP proxy ----------------------------------------------------------------------------------

    async def _by_http(self, origin: Origin, via: Proxy) -> ResponseHandler:
        """Connect to an HTTP proxy, and through it where the server speaks TLS (RFC 9110, 9.3.6)."""
        async with self._reaching(via):
            protocol: Any = await self._reached(via)
        if not origin.is_ssl():
            plain: ResponseHandler = protocol
            return plain
        try:
            transport = await self._tunnelled(origin, via, protocol)
        except BaseException:
            protocol.close()
            raise
        _, secured = await self._in_time(origin, self._start_tls_connection(transport, origin, _NO_TIMEOUT))
        return secured

    async def _reached(self, via: Proxy) -> Any:
        sock = await self._dial(via)
        secure = via.scheme == "https"
        verified = self._trust.verifies(via.host)
        _, protocol = await self._loop.create_connection(
            self._factory,
            sock=sock,
            ssl=self._trust.context(verified=verified) if secure else None,
            server_hostname=via.host if secure else None,
        )
        return protocol

    async def _tunnelled(self, origin: Origin, via: Proxy, protocol: Any) -> asyncio.Transport:
        """Ask for a tunnel to the server, and take the connection out of the protocol's hands when it is there."""
        head = f"CONNECT {origin.address} HTTP/1.1\r\nHost: {origin.address}\r\n"
        if via.authorization:
            head += f"Proxy-Authorization: {via.authorization}\r\n"
        async with self._reaching(via, waits_for_server=True):
            message, _ = await protocol.ask(f"{head}\r\n".encode(), b"", True)
        if not 200 <= message.code < 300:
            text = f"{message.code} {message.reason} to CONNECT {origin.address}"
            raise ProxyFailed(via.name, text, own=message.code in _CREDENTIALS)
        transport: asyncio.Transport | None = protocol.transport
        if transport is None:
            raise ProxyFailed(via.name, "closed the tunnel", own=False)
        protocol._drop_timeout()
        return transport

    # -- through a SOCKS proxy ----------------------------------------------------------------------------------

    async def _by_socks(self, origin: Origin, via: Proxy) -> ResponseHandler:
        """Connect through a SOCKS proxy (RFC 1928); the names of ``socks5`` and ``socks4`` are resolved here."""
        host, port = origin.host, origin.port or 0
        if via.scheme != "socks5h":
            host = await self._in_time(origin, self._judged_address(origin, ipv4=via.scheme == "socks4"))
        async with self._reaching(via):
            sock = await self._dial(via)
        try:
            await self._asked(via, sock, host, port)
        except BaseException:
            sock.close()
            raise
        context = self._get_ssl_context(origin)
        making = self._wrap_existing_connection(
            self._factory,
            sock=sock,
            ssl=context,
            server_hostname=origin.host.rstrip(".") if context is not None else None,
            req=origin,
            timeout=_NO_TIMEOUT,
        )
        _, protocol = await self._in_time(origin, making)
        return protocol

    async def _judged_address(self, origin: Origin, *, ipv4: bool) -> str:
        """Return an address of the server that may be connected to. Raises as a direct connection would."""
        try:
            found = await self._resolve_host(origin.host, origin.port or 0)
        except OSError as error:
            raise aiohttp.ClientConnectorDNSError(origin.connection_key, error) from error
        addresses = [one["host"] for one in found if not ipv4 or ":" not in one["host"]]
        refused = ""
        for address in addresses:
            if not (refused := self._judge(address)):
                return address
        raise OSError(BLOCKED if refused else None, refused or f"{origin.host} has no IPv4 address, as SOCKS 4 needs")

    async def _asked(self, via: Proxy, sock: socket.socket, host: str, port: int) -> None:
        """Ask a SOCKS proxy over ``sock`` for a connection. Raises `FetchError`."""
        try:
            package = socks()
        except MissingExtra as error:  # named by a request only: what the settings name was looked at in the beginning
            raise ProxyFailed(via.name, str(error), own=True) from error
        proxy = package.async_.asyncio.Proxy(
            package.ProxyType.SOCKS4 if via.scheme == "socks4" else package.ProxyType.SOCKS5,
            via.host,
            via.port,
            via.user.decode("utf-8", "replace") or None,
            via.password.decode("utf-8", "replace") or None,
            rdns=True,
            forward=_Made(sock),
        )
        async with self._reaching(via, waits_for_server=True):
            try:
                await proxy.connect(host, port, timeout=self._patience or _LONG)
            except package.ProxyTimeoutError as error:
                raise TimeoutError from error
            except package.ProxyError as error:  # the request fails; whose fault it is stands in the code
                code = error.error_code or 0
                if code in _SOCKS_REPLIES:
                    raise FetchError(_SOCKS_REPLIES[code], f"through {via.name}: {error}") from error
                raise ProxyFailed(via.name, str(error), own=not code) from error

    # -- both ---------------------------------------------------------------------------------------------------

    async def _dial(self, via: Proxy) -> socket.socket:
        """Connect a socket to a proxy. Whoever named the proxy may have a private one."""
        hosts = await self._resolve_host(via.host, via.port)
        infos = self._convert_hosts_to_addr_infos(hosts)
        return await aiohappyeyeballs.start_connection(
            infos, happy_eyeballs_delay=self._happy_eyeballs_delay, loop=self._loop, socket_factory=_unjudged
        )

    @asynccontextmanager
    async def _reaching(self, via: Proxy, *, waits_for_server: bool = False) -> AsyncIterator[None]:
        """Put every failure inside down to the proxy, and bound the time; silence may be the server's."""
        try:
            async with asyncio.timeout(self._patience):
                yield
        except TimeoutError as error:
            raise ProxyFailed(via.name, "fetch.connect_timeout", own=not waits_for_server) from error
        except FOREIGN as error:  # this attempt fails; the next one may take another proxy
            told = translated(error)
            raise ProxyFailed(via.name, f"{told.reason}: {told.detail}", own=True) from error

    async def _in_time(self, origin: Origin, step: Awaitable[T]) -> T:
        """Wait for a step that is the server's."""
        try:
            async with asyncio.timeout(self._patience):
                return await step
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError(f"Connection timeout to host {origin.key}") from error


class _Made:
    """A socket that is connected already, where python-socks would make one."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock

    async def connect(self, **_: Any) -> socket.socket:
        return self._socket


def socks() -> Any:
    """Return the package that speaks SOCKS. Raises `MissingExtra`."""
    try:
        import python_socks
        import python_socks.async_.asyncio
    except ImportError:
        raise MissingExtra("SOCKS proxies need python-socks: pip install 'acrawl[proxy]'") from None
    return python_socks


def _unjudged(info: AddrInfoType) -> socket.socket:
    family, kind, protocol, _, _ = info
    return socket.socket(family, kind, protocol)
