"""Few processes that decode images, one image each at a time. For one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator

import msgspec

from acrawl.results.imaging.making import Findings, Job, Making

#: Seconds beyond the time for an image in which its process must have ended it by itself.
_GRACE = 5.0
#: Bytes of findings, and of a piece of what was made.
_MOST_FOUND, _PIECE = 1 << 20, 1 << 18
#: How variables begin that a process needs. The others may hold keys, which are nothing for what strangers send.
_NEEDED = ("PATH", "HOME", "LANG", "LC_", "PYTHON", "LD_", "DYLD_", "TMPDIR")


class ChildDied(Exception):
    """The process that was at an image has ended, or none could begin; the text says why."""


class Child:
    """One process. `ask` it of an image, then `read` all parts in their order."""

    def __init__(self, process: asyncio.subprocess.Process, timeout: float) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._in, self._out = process.stdin, process.stdout
        self._timeout = timeout

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.returncode is None

    async def ask(self, job: Job) -> Findings:
        """What comes of an image. Raises `ChildDied`."""
        frame = msgspec.msgpack.encode(job)
        try:
            async with asyncio.timeout(self._timeout + _GRACE):
                self._in.write(len(frame).to_bytes(4, "big") + frame)
                await self._in.drain()
                size = int.from_bytes(await self._out.readexactly(4), "big")
                if size > _MOST_FOUND:
                    raise ChildDied("the process that decoded it went mad")
                return msgspec.msgpack.decode(await self._out.readexactly(size), type=Findings)
        except TimeoutError:  # it does not even hear its alarm
            raise ChildDied(self._late()) from None
        except (asyncio.IncompleteReadError, ConnectionError, msgspec.MsgspecError) as error:
            raise ChildDied(await self._death()) from error

    async def read(self, size: int) -> AsyncIterator[bytes]:
        """The bytes of the next part. Raises `ChildDied`."""
        while size:
            piece = await self._out.read(min(size, _PIECE))
            if not piece:
                raise ChildDied(await self._death())
            size -= len(piece)
            yield piece

    async def end(self) -> None:
        """End it at once. Idempotent."""
        with contextlib.suppress(ProcessLookupError):  # it has ended by itself
            self._process.kill()
        self._in.close()
        await self._process.wait()

    async def _death(self) -> str:
        try:
            code = await asyncio.wait_for(self._process.wait(), _GRACE)  # its pipe has ended, and so has it, or nearly
        except TimeoutError:
            return "the process that decoded it went mad"
        if code == -signal.SIGALRM:
            return self._late()
        return f"decoding it killed its process ({signal.Signals(-code).name if code < 0 else f'exit code {code}'})"

    def _late(self) -> str:
        return f"decoding it took more than {self._timeout:g} s (images.timeout)"


class Children:
    """At most ``count`` processes, started when they are needed; one that has died is replaced."""

    def __init__(self, making: Making, count: int) -> None:
        self._making = making
        self._room = asyncio.Semaphore(count)
        self._idle: list[Child] = []
        self._all: set[Child] = set()

    @contextlib.asynccontextmanager
    async def child(self) -> AsyncIterator[Child]:
        """A process for one image. After an exception it is ended: nobody knows what it would say next."""
        async with self._room:
            child = await self._taken()
            try:
                yield child
            except BaseException:  # goes to the caller; the next image gets another process
                self._all.discard(child)
                await asyncio.shield(child.end())
                raise
            self._idle.append(child)

    async def _taken(self) -> Child:
        while self._idle:
            child = self._idle.pop()
            if child.is_alive:
                return child
            self._all.discard(child)  # killed between two images: neither is to blame
            await child.end()
        try:
            process = await asyncio.create_subprocess_exec(
                *[sys.executable, "-m", "acrawl.results.imaging.child", msgspec.json.encode(self._making).decode()],
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,  # decoders complain there of what they could read all the same
                env={name: value for name, value in os.environ.items() if name.startswith(_NEEDED)},
                start_new_session=True,  # a Ctrl-C is the worker's affair, which finishes what is under way
                limit=2 * _PIECE,
            )
        except OSError as error:  # the image is kept as it came
            raise ChildDied(f"no process to decode it could be started: {error.strerror or error}") from error
        child = Child(process, self._making.timeout)
        self._all.add(child)
        return child

    async def close(self) -> None:
        """End all processes. Idempotent."""
        for child in list(self._all):
            await child.end()
        self._all.clear()
        self._idle.clear()
