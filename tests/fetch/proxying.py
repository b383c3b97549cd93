"""Small proxies on loopback: an HTTP one with CONNECT and Basic, and a SOCKS one."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ipaddress
import struct

from server import raw_server


class Relay:
    """What both have in common: ``hosts`` is how names are resolved, ``asked`` what the proxy was asked for."""

    def __init__(self, *, login="", hosts=()):
        self.login = login
        self.hosts = dict(hosts)
        self.asked = []
        self.made = 0
        self.address = ""

    async def reach(self, host, port):
        return await asyncio.open_connection(self.hosts.get(host, host), port)

    @contextlib.asynccontextmanager
    async def serving(self, **options):
        async with raw_server(self, **options) as self.address:
            yield self

    async def relay(self, *ends):
        (reader, writer), (other_reader, other_writer) = ends
        try:
            await asyncio.gather(_pump(reader, other_writer), _pump(other_reader, writer))
        finally:
            other_writer.close()


async def _pump(reader, writer):
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


class HttpProxy(Relay):
    """``heads`` are the heads that were seen; ``refusal`` answers instead of doing anything."""

    def __init__(self, *, refusal=b"", **options):
        super().__init__(**options)
        self.heads = []
        self.refusal = refusal

    async def __call__(self, reader, writer):
        self.made += 1
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            self.heads.append(head)
            method, target, _ = head.decode().split("\r\n")[0].split(" ")
            self.asked.append(target)
            if self.refusal:
                writer.write(self.refusal)
                return
            if not self._knows(head):
                writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                continue
            if method == "CONNECT":
                await self._tunnel(target, reader, writer)
                return
            await self._forward(head, target, reader, writer)

    def _knows(self, head):
        proof = base64.b64encode(self.login.encode())
        return not self.login or b"\r\nProxy-Authorization: Basic " + proof + b"\r\n" in head

    async def _tunnel(self, target, reader, writer):
        host, _, port = target.rpartition(":")
        try:
            far = await self.reach(host.strip("[]"), int(port))
        except OSError:
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            return
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await self.relay((reader, writer), far)

    async def _forward(self, head, target, reader, writer):
        """Pass one request on, and one answer with a Content-Length back."""
        authority, _, path = target.removeprefix("http://").partition("/")
        host, _, port = authority.rpartition(":")
        far_reader, far_writer = await self.reach(host, int(port))
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"proxy-")]
        lines[0] = lines[0].replace(target.encode(), b"/" + path.encode())
        far_writer.write(b"\r\n".join(lines))
        answer = await far_reader.readuntil(b"\r\n\r\n")
        size = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or b"0")
        writer.write(answer + await far_reader.readexactly(size))
        far_writer.close()


class SocksProxy(Relay):
    """SOCKS 5 (RFC 1928, with the login of RFC 1929) and SOCKS 4; ``reply`` is what it says to a wish."""

    def __init__(self, *, reply=0, **options):
        super().__init__(**options)
        self.reply = reply

    async def __call__(self, reader, writer):
        self.made += 1
        version, n = await reader.readexactly(2)
        if version == 4:
            host, port = await self._version4(reader)
            granted, refused = b"\x00\x5a" + bytes(6), b"\x00\x5b" + bytes(6)
        else:
            await reader.readexactly(n)
            if not await self._lets_in(reader, writer):
                return
            host, port = await self._version5(reader)
            granted = b"\x05\x00\x00\x01" + bytes(6)
            refused = b"\x05" + bytes([self.reply or 5]) + b"\x00\x01" + bytes(6)
        self.asked.append(f"{host}:{port}")
        if self.reply:
            writer.write(refused)
            return
        try:
            far = await self.reach(host, port)
        except OSError:
            writer.write(refused)
            return
        writer.write(granted)
        await self.relay((reader, writer), far)

    async def _lets_in(self, reader, writer):
        if not self.login:
            writer.write(b"\x05\x00")
            return True
        writer.write(b"\x05\x02")
        _, n = await reader.readexactly(2)
        user = await reader.readexactly(n)
        password = await reader.readexactly((await reader.readexactly(1))[0])
        good = b"%s:%s" % (user, password) == self.login.encode()
        writer.write(b"\x01\x00" if good else b"\x01\x01")
        return good

    async def _version5(self, reader):
        _, _, _, kind = await reader.readexactly(4)
        if kind == 3:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        else:
            host = str(ipaddress.ip_address(await reader.readexactly(4 if kind == 1 else 16)))
        return host, struct.unpack("!H", await reader.readexactly(2))[0]

    async def _version4(self, reader):
        port, address = struct.unpack("!H4s", await reader.readexactly(6))
        await reader.readuntil(b"\0")
        return str(ipaddress.ip_address(address)), port
