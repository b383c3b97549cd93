"""One lease's way from request to outcome: fetch, judge, call back, collect."""

from __future__ import annotations

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
from acrawl.fetch.saving import too_small
from acrawl.fetch.versions import is_same, renewed, version_of, version_of_redirect
from acrawl.outcome import EXCLUDED, FAILED, FETCHED, RETRY, HostFacts, Item, Outcome, Sighting, Sightings
from acrawl.parse.gist import gist, is_looked_at
from acrawl.parse.robots import encode
from acrawl.request import Request, seal, unseal
from acrawl.response import Failure, Response
from acrawl.results.pipelines import Pipelines
from acrawl.spelling import Spelling
from acrawl.spider import Spider
from acrawl.worker.archiving import Archiving, harvested
from acrawl.worker.calling import Caller, Trouble, told
from acrawl.worker.harvest import Harvest
from acrawl.worker.imaging import Imaging
from acrawl.worker.items import as_item
from acrawl.worker.lanes import Work
from acrawl.worker.large import LargePages, cut_of, is_large
from acrawl.worker.recent import RecentLinks
from acrawl.worker.tags import PageTags

log = logging.getLogger(__name__)
_encode = msgspec.msgpack.Encoder().encode

#: A robots.txt that cannot be had is asked for again after so many seconds, doubled with each try by the frontier.
ROBOTS_RETRY = 2.0
#: The ledger's word for an answer that was stored before, by `Response.cached`.
_CACHED = {"hit": "cached", "stale": "cached", "revalidated": "unchanged"}
#: Bytes of a page that is looked at for its gist; traps do not take the trouble to be large.
_MOST_LOOKED_AT = 4 << 20
#: Hosts whose addresses are remembered as told.
_MOST_ADDRESSES = 10_000


