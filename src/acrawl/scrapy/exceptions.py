"""Scrapy's exceptions. Those of Twisted that errbacks ask for are the same classes by their Twisted names."""

from __future__ import annotations

from acrawl.errors import CloseSpider, DropItem, IgnoreRequest, UsageError

__all__ = [
    "CannotResolveHostError",
    "CloseSpider",
    "ConnectionLost",
    "ConnectionRefusedError",
    "DNSLookupError",
    "DontCloseSpider",
    "DownloadConnectionRefusedError",
    "DownloadFailedError",
    "DownloadTimeoutError",
    "DropItem",
    "IgnoreRequest",
    "NotConfigured",
    "NotSupported",
    "ResponseFailed",
    "ResponseNeverReceived",
    "TCPTimedOutError",
    "TimeoutError",
    "UsageError",
]


class NotSupported(Exception):
    """What there is not here; the message says what to do in its place."""

    def __init__(self, what: str, instead: str) -> None:
        super().__init__(f"{what} is not here: {instead} (docs/from-scrapy.md)")


class NotConfigured(Exception):
    """Raised by a component that is not to be used."""


class DontCloseSpider(Exception):
    """Raised by handlers of ``spider_idle``, a signal that is never sent here."""


class CannotResolveHostError(Exception):
    """The name of the host could not be resolved."""


class DownloadTimeoutError(Exception):
    """It took too long."""


class DownloadConnectionRefusedError(Exception):
    """The host refused the connection."""


class DownloadFailedError(Exception):
    """No answer came, or not all of one."""


DNSLookupError = CannotResolveHostError
TimeoutError = TCPTimedOutError = DownloadTimeoutError  # noqa: A001 - Twisted's names
ConnectionRefusedError = DownloadConnectionRefusedError  # noqa: A001
ConnectionLost = ResponseFailed = ResponseNeverReceived = DownloadFailedError
