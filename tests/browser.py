"""A real chromium, driven over its DevTools websocket: open a page, ask it something."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pathlib
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
)


class Page:
    """One open page. ``evaluate`` returns what an expression gives, promises awaited; ``console`` is what it logged."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._calls = 0
        self.console: list[str] = []

    async def call(self, method: str, **parameters: Any) -> Any:
        self._calls += 1
        await self._socket.send_json({"id": self._calls, "method": method, "params": parameters})
        while True:
            message = await self._socket.receive_json(timeout=20)
            if message.get("method") == "Log.entryAdded":
                entry = message["params"]["entry"]
                if not entry.get("url", "").endswith("/favicon.ico"):  # asked for though no page names it
                    self.console.append(entry["text"])
            if message.get("id") == self._calls:
                assert "error" not in message, message
                return message["result"]

    async def evaluate(self, expression: str) -> Any:
        answer = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def open(self, url: str) -> None:
        await self.call("Log.enable")
        await self.call("Page.navigate", url=url)
        async with asyncio.timeout(20):
            while not await self.evaluate("document.readyState === 'complete' && location.href !== 'about:blank'"):
                await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def browser() -> AsyncIterator[Page]:
    """Start chromium with a fresh profile and open an empty page; nothing of it is left afterwards."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert program, "chromium is missing: apt-get install chromium (or leave these tests out: -m 'not browser')"
    profile = pathlib.Path(tempfile.mkdtemp(prefix="acrawl-chromium-"))
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        program, *FLAGS, f"--user-data-dir={profile}", "about:blank", stdout=quiet, stderr=quiet, start_new_session=True
    )
    try:
        port = await _port(profile / "DevToolsActivePort", process)
        async with aiohttp.ClientSession() as session:
            async with session.put(f"http://127.0.0.1:{port}/json/new?about:blank") as answer:
                target = await answer.json(content_type=None)
            async with session.ws_connect(target["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                yield Page(socket)
    finally:
        with contextlib.suppress(ProcessLookupError):  # it ended by itself
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        shutil.rmtree(profile, ignore_errors=True)


async def _port(file: pathlib.Path, process: asyncio.subprocess.Process) -> int:
    async with asyncio.timeout(30):
        while True:
            assert process.returncode is None, "chromium ended at once"
            with contextlib.suppress(FileNotFoundError, IndexError):  # not written yet
                return int(file.read_text().split()[0])
            await asyncio.sleep(0.02)
