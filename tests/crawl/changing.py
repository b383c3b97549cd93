"""A web site whose pages change between visits, and whose server takes conditions as its pages say."""

from __future__ import annotations

import email.utils
import http.server
import threading
from typing import Any

import msgspec


class Thing(msgspec.Struct):
    """What is at one path. ``habit`` is how its server takes conditions:

    ``obeys`` them; ``ignores`` them; says ``never`` (304 whatever is asked), ``other`` (304 of another version) or
    ``fails`` (412) to every condition.
    """

    body: bytes
    etag: str = ""
    modified: str = ""
    status: int = 200
    habit: str = "obeys"
    headers: dict[str, str] = {}
    type: str = "text/html"


class ChangingSite:
    """Use as a context manager. ``log`` is ``(path, status, conditions)`` of each request, in the order of arrival."""

    def __init__(self) -> None:
        self.things: dict[str, Thing] = {}
        self.log: list[tuple[str, int, tuple[str, ...]]] = []
        self.sent = 0
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def put(self, path: str, body: str | bytes, **more: Any) -> None:
        """Have this at a path from now on."""
        self.things[path] = Thing(body.encode() if isinstance(body, str) else body, **more)

    def url(self, path: str) -> str:
        return self.origin + path

    def asked(self) -> dict[str, tuple[int, tuple[str, ...]]]:
        """What was asked for since the last call, each once: path to status and names of conditions."""
        log, self.log = self.log, []
        found = {path: (status, conditions) for path, status, conditions in log}
        self.twice = sorted(path for path in found if sum(path == other for other, *_ in log) > 1)
        return found

    def __enter__(self) -> ChangingSite:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """A client that was killed is none."""


def _handler(site: ChangingSite) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            thing = site.things.get(self.path) or Thing(b"nothing", status=404)
            conditions = tuple(name for name in ("If-None-Match", "If-Modified-Since") if name in self.headers)
            status, tag = self._answer(thing, bool(conditions))
            site.log.append((self.path, status, conditions))
            body = b"" if status == 304 else thing.body
            site.sent += len(body)
            self.send_response(status)
            for name, value in {"ETag": tag, "Last-Modified": thing.modified, **thing.headers}.items():
                if value:
                    self.send_header(name, value)
            if status != 304:
                self.send_header("Content-Type", thing.type)
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _answer(self, thing: Thing, conditional: bool) -> tuple[int, str]:
            if thing.habit == "never":
                return 304, thing.etag
            if not conditional or thing.status != 200 or thing.habit == "ignores":
                return thing.status, thing.etag
            if thing.habit == "other":
                return 304, '"another"'
            if thing.habit == "fails":
                return 412, thing.etag
            return (304 if self._holds(thing) else 200), thing.etag

        def _holds(self, thing: Thing) -> bool:
            tags = self.headers.get("If-None-Match")  # it goes first (RFC 9110, 13.2.2), and compares weakly
            if tags is not None:
                return thing.etag.removeprefix("W/") in [tag.strip().removeprefix("W/") for tag in tags.split(",")]
            since, modified = map(_moment, (self.headers.get("If-Modified-Since", ""), thing.modified))
            return since is not None and modified is not None and modified <= since

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    return Handler


def _moment(text: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(text).timestamp()
    except ValueError:
        return None
