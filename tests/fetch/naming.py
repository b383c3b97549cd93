"""A resolver that tests tell what to say."""

from __future__ import annotations

import asyncio
import socket

from aiohttp.abc import AbstractResolver


class Resolver(AbstractResolver):
    """Answers with the ``names`` that it has: lists of addresses, or errors to raise. ``asked`` are the questions.

    While ``held`` is set nobody gets an answer before ``go``.
    """

    def __init__(self, **names):
        self.names = {name.replace("_", "."): answer for name, answer in names.items()}
        self.asked = []
        self.held = False
        self.go = asyncio.Event()
        self.closed = False

    async def resolve(self, host, port=0, family=socket.AF_INET):
        self.asked.append(host)
        if self.held:
            await self.go.wait()
        answer = self.names.get(host, socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
        if isinstance(answer, Exception):
            raise answer
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
                "proto": 0,
                "flags": 0,
            }
            for address in answer
        ]

    async def close(self):
        self.closed = True
