"""One lease's way from request to outcome: fetch, judge, call back, collect."""

from __future__ import annotations

import inspect
import logging
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from acrawl.clock import Clock
from acrawl.errors import FetchError, IgnoreRequest, RequestError
from acrawl.fetch import Fetcher, retry
from acrawl.fetch.base import Exchange, FileStore
from acrawl.fetch.robots import lasts
from acrawl.outcome import EXCLUDED, FAILED, FETCHED, RETRY, HostFacts, Item, Outcome, Sighting, Sightings
from acrawl.parse.gist import gist, is_looked_at
from acrawl.parse.robots import encode
from acrawl.request import Request, seal, unseal
from acrawl.response import Failure, Response
from acrawl.spider import Spider
from acrawl.worker.callbacks import as_item, find, produced
from acrawl.worker.harvest import Harvest
from acrawl.worker.lanes import Work
from acrawl.worker.recent import RecentLinks
from acrawl.worker.tags import PageTags

log = logging.getLogger(__name__)
_encode = msgspec.msgpack.Encoder().encode

#: A robots.txt that cannot be had is asked for again after so many seconds, doubled with each try by the frontier.
ROBOTS_RETRY = 2.0
#: The ledger's word for an answer that was stored before, by `Response.cached`.
_CACHED = {"hit": "cached", "stale": "cached", "revalidated": "unchanged"}
#: Characters of a traceback or an error's text that are kept.
_MOST_TOLD = 20_000
#: Bytes of a page that is looked at for its gist; traps do not take the trouble to be large.
_MOST_LOOKED_AT = 4 << 20
#: Hosts whose addresses are remembered as told.
_MOST_ADDRESSES = 10_000


