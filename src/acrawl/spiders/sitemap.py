"""Crawling by sitemaps: `SitemapSpider`, and `Sitemaps` for spiders that read them beside their pages."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import datetime
from typing import Any

from acrawl.parse.dates import moment
from acrawl.parse.robots import sitemaps
from acrawl.parse.sitemap import INDEX, Sitemap, SitemapEntry
from acrawl.request import Request
from acrawl.response import Failure, Response
from acrawl.spider import Spider
from acrawl.url import canonical, host_of, join

log = logging.getLogger(__name__)

#: Where sitemaps lie of which robots.txt says nothing: asked for one after the other, until one is there.
PLACES = ("/sitemap.xml", "/sitemap_index.xml", "/sitemap.xml.gz", "/sitemap.txt")
#: Bytes of a sitemap: the protocol allows 52,428,800, and some are a little longer.
MAX_BODY = 64 << 20
#: Indexes below each other; the protocol allows one.
MAX_LEVEL = 5
#: Sitemaps that a worker warns of; of the others it tells at level INFO.
_MOST_WARNINGS = 20


class Sitemaps:
    """Finds and reads the sitemaps of hosts; mix it into a spider and say in `from_sitemap` what comes of an entry.

    ``sitemap_follow`` are regular expressions for the sitemaps of an index that are read. With ``since`` only entries
    are taken that were changed then or later; of an index, those without a date, too.
    """

    sitemap_follow: Iterable[str | re.Pattern[str]] = ("",)
    since: str | datetime | None = None
    _warnings = 0

    def from_sitemap(self, entry: SitemapEntry, response: Response) -> Iterable[Any]:
        """Give requests and items for one entry of a sitemap that is no index."""
        raise NotImplementedError(f"{type(self).__name__} has no from_sitemap()")

    def sitemap_filter(self, entries: Iterator[SitemapEntry]) -> Iterable[Any]:
        """Give those entries that are to be taken, of indexes, too. ``entry["loc"]`` works as well as ``entry.url``."""
        return entries

    def sitemap_entries(self, sitemap: Sitemap, *, index: bool) -> Iterator[Any]:
        """Give the entries that ``since`` lets through, in the form in which `sitemap_filter` gets them."""
        since = since_of(self.since)
        if since is None:
            yield from sitemap
            return
        for entry in sitemap:
            changed = entry.lastmod
            if changed is None:
                if index:
                    yield entry
            elif changed >= since or (changed.date() >= since.date() and ":" not in entry.texts.get("lastmod", "")):
                yield entry  # a day without a time may mean its last minute

    def sitemap_requests(self, urls: Iterable[str]) -> Iterator[Request]:
        """Ask for the sitemaps of the hosts of these URLs: one request a host, for `Spider.start` or from a callback.

        Those that its robots.txt names are read, else those in the usual places. None of them counts as a step away
        from the seed.
        """
        for host in dict.fromkeys(host_of(canonical(url)) for url in urls):
            yield self._robots_request(f"{host}/robots.txt")

    def _robots_request(self, url: str) -> Request:
        return Request(url, "_parse_robots", errback="_robots_failed", allow_offsite=True)

    def _sitemap_request(self, url: str, response: Response | None, level: int = 0, **fields: Any) -> Request:
        if response is not None:
            fields |= {"referrer": response.url, "depth": depth_below(response.request)}
        return Request(
            url,
            "_parse_sitemap",
            errback="_sitemap_failed",
            max_body=MAX_BODY,
            cb_kwargs={"level": level} if level else {},
            **fields,
        )

    def _parse_robots(self, response: Response) -> Iterator[Request]:
        found = sitemaps(response.body, response.url)
        for url in found:  # they may lie at other hosts
            yield self._sitemap_request(url, response, allow_offsite=True)
        if not found:
            yield self._guess(response.request, 0)

    def _robots_failed(self, failure: Failure) -> Iterator[Request]:
        yield self._guess(failure.request, 0)

    def _guess(self, asked: Request, place: int) -> Request:
        return Request(
            asked.host + PLACES[place],
            "_parse_guess",
            errback="_guess_failed",
            max_body=MAX_BODY,
            referrer=asked.url,
            depth=depth_below(asked),
            allow_offsite=True,
            cb_kwargs={"place": place},
        )

    def _parse_guess(self, response: Response, place: int) -> Iterator[Any]:
        sitemap = _opened(response)
        if sitemap.kind:
            yield from self._read(sitemap, response, 0)
        else:
            yield from self._next_guess(response.request, place)

    def _guess_failed(self, failure: Failure, place: int) -> Iterator[Request]:
        yield from self._next_guess(failure.request, place)

    def _next_guess(self, asked: Request, place: int) -> Iterator[Request]:
        if place + 1 < len(PLACES):
            yield self._guess(asked, place + 1)
        else:
            self._warn("%s: no sitemap is named in robots.txt or lies at %s", asked.host, ", ".join(PLACES))

    def _parse_sitemap(self, response: Response, level: int = 0) -> Iterator[Any]:
        sitemap = _opened(response)
        if not sitemap.kind:
            self._warn("%s is no sitemap: it gives nothing", response.url)
        yield from self._read(sitemap, response, level)

    def _sitemap_failed(self, failure: Failure, level: int = 0) -> None:
        why = f"{failure.reason}: {failure.detail}".rstrip(": ")
        self._warn("the sitemap %s could not be had: %s", failure.request.url, why)

    def _read(self, sitemap: Sitemap, response: Response, level: int) -> Iterator[Any]:
        index = sitemap.kind == INDEX
        entries = self.sitemap_filter(self.sitemap_entries(sitemap, index=index))
        if not index:
            for entry in entries:
                yield from self.from_sitemap(entry, response)
        elif level < MAX_LEVEL:
            yield from self._below(entries, response, level + 1)
        else:
            self._warn("%s is an index, %d levels deep: it is not read", response.url, level + 1)
        if sitemap.cut:
            self._warn("%s: the rest was left out: %s", response.url, sitemap.cut)

    def _below(self, entries: Iterable[Any], response: Response, level: int) -> Iterator[Request]:
        patterns = [re.compile(pattern) for pattern in self.sitemap_follow]
        host = host_of(response.url)
        for entry in entries:
            url = join(response.url, entry["loc"])
            if url is not None and any(pattern.search(url) for pattern in patterns):
                # An index that was read although it lies outside of the scope may name its neighbours.
                allowed = response.request.allow_offsite and host_of(url) == host
                yield self._sitemap_request(url, response, level, allow_offsite=allowed)

    def _warn(self, text: str, *values: object) -> None:
        self._warnings += 1
        log.log(logging.WARNING if self._warnings <= _MOST_WARNINGS else logging.INFO, text, *values)
        if self._warnings == _MOST_WARNINGS:
            log.warning("further sitemaps like these are told of at level INFO only")


class SitemapSpider(Sitemaps, Spider):
    """Crawls what sitemaps name; as Scrapy's.

    ``sitemap_urls`` are sitemaps, indexes, or robots.txt files that name them. Without any, the sitemaps of the hosts
    of ``start_urls`` are looked for. ``sitemap_rules`` are pairs of a regular expression and a callback: the first that
    is found in a URL has it, and a URL without one is passed over. With ``sitemap_alternate_links`` the pages in other
    languages are taken, too; with ``sitemap_priority`` a page of priority 1.0 goes before one of 0.5. Arguments
    (``-a``) may give ``sitemap_urls`` and ``start_urls``, separated by blanks, and ``since``.
    """

    sitemap_urls: Iterable[str] = ()
    sitemap_rules: Iterable[tuple[str | re.Pattern[str], Any]] = (("", "parse"),)
    sitemap_alternate_links: bool = False
    sitemap_priority: bool = False

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        for name in {"start_urls", "sitemap_urls"} & arguments.keys():
            setattr(self, name, arguments[name].split())
        since_of(self.since)  # what is wrong is told before anything begins
        self._rules = [(_compiled(pattern), callback) for pattern, callback in self.sitemap_rules]
        for _, callback in self._rules:
            if isinstance(callback, str) and not callable(getattr(self, callback, None)):
                raise ValueError(f"sitemap_rules name {callback!r}, and {type(self).__name__} has no such method")
        for pattern in self.sitemap_follow:
            _compiled(pattern)

    async def start(self) -> AsyncIterator[Request]:
        """See `Spider.start`."""
        named = [canonical(url) for url in self.sitemap_urls]
        for url in named:
            yield self._robots_request(url) if url.endswith("/robots.txt") else self._sitemap_request(url, None)
        if not named:
            for request in self.sitemap_requests(self.start_urls):
                yield request

    def from_sitemap(self, entry: Any, response: Response) -> Iterator[Request]:
        """Make a request for the page, by the first of ``sitemap_rules`` that fits."""
        urls = [entry["loc"]]
        if self.sitemap_alternate_links and "alternate" in entry:
            urls += entry["alternate"]
        priority = self._priority(entry) if self.sitemap_priority else 0
        depth = depth_below(response.request)
        for url in urls:
            for pattern, callback in self._rules:
                if pattern.search(url):
                    yield Request(url, callback, priority=priority, referrer=response.url, depth=depth)
                    break

    @staticmethod
    def _priority(entry: Any) -> int:
        given = entry.priority if isinstance(entry, SitemapEntry) else None
        return 0 if given is None else round(10 * (given - 0.5))  # 0.5 is the protocol's default


def depth_below(request: Request) -> int:
    """The depth of what a sitemap or a robots.txt names: they are no step away from the seed."""
    return max(1, request.depth)


def since_of(since: str | datetime | None) -> datetime | None:
    """Read a date of ``since``. Raises ValueError for what is none."""
    if since is None or since == "":
        return None
    found = moment(since.isoformat() if isinstance(since, datetime) else since)
    if found is None:
        raise ValueError(f"since={since!r} is no date: write 2024-05-01 or 2024-05-01T10:00:00+02:00")
    return found


def _compiled(pattern: str | re.Pattern[str]) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} in sitemap_rules or sitemap_follow is no regular expression: {error}") from None


def _opened(response: Response) -> Sitemap:
    return Sitemap(response.content.source, response.url, response.content_type_header)
