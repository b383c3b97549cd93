"""Local worker processes: start, watch, restart, end. Knows nothing of crawling.

Each child holds the reading end of a pipe whose writing end only this process has: when this process ends, however it
ends, the child reads the end of the file and goes. That is how local workers die with their master, on any platform.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Container, Sequence

log = logging.getLogger(__name__)

#: A child that dies is started again after so many seconds, doubled while it keeps dying at once.
RESTART_SECONDS = 0.5
#: A child that lived so long did not die at once.
HEALTHY_SECONDS = 20.0
#: After so many deaths at once in a row a place is given up.
MOST_DEATHS = 5


class Cluster:
    """A fixed number of child processes that run the same command.

    A child that ends with a code of ``final`` is not started again: the next one would end the same.
    """

    def __init__(self, command: Sequence[str], count: int, final: Container[int] = ()) -> None:
        self._command = list(command)
        self._count = count
        self._final = final
        self._watchers: list[asyncio.Task[int]] = []
        self._children: dict[int, asyncio.subprocess.Process] = {}
        self._stopping = False
        self._signal = 0

    @property
    def pids(self) -> list[int]:
        """The children that are alive."""
        return [child.pid for child in self._children.values() if child.returncode is None]

    def start(self) -> None:
        """Start the children. Idempotent."""
        if not self._watchers:
            self._watchers = [asyncio.create_task(self._watch(place)) for place in range(self._count)]

    async def failed(self) -> int:
        """Return the exit code of the last child once every place has been given up; never while one works."""
        if not self._watchers:
            return 0
        # Not gather: who stops waiting here would stop the watching with it.
        done, _ = await asyncio.wait(self._watchers, return_when=asyncio.FIRST_EXCEPTION)
        return [watcher.result() for watcher in done][-1]

    async def wait(self, seconds: float) -> bool:
        """Expect the children to end by themselves; returns whether they did in time. None is started again."""
        self._stopping = True
        if self._watchers:
            await asyncio.wait(self._watchers, timeout=seconds)
        return not self.pids

    async def stop(self, seconds: float) -> None:
        """End the children: SIGTERM, and SIGKILL for those still there after ``seconds``. Idempotent."""
        self._stopping = True
        for number in (signal.SIGTERM, signal.SIGKILL):
            self._signal = number
            for child in self._children.values():
                if child.returncode is None:
                    with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                        child.send_signal(number)
            if self._watchers:
                await asyncio.wait(self._watchers, timeout=seconds)
        for watcher in self._watchers:
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)

    async def _watch(self, place: int) -> int:
        deaths, code, pause = 0, 0, 0.0
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(pause)
            if self._stopping:
                return code
            began = clock()
            child = self._children[place] = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,  # its end tells the child that we are gone
                env=os.environ | {"ACRAWL_PARENT": "stdin"},
            )
            if self._signal:  # told to stop while this one was being born
                child.send_signal(self._signal)
            code = await child.wait()
            if self._stopping or code == 0:
                return code
            deaths = 1 if clock() - began > HEALTHY_SECONDS else deaths + 1
            log.warning("worker process %d ended with %d", child.pid, code)
            if deaths >= MOST_DEATHS or code in self._final:
                return code
            pause = RESTART_SECONDS * 2 ** (deaths - 1)


async def parent_gone() -> None:
    """In a child: return once the parent process has ended; never when it was not started by a `Cluster`."""
    if os.environ.get("ACRAWL_PARENT") != "stdin":
        await asyncio.get_running_loop().create_future()
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()
