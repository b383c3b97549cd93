"""What an errback gets: the exception that stands for why a request failed, and the request."""

from __future__ import annotations

import acrawl.response as core
from acrawl.scrapy.exceptions import (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
)
from acrawl.scrapy.http import Request, Response
from acrawl.scrapy.spidermiddlewares.httperror import HttpError

_KINDS = {
    "dns": CannotResolveHostError,
    "refused": DownloadConnectionRefusedError,
    "timeout": DownloadTimeoutError,
}


class Failure:
    """Why a request failed for good: ``value`` is the exception, ``reason`` acrawl's word for it."""

    def __init__(self, value: BaseException, request: Request | None = None, reason: str = "") -> None:
        self.value = value
        self.type = type(value)
        self.request = request
        self.reason = reason

    @classmethod
    def of(cls, failure: core.Failure) -> Failure:
        """Return what an errback of Scrapy's expects in the place of a failure."""
        request = Request.of(failure.request)
        if failure.response is not None:
            response = Response.of(failure.response)
            return cls(HttpError(response, f"Ignoring non-200 response: {failure.reason}"), request, failure.reason)
        kind = _KINDS.get(failure.reason, DownloadFailedError)
        return cls(kind(f"{failure.reason}: {failure.detail}".rstrip(": ")), request, failure.reason)

    def __repr__(self) -> str:
        return f"<Failure {self.type.__name__}: {self.value}>"

    def check(self, *types: type[BaseException] | str) -> type[BaseException] | str | None:
        """Return the first of the types that the exception is of, None where it is of none of them."""
        names = {f"{each.__module__}.{each.__qualname__}" for each in self.type.__mro__}
        for each in types:
            if each in names if isinstance(each, str) else issubclass(self.type, each):
                return each
        return None

    def trap(self, *types: type[BaseException] | str) -> type[BaseException] | str:
        """Return what `check` does; raise the exception where that is None."""
        found = self.check(*types)
        if found is None:
            raise self.value
        return found

    def getErrorMessage(self) -> str:  # noqa: N802 - Twisted's name
        """The exception's text."""
        return str(self.value)

    def getTraceback(self) -> str:  # noqa: N802 - Twisted's name
        """What is known, in one line: the network has no traceback to show."""
        return repr(self)