class Handler:
    """Turns leases into outcomes. Holds no state of its own but the recently reported links.

    ``on_part`` takes the parts of an outcome that is too large for one message.
    """

    def __init__(
        self, spider: Spider, fetcher: Fetcher, files: FileStore, secret: bytes, clock: Clock, recent: RecentLinks
    ) -> None:
        self.recent = recent
        self.on_part: Callable[[Outcome], Awaitable[None]] = _nobody
        self._spider = spider
        self._retry = spider.settings.retry
        self._fetcher = fetcher
        self._files = files
        self._secret = secret
        self._clock = clock
        self._by_address = spider.settings.politeness.budget_by == "address"
        self._told_noindex = False
        self._addresses: dict[str, str] = {}
        self._largest = spider.settings.queues.max_message // 2
        self._obeyed = frozenset(spider.settings.politeness.obey_robots_tags)
        self._product = spider.settings.fetch.user_agent.partition("/")[0].lower()
        self._wanted = frozenset(spider.handle_httpstatus_list)
        self._watched = spider.settings.traps.enabled

    async def handle(self, work: Work) -> tuple[Outcome, list[str]]:
        """Work on one lease; returns its outcome and the links in it, to be remembered once it is acknowledged.

        Never raises but for cancellation: whatever goes wrong is the outcome.
        """
        try:
            return await self._handle(work)
        except Exception:  # noqa: BLE001 - a defect of ours: the request ends as failed, the worker goes on
            text = told(traceback.format_exc())
            log.error("a request could not be handled\n%s", text)
            now = self._clock.now()  # it may have been sent
            seconds = now - work.started_at
            return Outcome(work.lease.token, FAILED, "defect", text, seconds=seconds, ago=work.ago(now)), []

    async def _handle(self, work: Work) -> tuple[Outcome, list[str]]:
        try:
            request = unseal(work.lease.url, work.lease.body)
        except (msgspec.DecodeError, RequestError) as error:  # ends as failed: no worker can read it
            return Outcome(work.lease.token, FAILED, "malformed-request", told(str(error))), []
        harvest = Harvest(work)
        if work.lease.robots:
            facts = await self._robots(work, request)
        else:
            facts = await self._page(work, request, harvest)
        now = self._clock.now()
        facts.setdefault("ago", work.ago(now))
        outcome = Outcome(
            work.lease.token,
            requests=harvest.requests,
            items=harvest.items,
            duplicates=harvest.duplicates,
            seconds=now - work.started_at,
            **facts,
        )
        return outcome, harvest.urls

    async def _robots(self, work: Work, request: Request) -> dict[str, Any]:
        answer = await self._fetcher.fetch_robots(
            request.url, opened=work.lane.open, spacing=work.lane.spacing, hops=work.lease.attempt - 1
        )
        if answer.leads:
            lead = HostFacts(leads=answer.leads)
            return {"status": FETCHED, "http_status": answer.http_status, "host": lead, "ago": answer.since}
        if answer.rules is None:
            if answer.reason == "stage":  # the ledger has no place for it, and without it nobody finds the mistake
                log.error("a stage failed on %s\n%s", request.url, told(answer.detail))
            status = FAILED if lasts(answer.reason) else RETRY
            return {
                "status": status,
                "reason": answer.reason,
                "detail": told(answer.detail),
                "http_status": answer.http_status,
                "delay": max(answer.pause, ROBOTS_RETRY),
                "ago": answer.since,
            }
        rules = answer.rules
        facts = HostFacts(rules=encode(rules), crawl_delay=rules.crawl_delay, sitemaps=rules.sitemaps)
        return {"status": FETCHED, "http_status": answer.http_status, "host": facts, "ago": answer.since}

    async def _page(self, work: Work, request: Request, harvest: Harvest) -> dict[str, Any]:
        lane, sink = work.lane, self._files.sink(work.advance) if request.save else None
        exchange = Exchange(
            private_host=lane.host if lane.open else "",
            rules=lane.rules,
            sink=sink,
            advance=work.advance,
            spacing=lane.spacing,
            again=lambda: work.again(self._clock.now()),
            jars=lane.jars,
        )
        try:
            facts = await self._exchanged(work, request, exchange, harvest)
        except BaseException:
            if sink is not None:  # cancelled, or a defect: what has come is there for whoever tries next
                await sink.leave()
            raise
        if sink is not None:  # harmless after a whole file
            await (sink.leave() if facts["status"] == RETRY else sink.discard())
        if exchange.cookies:
            facts["cookies"] = exchange.cookies
        return {**facts, "ago": -1.0} if exchange.untouched else facts

    async def _exchanged(self, work: Work, request: Request, exchange: Exchange, harvest: Harvest) -> dict[str, Any]:
        response: Response | None = None
        try:
            response = await self._fetcher.fetch(request, exchange)
            following = response.following
            if following is not None:
                harvest.add_request(seal(following, self._secret, continuation=True), remember=False)
                if request.save and request.referrer:  # the page named an image that lives elsewhere now
                    moved = Sighting(following.url, "", "redirect")
                    harvest.add_item(as_item(Sightings(request.referrer, [moved])))
                return self._facts(FETCHED, "redirect", response, f"to {following.url}")
            verdict = self._judged(work, request, response)
            detail = ""
        except IgnoreRequest as error:  # a stage does not want it: it ends as excluded
            return {"status": EXCLUDED, "reason": error.reason, "detail": told(str(error))}
        except FetchError as error:  # retried or ended as failed, as the retry table says
            verdict = self._judged(work, request, error, forward=exchange.forward)
            detail = error.detail
        try:
            return await self._settled(request, response, verdict, detail, harvest)
        finally:
            if response is not None:
                response.content.release()

    async def _settled(
        self, request: Request, response: Response | None, verdict: retry.Verdict, detail: str, harvest: Harvest
    ) -> dict[str, Any]:
        if verdict.kind == retry.RETRY:
            return self._facts(RETRY, verdict.reason, response, detail, delay=verdict.delay, free=verdict.free)
        if verdict.kind == retry.PAUSE:
            return self._facts(RETRY, verdict.reason, response, detail, host=HostFacts(pause=max(verdict.delay, 0.1)))
        if response is None or (verdict.kind == retry.FAIL and response.status not in self._wanted):
            failure = Failure(request, verdict.reason, detail, response)
            return await self._failed(request, failure, harvest)
        return await self._answered(request, response, harvest)

    def _judged(
        self, work: Work, request: Request, came: Response | FetchError, *, forward: bool = False
    ) -> retry.Verdict:
        now, most = self._clock.time(), request.max_retry_times
        return retry.decide(self._retry, work.lease.attempt, came, now, most=most, forward=forward)

    async def _answered(self, request: Request, response: Response, harvest: Harvest) -> dict[str, Any]:
        if response.file is not None:
            harvest.add_item(Item("file", _encode(response.file)))
            if request.callback is None:
                return self._facts(FETCHED, "", response)
        page = harvest.page = (
            PageTags(response, self._obeyed, self._product, self._clock.time) if self._obeyed else None
        )
        trouble = await self._call(request.callback, request, response, harvest)
        if trouble:
            return self._facts(FAILED, "callback", response, trouble)
        looked_at = gist_of(response) if self._watched and is_looked_at(request.url) else None
        if page is None or not page.left_out:
            return self._facts(FETCHED, "", response, gist=looked_at)
        if not self._told_noindex:
            self._told_noindex = True
            log.warning(
                "%s asks not to be indexed (noindex): its items are left out, and so are those of others like "
                "it; politeness.obey_robots_tags says whether",
                request.url,
            )
        return self._facts(FETCHED, "noindex", response, f"{page.left_out} items were left out", gist=looked_at)

    async def _failed(self, request: Request, failure: Failure, harvest: Harvest) -> dict[str, Any]:
        detail = failure.detail
        if request.errback is not None:
            detail += await self._call(request.errback, request, failure, harvest)
        return self._facts(FAILED, failure.reason, failure.response, detail)

    async def _call(self, name: str | None, request: Request, argument: Any, harvest: Harvest) -> str:
        """Run a callback; what it made before it raised is kept. Returns the traceback, empty when all went well."""
        try:
            made = find(self._spider, name)(argument, **request.cb_kwargs)
            if inspect.isgenerator(made):
                for one in made:
                    self._collect(one, request, harvest)
                    if harvest.full:
                        await self.on_part(harvest.part())
            else:
                async for one in produced(made):
                    self._collect(one, request, harvest)
                    harvest.work.advance(1)
                    if harvest.full:
                        await self.on_part(harvest.part())
        except IgnoreRequest:  # the callback says "not this one": what it made is kept
            return ""
        except Exception:  # noqa: BLE001 - the user's code: its request ends as failed(callback), the crawl goes on
            text = told(traceback.format_exc())
            log.error("%s failed on %s\n%s", name or "parse", request.url, text)
            return text
        return ""

    def _collect(self, one: Any, request: Request, harvest: Harvest) -> None:
        if not isinstance(one, Request):
            if one is not None:
                item = as_item(one)
                self._check_travels(len(item.body), "an item")
                if item.kind == "item" and harvest.page is not None and harvest.page.tags.noindex:
                    harvest.page.left_out += 1
                else:
                    harvest.add_item(item)
            return
        plain = one.method == "GET" and not (one.body or one.dont_filter or one.cookiejar)
        if plain and one.url in self.recent:
            harvest.duplicates += 1
            return
        if one.depth == 0:
            one = one.replace(depth=request.depth + 1)
        forbidden = harvest.page.forbids(one) if harvest.page is not None else ""
        sealed = seal(one, self._secret, excluded=forbidden)
        self._check_travels(len(sealed.body), f"the request to {one.url}")
        harvest.add_request(sealed, remember=plain and not forbidden)

    def _check_travels(self, size: int, what: str) -> None:
        if size > self._largest:
            raise ValueError(f"{what} has {size} bytes; half of queues.max_message, {self._largest}, may travel")

    def _facts(
        self, status: str, reason: str, response: Response | None, detail: str = "", **more: Any
    ) -> dict[str, Any]:
        facts: dict[str, Any] = {"status": status, "reason": reason, "detail": told(detail), **more}
        if response is not None:
            facts |= {"http_status": response.status, "size": response.size, "latency": response.latency}
            if response.cached and status == FETCHED and not reason:
                facts["reason"] = _CACHED[response.cached]
            elif response.cached and "\n" not in detail:
                facts["detail"] = told(f"{detail}, from the cache".lstrip(", "))
            if self._by_address and "host" not in more and self._is_news(response):
                facts["host"] = HostFacts(address=response.ip_address)
        return facts

    def _is_news(self, response: Response) -> bool:
        """Whether the frontier has to be told of the address of this response's host."""
        host, address = response.request.host, response.ip_address
        if not address or response.proxy or self._addresses.get(host) == address:
            return False
        if len(self._addresses) >= _MOST_ADDRESSES:
            self._addresses.clear()
        self._addresses[host] = address
        return True


def gist_of(response: Response) -> bytes | None:
    """What tells pages apart that bring something from those of traps; None of what was saved, or is very large."""
    if response.file is not None or response.size > _MOST_LOOKED_AT:
        return None
    return gist(response.body, markup="html" in response.content_type or not response.content_type)


def told(text: str) -> str:
    """A text for people as it can travel: of a bounded length, and without half characters."""
    if len(text) > _MOST_TOLD:
        text = f"{text[: _MOST_TOLD // 2]}\n...\n{text[-_MOST_TOLD // 2 :]}"
    return text.encode("utf-8", "backslashreplace").decode() if not text.isascii() else text


async def _nobody(_: Outcome) -> None:
    """Stands for the worker where there is none."""
    raise AssertionError("a part of an outcome, and nobody to report it")
