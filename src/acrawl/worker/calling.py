"""Calling a spider back: what its callbacks give becomes requests, items and files of the harvest."""

from __future__ import annotations

import asyncio
import inspect
import logging
import traceback
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec

from acrawl.clock import Clock
from acrawl.errors import CloseSpider, FetchError, IgnoreRequest
from acrawl.fetch.base import FileStore
from acrawl.fetch.capture import of_made
from acrawl.outcome import Item, MadeFile, Outcome, PageFile, Sightings
from acrawl.request import Request, seal
from acrawl.results.pipelines import Pipelines
from acrawl.spelling import Spelling
from acrawl.spider import Spider
from acrawl.worker.callbacks import produced
from acrawl.worker.harvest import Harvest
from acrawl.worker.invalid import InvalidItem, complaint_of, kind_of, portable, shortened
from acrawl.worker.items import as_item, refused
from acrawl.worker.recent import RecentLinks

log = logging.getLogger(__name__)
_encode = msgspec.msgpack.Encoder().encode

#: Seconds after which a callback that gives one thing after another lets others have a turn.
TURN = 0.02
#: Characters of a traceback or an error's text that are kept.
_MOST_TOLD = 20_000
#: Characters of the reason to end the crawl.
_LONGEST_REASON = 200
#: Fields that are remembered as warned of; more are not warned of.
_MOST_WARNED = 1000


class Trouble(NamedTuple):
    """Why a callback has failed: the ledger's word, and the traceback or what was wrong with an item."""

    reason: str
    detail: str


