"""A server that takes items as POSTs of JSON: at least once, each with the id by which it may know it again.

::

    POST /hook
    Content-Type: application/json

    {"items": [{"item_id": "...", "item": {...}}, ...]}

Any 2xx takes them. A server that cannot be reached, is busy (429) or broken (5xx) is asked again for two minutes, as
Retry-After says where it is there (RFC 9110, 10.2.3); any other answer ends the crawl at once. Before the crawl begins
one POST without items shows whether there is such a server. Proxies are taken from the environment.
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
from acrawl.version import VERSION

log = logging.getLogger(__name__)

#: Bytes of one POST, unless one item alone is longer; seconds for each.
MAX_BODY = 1 << 20
_TIMEOUT = aiohttp.ClientTimeout(total=60, connect=10)
_HEADERS = {"Content-Type": "application/json", "User-Agent": f"acrawl/{VERSION}"}
_BUSY = frozenset({408, 425, 429})


class _Refused(Exception):
    """The server did not take it. ``later`` are seconds to wait before it is asked again; None where that is no use."""

    def __init__(self, text: str, later: float | None) -> None:
        super().__init__(text)
        self.later = later


class WebhookFeed:
    """See `acrawl.results.base.Feed`. Not exact: after a crash items may be sent again, with the same ids."""

    def __init__(self, url: str, patience: Patience | None = None) -> None:
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
        self._loop = asyncio.new_event_loop()
        self._session: aiohttp.ClientSession | None = None

    def check(self) -> None:
        """Send no items. Raises `EnvironmentProblem` when the server does not take even these."""
        try:
            self._loop.run_until_complete(self._post(_body([])))
        except _Refused as error:  # nothing has begun
            raise EnvironmentProblem(f"-o {self.name}: {error}") from None

    def write(self, rows: Sequence[Row]) -> list[Unfit]:
        """See `acrawl.results.base.Feed.write`."""
        unfit: list[Unfit] = []
        waiting: list[bytes] = []
        length = 0
        for place, row in enumerate(rows):
            try:
                one = b'{"%s":%s,"item":%s}' % (
                    KEY.encode(),
                    msgspec.json.encode(row.id),
                    json_text(row.value).encode(),
                )
            except ValueError as error:  # handed back and recorded as failed
                unfit.append((place, f"JSON cannot hold it: {error}"))
                continue
            if waiting and length + len(one) > MAX_BODY:
                self._send(waiting)
                waiting, length = [], 0
            waiting.append(one)
            length += len(one)
        if waiting:
            self._send(waiting)
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

    def _send(self, items: Sequence[bytes]) -> None:
        body = _body(items)
        while True:
            try:
                self._loop.run_until_complete(self._post(body))
            except _Refused as error:  # sent again, or all of the batch stays in the outbox
                log.warning("%s: %s", self.name, error)
                if error.later is None or not self._patience.wait(error.later):
                    raise CrawlFailed(
                        f"the feed {self.name} does not take items: {error}; mend it and resume"
                    ) from None
            else:
                self._patience.renew()
                return

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
            raise _Refused(f"it answered {status}", _seconds(after) if again else None)


def opened(url: str) -> WebhookFeed:
    """Return a feed whose server has answered. Raises `UsageError`, `EnvironmentProblem`."""
    feed = WebhookFeed(url)
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
