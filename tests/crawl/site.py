"""A small web site in a thread of its own: what it was asked for, and when, can be read at any time.

It runs beside the test and not in its loop, so that a test may simply wait for the processes that crawl it.
"""

from __future__ import annotations

import asyncio
import collections
import threading
import time
from collections.abc import Iterable

from aiohttp import web

import server


class LiveSite:
    """A site of fixed answers. Use as a context manager.

    ``log`` is every request but those for robots.txt, as (path with query, time), in order of arrival. ``delay`` is
    how many seconds an answer takes (robots.txt: none), ``busiest`` how many requests were there at once. ``sent``
    counts the bytes of all bodies, ``unchanged`` the answers 304.
    """

    def __init__(self, delay: float = 0.0) -> None:
        self.delay = delay
        self.origin = ""
        self.log: list[tuple[str, float]] = []
        self.busiest = 0
        self.sent = 0
        self.unchanged = 0
        self._busy = 0
        self._answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self._news = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="site", daemon=True)
        self._up = threading.Event()
        self._ending = asyncio.Event()

    def add(
        self, path: str, body: str | bytes, content_type: str = "text/html", *, status: int = 200, **headers: str
    ) -> str:
        """Answer with ``body`` at ``path``; the name ``retry_after`` means Retry-After. Returns the URL.

        With an ``etag`` who has it already is told so (304).
        """
        found = {"Content-Type": content_type} | {name.replace("_", "-"): text for name, text in headers.items()}
        self._answers[path] = status, found, body.encode() if isinstance(body, str) else body
        return self.url(path)

    def page(self, path: str, links: Iterable[str] = (), text: str = "") -> str:
        """Answer with a page that names ``links``."""
        anchors = "".join(f'<p><a href="{link}">{link}</a></p>' for link in links)
        return self.add(path, f"<!doctype html><title>{path}</title><h1>{path}</h1>{text}{anchors}")

    def picture(self, path: str, n: int) -> str:
        """Answer with a picture whose bytes depend on ``n`` alone."""
        return self.add(path, server.png(n), "image/png")

    def url(self, path: str = "/") -> str:
        """The absolute URL of a path."""
        return self.origin + path

    @property
    def hits(self) -> collections.Counter[str]:
        """How often each path was asked for."""
        return collections.Counter(path for path, _ in list(self.log))

    @property
    def repeated(self) -> dict[str, int]:
        """The paths that were asked for more than once."""
        return {path: count for path, count in self.hits.items() if count > 1}

    def wait_for(self, requests: int, seconds: float = 30.0) -> None:
        """Wait until so many requests have arrived in all. Raises TimeoutError."""
        with self._news:
            if not self._news.wait_for(lambda: len(self.log) >= requests, seconds):
                raise TimeoutError(f"{len(self.log)} of {requests} requests after {seconds} s")

    # -- the thread

    def __enter__(self) -> LiveSite:
        self._thread.start()
        assert self._up.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join(10)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.05)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self._up.set()
        await self._ending.wait()
        await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        path = request.path_qs
        if path != "/robots.txt":
            with self._news:
                self.log.append((path, time.monotonic()))
                self._news.notify_all()
        self._busy += 1
        self.busiest = max(self.busiest, self._busy)
        try:
            if self.delay and path != "/robots.txt":
                await asyncio.sleep(self.delay)
        finally:
            self._busy -= 1
        status, headers, body = self._answers.get(path, (404, {"Content-Type": "text/plain"}, b"nothing here"))
        if "etag" in headers and request.headers.get("If-None-Match") == headers["etag"]:
            self.unchanged += 1
            return web.Response(status=304, headers=headers)
        self.sent += len(body)
        return web.Response(status=status, headers=headers, body=body)


def woods(site: LiveSite, pages: int) -> set[str]:
    """Grow ``pages`` pages below ``/``, each naming its two children, its parent and the root; returns their paths."""
    paths = ["/" if n == 0 else f"/page/{n}" for n in range(pages)]
    for n, path in enumerate(paths):
        children = [paths[child] for child in (2 * n + 1, 2 * n + 2) if child < pages]
        site.page(path, [*children, paths[(n - 1) // 2] if n else "/", "/"])
    return set(paths)
