"""Taking the seeds from the spider, at the pace of the crawl, so that a restart goes on where it was."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from acrawl.errors import AcrawlError, CrawlFailed, SpiderError
from acrawl.frontier.base import Frontier
from acrawl.frontier.gate import ScopeGate
from acrawl.request import Request, Sealed, seal
from acrawl.spelling import Spelling
from acrawl.spider import Spider
from acrawl.url import canonical, site_of

log = logging.getLogger(__name__)

#: Seeds that are committed together at most.
BATCH = 200
#: Seeds do not wait longer than this for the spider to give more of them.
COMPANY = 0.2
#: While so many requests are queued, no more seeds are taken: a spider may have a billion.
ENOUGH = 20_000


def gate_of(spider: Spider) -> ScopeGate:
    """What belongs to the spider's crawl, around its ``start_urls`` to begin with.

    A resumed crawl must know its scope before its seeds are taken again. Raises `SettingsError` and `SpiderError`.
    """
    settings = spider.settings
    for name in ("start_urls", "allowed_domains"):
        if isinstance(given := getattr(spider, name), str):
            raise SpiderError(f"{type(spider).__name__}.{name} is one text; give a list: [{given!r}]")
    for domain in spider.allowed_domains:
        if not domain.startswith("[") and not {"/", ":"}.isdisjoint(domain):
            log.warning("allowed_domains: no host belongs to %r; write a domain, as example.org", domain)
    spelling, by_key = Spelling(settings.urls), settings.politeness.budget_by == "spider"
    gate = ScopeGate(settings.scope, spider.allowed_domains, spider.politeness_key if by_key else site_of)
    for url in spider.start_urls:
        gate.add_seed(spelling.address(canonical(url)))
    return gate


def extent(spider: Spider) -> str:
    """In words, what belongs to the crawl and which URLs are one: with another extent it is another crawl."""
    scope, urls = spider.settings.scope, spider.settings.urls
    said = [scope.within, *spider.allowed_domains]
    for section, names in ((scope, ("allow", "deny")), (urls, urls.__struct_fields__)):
        given = {name: getattr(section, name) for name in names if getattr(section, name)}
        said += [f"{name}={msgspec.json.encode(value).decode()}" for name, value in given.items()]
    return " ".join(said)


async def plant(spider: Spider, frontier: Frontier, gate: ScopeGate, secret: bytes, *, again: bool = False) -> None:
    """Bring every seed of ``spider.start()`` into the frontier, skipping those a former life has taken.

    ``again``: in a further visit, for which those that are known are queued already, though they ask for no filter.
    Returns when they are exhausted. Raises `CrawlFailed` when ``start()`` raises: it can be mended and resumed.
    """
    taken = await frontier.seeds()
    bed = _Bed(frontier)
    spelling = Spelling(spider.settings.urls)
    regularly = asyncio.create_task(bed.flush_regularly())
    try:
        async for request in _started(spider):
            gate.add_seed(spelling.address(request.url))
            bed.ordinal += 1
            if bed.ordinal % BATCH == 0:  # a former life's seeds are passed over without any other wait
                await asyncio.sleep(0)
            if taken is not None and bed.ordinal > taken:
                bed.batch.append(_sealed(request.replace(dont_filter=False) if again else request, secret, spelling))
            if len(bed.batch) >= BATCH:
                await bed.flush()
                while (await frontier.snapshot()).queued > ENOUGH:  # noqa: ASYNC110 - the frontier tells nobody
                    await asyncio.sleep(0.2)
            if regularly.done():
                regularly.result()  # raises what ended it
        async with bed.turn:  # not in the middle of a batch
            regularly.cancel()
    finally:
        regularly.cancel()
    await bed.flush()
    if not bed.ordinal:
        log.warning("%s has nothing to begin with: start_urls is empty, and start() gave none", type(spider).__name__)
    if taken is not None:
        await frontier.seeds_exhausted()


class _Bed:
    """Seeds on their way: ``batch`` are those up to ``ordinal`` that the frontier has not yet."""

    def __init__(self, frontier: Frontier) -> None:
        self.ordinal = 0
        self.batch: list[Sealed] = []
        self.turn = asyncio.Lock()
        self._frontier = frontier

    async def flush(self) -> None:
        async with self.turn:
            if self.batch:
                batch, self.batch = self.batch, []
                await self._frontier.add(batch, seeds=self.ordinal)

    async def flush_regularly(self) -> None:
        """Never returns. For spiders that find their seeds one by one, and slowly."""
        while True:
            await asyncio.sleep(COMPANY)
            await self.flush()


def _sealed(request: Request, secret: bytes, spelling: Spelling) -> Sealed:
    # A seed was asked for by name: no scope keeps it out.
    return seal(request if request.allow_offsite else request.replace(allow_offsite=True), secret, spelling)


async def _started(spider: Spider) -> AsyncIterator[Request]:
    try:
        made: Any = spider.start()
        if hasattr(made, "__aiter__"):
            async for request in made:
                yield _checked(request)
        else:
            for request in made:
                yield _checked(request)
    except AcrawlError:  # a wrong URL names itself
        raise
    except Exception as error:  # the user's code: nothing is lost, the crawl ends and can be resumed
        raise CrawlFailed(f"{type(spider).__name__}.start() failed: {type(error).__name__}: {error}") from error


def _checked(request: object) -> Request:
    if isinstance(request, str):
        return Request(request)
    if not isinstance(request, Request):
        raise CrawlFailed(f"start() gave {type(request).__name__} {str(request)[:80]!r}; it must give requests")
    return request