class Caller:
    """Runs callbacks and errbacks. ``on_part`` takes the parts of an outcome that is too large for one message.

    ``pipelines`` are those that items pass here, None without any. ``archive`` is the store of what goes into a web
    archive, if one is made: made files do.
    """

    def __init__(
        self,
        spider: Spider,
        files: FileStore,
        secret: bytes,
        clock: Clock,
        recent: RecentLinks,
        pipelines: Pipelines | None = None,
        archive: FileStore | None = None,
    ) -> None:
        self.recent = recent
        self._pipelines = pipelines
        self._warned: set[str] = set()
        self.on_part: Callable[[Outcome], Awaitable[None]] = _nobody
        self._spider = spider
        self._files = files
        self._secret = secret
        self._spelling = Spelling(spider.settings.urls)
        self._now = clock.now
        self._time = clock.time
        self._archive = archive
        self._largest = spider.settings.queues.max_message // 2

    async def call(self, name: str | None, request: Request, argument: Any, harvest: Harvest) -> Trouble | None:
        """Run a callback; what it made before it raised is kept. Returns None when all went well."""
        trouble = await self._call(name, request, argument, harvest)
        if harvest.made:
            await self._keep_made(harvest)
        return trouble

    async def _call(self, name: str | None, request: Request, argument: Any, harvest: Harvest) -> Trouble | None:
        end = self._now() + TURN
        try:
            made = self._spider.find_callback(name)(argument, **request.cb_kwargs)
            if inspect.isgenerator(made):
                for one in made:
                    if self._pipelines is not None:
                        one = await self._passed(self._pipelines, one, request, harvest)  # noqa: PLW2901
                    self._collect(one, request, harvest)
                    if harvest.full or self._now() > end:
                        end = await self._pause(harvest)
            else:
                async for one in produced(made):
                    if self._pipelines is not None:
                        one = await self._passed(self._pipelines, one, request, harvest)  # noqa: PLW2901
                    self._collect(one, request, harvest)
                    harvest.work.advance(1)
                    if harvest.full or self._now() > end:
                        end = await self._pause(harvest)
        except IgnoreRequest:  # the callback says "not this one": what it made is kept
            return None
        except CloseSpider as error:  # enough: the report tells the master, and what it made is kept
            harvest.close = told(error.reason)[:_LONGEST_REASON] or "cancelled"
            return None
        except Exception as error:  # noqa: BLE001 - the user's code: its request ends as failed, the crawl goes on
            return self._failed(error, name or "parse", request)
        return None

    def _failed(self, error: Exception, name: str, request: Request) -> Trouble:
        complaint = complaint_of(error)
        if complaint is None:
            text = told(traceback.format_exc())
            log.error("%s failed on %s\n%s", name, request.url, text)
            return Trouble("callback", text)
        text = told(complaint.text)
        if complaint.about not in self._warned and len(self._warned) < _MOST_WARNED:
            self._warned.add(complaint.about)
            log.warning("%s could not make an item of %s: %s; others like it are only counted", name, request.url, text)
        return Trouble("invalid-item", text)

    async def _pause(self, harvest: Harvest) -> float:
        """Report a part if it is time to, and let others have a turn; returns when the next one is due."""
        if harvest.full:
            await self._keep_made(harvest)
            await self.on_part(harvest.part())
        else:
            await asyncio.sleep(0)
        return self._now() + TURN

    async def _keep_made(self, harvest: Harvest) -> None:
        """Put the files that a callback has made into the store, before anything tells of them."""
        made, harvest.made = harvest.made, []
        for file in made:
            sink = self._files.sink(harvest.work.advance)
            try:
                await sink.write(file.data)
                fact = await sink.finish(file.url, file.name, file.type)
            except FetchError as error:  # the disk refuses: the request is tried again, or ends as failed
                harvest.unkept = error
            else:
                page = file.page
                kept = Item("file", _encode(fact)) if page is None else Item("page", _encode(PageFile(fact, page)))
                harvest.add_item(kept)
                await self._archive_made(file, harvest)
            finally:
                await sink.discard()

    async def _archive_made(self, file: MadeFile, harvest: Harvest) -> None:
        if self._archive is None:
            return
        try:
            made = await of_made(file, self._archive, self._time(), keeps_secrets=self._spider.settings.warc.secrets)
            harvest.add_item(Item("exchange", _encode(made)))
        except FetchError as error:  # as for the file itself
            harvest.unkept = error

    def _collect(self, one: Any, request: Request, harvest: Harvest) -> None:
        if isinstance(one, Request):
            self._collect_request(one, request, harvest)
        elif isinstance(one, MadeFile):
            if not harvest.leaves_out():
                harvest.add_made(one)
        elif isinstance(one, Sightings):
            item = as_item(one)
            self._check_travels(len(item.body), "a list of sightings")
            harvest.add_item(item)
        elif one is not None and not harvest.leaves_out():
            self._collect_item(one, harvest)

    def _collect_item(self, made: Any, harvest: Harvest) -> None:
        """Take an item; one that is not as it should be is told of, and the others go on."""
        try:
            item = as_item(made)
            if len(item.body) > self._largest:
                raise InvalidItem(kind_of(made), self._too_large(len(item.body)))
        except InvalidItem as error:
            harvest.add_invalid(error.about, str(error))
            item = refused(made, error.about, str(error))
        harvest.add_item(item)

    async def _passed(self, pipelines: Pipelines, one: Any, request: Request, harvest: Harvest) -> Any:
        """Send an item through the pipelines that are here, before the callback goes on: it may change it after that.

        Returns what came of it, None when nothing goes on, and what is no item as it is.
        """
        if one is None or isinstance(one, Request | MadeFile | Sightings):
            return one
        if harvest.leaves_out():
            return None
        (passage,) = await pipelines.process([one])
        harvest.work.advance(1)
        if passage.going:
            return passage.item
        if passage.failed:
            harvest.add_item(refused(passage.item, "", passage.failed, told(passage.detail)))
        else:
            harvest.dropped += 1
            log.debug("an item of %s dropped: %s", request.url, passage.dropped)
        return None

    def _collect_request(self, one: Request, request: Request, harvest: Harvest) -> None:
        plain = one.method == "GET" and not (one.body or one.dont_filter or one.cookiejar)
        if plain and one.url in self.recent:
            harvest.duplicates += 1
            return
        if one.depth == 0:
            one = one.replace(depth=request.depth + 1)
        forbidden = harvest.page.forbids(one) if harvest.page is not None else ""
        sealed = seal(one, self._secret, self._spelling, excluded=forbidden)
        self._check_travels(len(sealed.body), f"the request to {one.url}")
        harvest.add_request(sealed, remember=plain and not forbidden)

    def _check_travels(self, size: int, what: str) -> None:
        if size > self._largest:
            raise ValueError(f"{what}: {self._too_large(size)}")

    def _too_large(self, size: int) -> str:
        return f"it has {size} bytes; half of queues.max_message, {self._largest}, may travel"


def told(text: str) -> str:
    """A text for people as it can travel: of a bounded length, and without half characters."""
    return portable(shortened(text, _MOST_TOLD, "\n...\n"))


async def _nobody(_: Outcome) -> None:
    """Stands for the worker where there is none."""
    raise AssertionError("a part of an outcome, and nobody to report it")