class Handler:
    """Turns leases into outcomes. Holds no state of its own but the recently reported links.

    ``on_part`` takes the parts of an outcome that is too large for one message. ``pipelines`` are those that items pass
    in this process. With ``archive``, a store, what goes over the wire is captured for a web archive. ``imaging``
    makes of saved images what is wanted, if anything is.
    """

    def __init__(
        self,
        spider: Spider,
        fetcher: Fetcher,
        files: FileStore,
        secret: bytes,
        clock: Clock,
        recent: RecentLinks,
        pipelines: Pipelines | None = None,
        archive: FileStore | None = None,
    ) -> None:
        self.recent = recent
        self._caller = Caller(spider, files, secret, clock, recent, pipelines, archive)
        self._archiving = None if archive is None else Archiving(archive, clock, spider.settings.warc)
        self._spider = spider
        self._retry = spider.settings.retry
        self._fetcher = fetcher
        self._files = files
        self.imaging: Imaging | None = None
        self._least = spider.settings.images.min_width, spider.settings.images.min_height
        self._secret = secret
        self._spelling = Spelling(spider.settings.urls)
        self._clock = clock
        self._by_address = spider.settings.politeness.budget_by == "address"
        self._told: set[str] = set()
        self._large = LargePages()
        self._addresses: dict[str, str] = {}
        self._obeyed = frozenset(spider.settings.politeness.obey_robots_tags)
        self._product = spider.settings.fetch.user_agent.partition("/")[0].lower()
        self._wanted = frozenset(spider.handle_httpstatus_list)
        self._watched = spider.settings.traps.enabled
        self._remember = spider.settings.recrawl.remember

    @property
    def on_part(self) -> Callable[[Outcome], Awaitable[None]]:
        """What takes the parts of an outcome."""
        return self._caller.on_part

    @on_part.setter
    def on_part(self, take: Callable[[Outcome], Awaitable[None]]) -> None:
        self._caller.on_part = take

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
            facts = await self._robots(work, request, harvest)
        else:
            facts = await self._page(work, request, harvest)
        now = self._clock.now()
        facts.setdefault("ago", work.ago(now))
        outcome = Outcome(
            work.lease.token,
            requests=harvest.requests,
            items=harvest.take_items(),
            duplicates=harvest.duplicates,
            close=harvest.close,
            seconds=now - work.started_at,
            **facts,
        )
        return outcome, harvest.urls

    async def _robots(self, work: Work, request: Request, harvest: Harvest) -> dict[str, Any]:
        recorder = None if self._archiving is None else self._archiving.recorder(work)
        answer = await self._fetcher.fetch_robots(
            request.url,
            opened=work.lane.open,
            spacing=work.lane.spacing,
            hops=work.lease.attempt - 1,
            recorder=recorder,
        )
        if recorder is not None and (error := await harvested(recorder, harvest)):
            # It is asked for again; nothing of the host is fetched until then.
            return {"status": RETRY, "reason": error.reason, "detail": told(error.detail), "delay": ROBOTS_RETRY}
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
        facts = HostFacts(rules=encode(rules), crawl_delay=rules.crawl_delay)
        return {"status": FETCHED, "http_status": answer.http_status, "host": facts, "ago": answer.since}

    async def _page(self, work: Work, request: Request, harvest: Harvest) -> dict[str, Any]:
        lane, sink = work.lane, self._files.sink(work.advance) if request.save else None
        recorder = None if self._archiving is None else self._archiving.recorder(work)
        exchange = Exchange(
            private_host=lane.host if lane.open else "",
            rules=lane.rules,
            sink=sink,
            least=self._least,
            advance=work.advance,
            spacing=lane.spacing,
            again=lambda: work.again(self._clock.now()),
            jars=lane.jars,
            recorder=recorder,
            former=work.lease.former,
        )
        try:
            facts = await self._exchanged(work, request, exchange, harvest)
            if recorder is not None and facts["status"] != RETRY and (error := await harvested(recorder, harvest)):
                facts = self._unkept(self._judged(work, request, error), error, None, harvest)
        except BaseException:
            if sink is not None:  # cancelled, or a defect: what has come is there for whoever tries next
                await sink.leave()
            raise
        finally:
            if recorder is not None:
                await recorder.discard()
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
                harvest.add_request(seal(following, self._secret, self._spelling, continuation=True), remember=False)
                if request.save and request.referrer:  # the page named an image that lives elsewhere now
                    moved = Sighting(following.url, "", "redirect")
                    harvest.add_item(as_item(Sightings(request.referrer, [moved])))
                version = version_of_redirect(request, following.url) if self._remember != "nothing" else None
                return self._facts(FETCHED, "redirect", response, f"to {following.url}", version=version)
            if exchange.unchanged and work.lease.former is not None:
                version = renewed(work.lease.former, response.headers)
                return self._facts(FETCHED, "unchanged", response, version=version)
            verdict = self._judged(work, request, response)
            detail = ""
        except IgnoreRequest as error:  # a stage does not want it: it ends as excluded
            return {"status": EXCLUDED, "reason": error.reason, "detail": told(str(error))}
        except FetchError as error:  # retried or ended as failed, as the retry table says
            verdict = self._judged(work, request, error, forward=exchange.forward)
            detail = error.detail
        try:
            return await self._settled(work, request, response, verdict, detail, harvest)
        finally:
            if response is not None:
                response.content.release()

    async def _settled(
        self,
        work: Work,
        request: Request,
        response: Response | None,
        verdict: retry.Verdict,
        detail: str,
        harvest: Harvest,
    ) -> dict[str, Any]:
        if verdict.kind == retry.RETRY:
            return self._facts(RETRY, verdict.reason, response, detail, delay=verdict.delay, free=verdict.free)
        if verdict.kind == retry.PAUSE:
            return self._facts(RETRY, verdict.reason, response, detail, host=HostFacts(pause=max(verdict.delay, 0.1)))
        if response is None or (verdict.kind == retry.FAIL and not self._wants(request, response.status)):
            failure = Failure(request, verdict.reason, detail, response)
            return await self._failed(request, failure, harvest)
        return await self._answered(work, request, response, harvest)

    def _wants(self, request: Request, status: int) -> bool:
        """Whether a callback is to see an answer of this status that is none of success."""
        return status in self._wanted or request.wants(status)

    def _judged(
        self, work: Work, request: Request, came: Response | FetchError, *, forward: bool = False
    ) -> retry.Verdict:
        now, most = self._clock.time(), request.max_retry_times
        return retry.decide(self._retry, work.lease.attempt, came, now, most=most, forward=forward)

    async def _answered(self, work: Work, request: Request, response: Response, harvest: Harvest) -> dict[str, Any]:
        former = work.lease.former
        version = version_of(request, response, former, self._remember)
        if former is not None and version is not None and is_same(former, version):
            return self._facts(FETCHED, "unchanged", response, version=version)  # what it gave then stands
        facts = await self._taken(work, request, response, harvest)
        if facts["status"] != FETCHED:
            return facts
        if former is not None and facts["reason"] == "unchanged":  # by the cache's account, of what the cache had
            facts["reason"] = "cached"
        return {**facts, "version": version}

    async def _taken(self, work: Work, request: Request, response: Response, harvest: Harvest) -> dict[str, Any]:
        """Take an answer that has something new: its file, and what its callback makes of it."""
        file = response.file
        small = response.unkept or (file and too_small(file.type, file.width, file.height, self._least))
        if small:  # from the cache, it may have been kept before
            return self._facts(FETCHED, "too-small", response, small)
        if file is not None:
            if request.save_as:
                file = response.file = msgspec.structs.replace(file, save_as=request.save_as)
            try:
                file = file if self.imaging is None else await self.imaging.looked_at(file, work.advance)
            except FetchError as error:  # what was made of it could not be kept
                return self._unkept(self._judged(work, request, error), error, response, harvest)
            harvest.add_item(Item("file", _encode(file)))
            if request.callback is None:
                return self._facts(FETCHED, "", response)
            response.content.lend(self._files.place(file), file.size)
        page = harvest.page = (
            PageTags(response, self._obeyed, self._product, self._clock.time) if self._obeyed else None
        )
        trouble = await self._called_back(request, response, harvest)
        if trouble is not None:
            return self._facts(FAILED, trouble.reason, response, trouble.detail)
        if harvest.unkept is not None:
            return self._unkept(self._judged(work, request, harvest.unkept), harvest.unkept, response, harvest)
        # A page that was fetched before has charged its family then.
        is_watched = self._watched and work.lease.former is None
        looked_at = _gist(response) if is_watched and is_looked_at(request.url) else None
        reason, detail = "", cut_of(response)
        if detail:
            reason = "cut"
            self._warn_once(
                reason, "%s was read in part (%s); the [parse] settings say how much is read", request, detail
            )
        if page is not None and page.left_out:
            reason, detail = "noindex", f"{page.left_out} items were left out{'; ' if detail else ''}{detail}"
            self._warn_once(
                reason,
                "%s asks not to be indexed (noindex): its items are left out, and so are those of others like "
                "it; politeness.obey_robots_tags says whether",
                request,
            )
        if harvest.invalid:
            told_of = "; ".join(harvest.complaints.values())
            reason, detail = (
                "invalid-item",
                f"{harvest.invalid} of its items: {told_of}{'; ' if detail else ''}{detail}",
            )
        return self._facts(FETCHED, reason, response, detail, gist=looked_at)

    def _unkept(
        self, verdict: retry.Verdict, error: FetchError, response: Response | None, harvest: Harvest
    ) -> dict[str, Any]:
        """A file that the callback made could not be kept: as with one that is downloaded, all of it is tried again."""
        if verdict.kind != retry.RETRY:
            return self._facts(FAILED, error.reason, response, error.detail)
        harvest.forget()
        return self._facts(RETRY, error.reason, response, error.detail, delay=verdict.delay, free=verdict.free)

    async def _called_back(self, request: Request, response: Response, harvest: Harvest) -> Trouble | None:
        """Call back with a response, parsed beside the loop if it is large; returns what went wrong."""
        if not is_large(response):
            return await self._caller.call(request.callback, request, response, harvest)
        async with self._large.parsed(response, self._spider, request.callback):
            return await self._caller.call(request.callback, request, response, harvest)

    def _warn_once(self, reason: str, text: str, request: Request, *more: str) -> None:
        if reason not in self._told:
            self._told.add(reason)
            log.warning(text, request.url, *more)

    async def _failed(self, request: Request, failure: Failure, harvest: Harvest) -> dict[str, Any]:
        detail = failure.detail
        if request.errback is not None:
            trouble = await self._caller.call(request.errback, request, failure, harvest)
            detail += f"{trouble.detail if trouble is not None else ''}{harvest.unkept or ''}"
        return self._facts(FAILED, failure.reason, failure.response, detail)

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


def _gist(response: Response) -> bytes | None:
    """What tells pages apart that bring something from those of traps; None of saved files but pages, and of large."""
    is_page = "html" in response.content_type or not response.content_type
    if response.size > _MOST_LOOKED_AT or (response.file is not None and not (is_page and response.content.is_here)):
        return None
    return gist(response.body, markup=is_page)
