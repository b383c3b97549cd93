"""The base of spiders written for Scrapy: translates what their callbacks get and what they give."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from typing import Any, Self

import acrawl.response as core
import acrawl.spider
from acrawl.errors import CrawlFailed, SpiderError
from acrawl.request import Request as CoreRequest
from acrawl.scrapy.crawler import Crawler
from acrawl.scrapy.failure import Failure
from acrawl.scrapy.http import Request, Response
from acrawl.scrapy.pipelines import media_of, without_media
from acrawl.scrapy.settings import Settings, turned
from acrawl.scrapy.signals import spider_closed, spider_opened
from acrawl.scrapy.utils.project import get_project_settings
from acrawl.settings import Settings as CoreSettings
from acrawl.worker.callbacks import produced

#: Attributes of a spider that are settings.
_ATTRIBUTES = {
    "download_delay": "DOWNLOAD_DELAY",
    "download_maxsize": "DOWNLOAD_MAXSIZE",
    "download_timeout": "DOWNLOAD_TIMEOUT",
    "max_concurrent_requests": "CONCURRENT_REQUESTS_PER_DOMAIN",
    "user_agent": "USER_AGENT",
}

log = logging.getLogger(__name__)


class Spider(acrawl.spider.Spider):
    """See `acrawl.Spider`; this one has what Scrapy's has."""

    crawler: Crawler
    settings: Settings

    def __init__(self, name: str | None = None, **kwargs: Any) -> None:
        if name is not None:
            self.name = name
        self.__dict__.update(kwargs)
        if self.start_urls == ():  # something to append to
            self.start_urls = []

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """Make the spider; what overrides this calls it."""
        spider = cls(*args, **kwargs)
        spider._set_crawler(crawler)
        return spider

    @classmethod
    def made(cls, arguments: Mapping[str, str], settings: CoreSettings) -> Self:
        """See `acrawl.Spider.made`."""
        own = _given(cls)
        crawler = Crawler(cls, Settings.of(settings, own))
        spider = cls.from_crawler(crawler, **arguments)
        spider._set_crawler(crawler)
        crawler.spider = spider
        spider.name = spider.name or cls.__name__.lower()
        spider._adapt(own)
        crawler.signals.send(spider_opened, spider=spider)
        return spider

    @classmethod
    def own_settings(cls) -> Mapping[str, Any]:
        """See `acrawl.Spider.own_settings`."""
        return turned(_given(cls))

    def log(self, message: object, level: int = logging.DEBUG, **kw: Any) -> None:
        """Log a line."""
        self.logger.log(level, message, **kw)

    async def start(self) -> AsyncIterator[Any]:
        """Yield the first requests: those of `start_requests`."""
        for request in self.start_requests():
            yield request

    def start_requests(self) -> Iterable[Any]:
        """Yield the first requests, one for each of ``start_urls``."""
        for url in self.start_urls:
            yield Request(url)

    def find_callback(self, name: str | None) -> Callable[..., Any]:
        """See `acrawl.Spider.find_callback`; the callback is one of Scrapy's."""
        return functools.partial(self._called, super().find_callback(name))

    # -- inside

    def _set_crawler(self, crawler: Crawler) -> None:
        self.crawler = crawler
        self.settings = crawler.settings

    def _adapt(self, own: dict[str, Any]) -> None:
        """Take from the settings what belongs to requests, and stand between the master and the user's methods."""
        settings = self.settings
        self._headers = {str(name): str(value) for name, value in settings.getdict("DEFAULT_REQUEST_HEADERS").items()}
        self.handle_httpstatus_list = [
            *(self.handle_httpstatus_list or ()),
            *settings.getlist("HTTPERROR_ALLOWED_CODES"),
        ]
        self._defaults: dict[str, Any] = {}
        if any(300 <= status < 400 for status in self.handle_httpstatus_list):
            self._defaults["handle_httpstatus_list"] = list(self.handle_httpstatus_list)
        if settings.getbool("HTTPERROR_ALLOW_ALL"):
            self._defaults["handle_httpstatus_all"] = True
        if not settings.getbool("REDIRECT_ENABLED", True):
            self._defaults["dont_redirect"] = True
        self.allowed_domains = list(self.allowed_domains or ())
        self._media = media_of(own)
        self.custom_settings = without_media(own)  # type: ignore[misc]
        self.start = functools.partial(self._started, self.start)  # type: ignore[method-assign]
        self.closed = functools.partial(self._ended, self.closed)  # type: ignore[method-assign]

    async def _started(self, start: Callable[[], Any]) -> AsyncIterator[CoreRequest]:
        async for one in produced(start()):
            request = self._travelling(one) if isinstance(one, CoreRequest | str) else one
            if request is not None and not isinstance(request, CoreRequest):
                raise CrawlFailed(f"{self.name}: start gave an item; give it in a callback (docs/from-scrapy.md)")
            if request is not None:
                yield request

    def _ended(self, closed: Callable[[str], Any], reason: str) -> None:
        closed(reason)
        self.crawler.signals.send(spider_closed, spider=self, reason=reason)

    def _called(self, callback: Callable[..., Any], argument: core.Response | core.Failure, **cb_kwargs: Any) -> Any:
        if getattr(callback, "__module__", "").startswith("acrawl.spiders."):
            made = callback(argument, **cb_kwargs)  # one of acrawl's own, which takes what acrawl gives
        elif isinstance(argument, core.Response):
            made = callback(Response.of(argument), **cb_kwargs)
        else:
            made = callback(Failure.of(argument))
        if inspect.isgenerator(made) or isinstance(made, list | tuple):
            return self._each(made)
        return None if made is None else self._each_async(made)

    def _each(self, made: Iterable[Any]) -> Iterator[Any]:
        for one in made:
            yield from self._given(one)

    async def _each_async(self, made: Any) -> AsyncIterator[Any]:
        async for one in produced(made):
            for given in self._given(one):
                yield given

    def _given(self, one: Any) -> Iterator[Any]:
        if isinstance(one, CoreRequest):
            yield self._travelling(one)
            return
        yield one
        if self._media and one is not None:
            yield from self._media(one)

    def _travelling(self, one: CoreRequest | str) -> CoreRequest | None:
        """Return what goes on the journey in the place of a request; None for what cannot be asked for."""
        request = Request(one) if isinstance(one, str) else one
        if not isinstance(request, Request):
            return request
        if not request.is_http:
            log.debug("passed over: %s is no http(s) URL", request.url[:200])
            return None
        return request.core(self._headers, **self._defaults)


def _given(cls: type[Spider]) -> dict[str, Any]:
    """The settings that come with a spider: of its project, its attributes, and its own. Raises `SpiderError`."""
    try:
        project = get_project_settings()
    except Exception as error:  # the user's module level code: nothing has begun, nothing is lost
        raise SpiderError(f"the settings of the Scrapy project here cannot be read: {error}") from error
    by_attribute = {name: getattr(cls, attribute) for attribute, name in _ATTRIBUTES.items() if hasattr(cls, attribute)}
    return {**project, **by_attribute, **(cls.custom_settings or {})}
