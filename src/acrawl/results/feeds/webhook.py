"""A server that takes items as POSTs of JSON: at least once, each with the id by which it may know it again.

::

    POST /hook
    Content-Type: application/json

    {"items": [{"item_id": "...", "item": {...}}, ...]}

Any 2xx takes them. A server that cannot be reached, is busy (429) or broken (5xx) is asked again for a while, as
Retry-After says where it is there (RFC 9110, 10.2.3); one for which a POST is too large (413) is sent smaller ones; any
other answer ends the crawl at once. Before the crawl begins one POST without items shows whether there is such a
server. Proxies are taken from the environment.
"""

from __future__ import annotations

import asyncio
import email.utils
import logging
import os
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

import aiohttp
import msgspec

from acrawl.errors import CrawlFailed, EnvironmentProblem, UsageError
from acrawl.results.base import Row, Unfit
from acrawl.results.feeds.patience import Patience
from acrawl.results.feeds.spec import shown
from acrawl.results.feeds.table import KEY, json_text
from acrawl.results.feeds.values import plain
from acrawl.version import VERSION

log = logging.getLogger(__name__)

#: Bytes of one POST, unless one item alone is longer; its items; seconds for each.
MAX_BODY, MAX_ITEMS = 1 << 20, 500
_TIMEOUT = aiohttp.ClientTimeout(total=60, connect=10)
_HEADERS = {"Content-Type": "application/json", "User-Agent": f"acrawl/{VERSION}"}
_BUSY = frozenset({408, 425, 429})
_LARGE = 413


class _Refused(Exception):
    """The server did not take it. ``later`` are seconds to wait before it is asked again; None where that is no use.

    ``large``: it might take less of it.
    """

    def __init__(self, text: str, later: float | None, *, large: bool = False) -> None:
        super().__init__(text)
        self.later = later
        self.large = large


class WebhookFeed:
    """See `acrawl.results.base.Feed`. Not exact: after a crash items may be sent again, with the same ids."""

    def __init__(self, url: str, patience: Patience | None = None, fields: Sequence[str] = ()) -> None:
        """Raises `UsageError` for a URL that is none."""
        self.name = shown(url)
        try:
            parts = urlsplit(url)
            good = bool(parts.hostname) and parts.port != 0
        except ValueError:  # nothing has begun
            good = False
        if not good:
            raise UsageError(f"-o {self.name}: that is no URL; write https://host/path")
        self._url = url
        self._patience = patience or Patience()
        self._fields = fields
        self._most = MAX_BODY
        self._loop = asyncio.new_event_loop()
        self._session: aiohttp.ClientSession | None = None

    def check(self) -> None:
        """Send no items. Raises `EnvironmentProblem` when the server does not take even these."""
        try:
            self._loop.run_until_complete(self._post(_body([])))
        except _Refused as error:  # nothing has begun
            raise EnvironmentProblem(f"-o {self.name}: {error}") from None

    def write(self, rows: Sequence[Row]) -> list[Unfit]:
        """See `acrawl.results.base.Feed.write`. An item that is too large for the server all by itself is unfit."""
        ready: list[tuple[int, bytes]] = []
        unfit: list[Unfit] = []
        for place, row in enumerate(rows):
            try:
                ready.append((place, self._encoded(row)))
            except Exception as error:  # noqa: BLE001 - users' objects raise what they like: recorded as failed
                unfit.append((place, f"JSON cannot hold it: {error}"))
        start = 0
        while start < len(ready):
            end = self._room(ready, start)
            items = [data for _, data in ready[start:end]]
            if self._send(items):
                start = end
            elif len(items) > 1:
                self._most = sum(map(len, items)) // 2
                log.info("%s: its server takes no POST of that size: they are smaller from now on", self.name)
            else:
                unfit.append((ready[start][0], f"{self.name} takes no item of {len(items[0])} bytes (413)"))
                start = end
        return unfit

    def commit(self) -> dict[str, int]:
        """Nothing to do: the server has answered each POST, and nothing can be taken back."""
        return {}

    def finish(self) -> None:
        """Nothing: the server has all of it."""

    def close(self) -> None:
        """Close the connection. Idempotent."""
        if not self._loop.is_closed():
            if self._session is not None:
                self._loop.run_until_complete(self._session.close())
            self._loop.close()

    def _encoded(self, row: Row) -> bytes:
        """Raises whatever users' objects raise."""
        value = plain(row.value, self._fields) if self._fields else row.value
        return b'{"%s":%s,"item":%s}' % (KEY.encode(), msgspec.json.encode(row.id), json_text(value).encode())

    def _room(self, ready: Sequence[tuple[int, bytes]], start: int) -> int:
        """Where the POST ends that begins with an item: there is at least this one in it."""
        end, length = start + 1, len(ready[start][1])
        while end < min(len(ready), start + MAX_ITEMS) and length + len(ready[end][1]) <= self._most:
            length += len(ready[end][1])
            end += 1
        return end

    def _send(self, items: Sequence[bytes]) -> bool:
        """Send them until they are taken; returns False where they are too large. Raises `CrawlFailed`."""
        body = _body(items)
        while True:
            try:
                self._loop.run_until_complete(self._post(body))
            except _Refused as error:  # sent again, or all of the batch stays in the outbox
                if error.large:
                    return False
                log.warning("%s: %s", self.name, error)
                if error.later is None or not self._patience.wait(error.later):
                    raise CrawlFailed(
                        f"the feed {self.name} does not take items: {error}; mend it and resume"
                    ) from None
            else:
                self._patience.renew()
                return True

    async def _post(self, body: bytes) -> None:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=_TIMEOUT, headers=_HEADERS, cookie_jar=aiohttp.DummyCookieJar(), trust_env=True
            )
        try:
            async with self._session.post(self._url, data=body, allow_redirects=False) as answer:
                status, after = answer.status, answer.headers.get("Retry-After", "")
        except TimeoutError:  # told to the caller, who asks again
            raise _Refused(f"no answer within {_TIMEOUT.total:.0f} s", 0.0) from None
        except aiohttp.InvalidURL:  # told to the caller
            raise _Refused("that is no URL", None) from None
        except aiohttp.ClientConnectorDNSError:  # as above
            raise _Refused("cannot be reached: no such host", 0.0) from None
        except aiohttp.ClientConnectorError as error:  # as above; the texts of others may hold the URL
            why = os.strerror(error.os_error.errno) if error.os_error.errno else type(error).__name__
            raise _Refused(f"cannot be reached: {why}", 0.0) from None
        except (aiohttp.ClientError, OSError) as error:  # as above
            raise _Refused(f"the connection failed: {type(error).__name__}", 0.0) from None
        if not 200 <= status < 300:
            again = status >= 500 or status in _BUSY
            raise _Refused(f"it answered {status}", _seconds(after) if again else None, large=status == _LARGE)


def opened(url: str, fields: Sequence[str], patience: Patience) -> WebhookFeed:
    """Return a feed whose server has answered. Raises `UsageError`, `EnvironmentProblem`."""
    feed = WebhookFeed(url, patience, fields)
    try:
        feed.check()
    except BaseException:
        feed.close()
        raise
    return feed


def _body(items: Sequence[bytes]) -> bytes:
    return b'{"items":[%s]}' % b",".join(items)


def _seconds(after: str) -> float:
    """Read Retry-After: seconds, or a date (RFC 9110, 10.2.3); 0 for what is neither."""
    if after.strip().isdecimal():
        return float(after)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(after).timestamp() - time.time())
    except ValueError:  # then it is asked as the others are
        return 0.0
