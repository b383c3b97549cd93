"""Users' pipelines: what an item passes before it reaches the feeds.

::

    class Prices:
        async def process_item(self, item, spider):     # or a plain def, and without spider if it is not needed
            if not item.get("price"):
                raise DropItem("no price")
            return item

``open_spider(spider)`` and ``close_spider(spider)`` are optional, and so is ``from_crawler(crawler)`` for spiders that
have a crawler (`acrawl.scrapy`). With ``where = "worker"`` in its class a pipeline runs in each worker process, on the
very object that the callback gave, before that is checked and closed for the journey. All others run on the master, and
to them an item comes as a dict of plain values, whatever the callback gave. A pipeline with any ``async def`` lives on
the event loop and may see up to `CONCURRENCY` items at once; one without lives in a thread of its own, which it may
block, and sees one item after the other. After a crash an item may come again: pipelines are at least once.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import traceback
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from acrawl.errors import CrawlFailed, DropItem, SpiderError
from acrawl.results.lineup import lineup, listed, loaded

log = logging.getLogger(__name__)

#: Items that an asynchronous pipeline works on at once.
CONCURRENCY = 100


class Passage:
    """One item on its way: ``dropped`` or ``failed`` says why it goes no further; ``detail`` is the traceback."""

    __slots__ = ("detail", "dropped", "failed", "item")

    def __init__(self, item: Any) -> None:
        self.item = item
        self.dropped: str | None = None
        self.failed = ""
        self.detail = ""

    @property
    def going(self) -> bool:
        """Whether the item goes on."""
        return self.dropped is None and not self.failed


class Pipelines:
    """The pipelines of one spider, in their order."""

    def __init__(self, classes: Sequence[type], spider: Any) -> None:
        self._stages = [_Stage(cls, spider) for cls in classes]

    @classmethod
    def of(cls, spider: Any) -> Pipelines:
        """Those of a spider that run on the master. Raises `SpiderError` for a list that cannot be."""
        return cls(lineup(spider).master, spider)

    async def open(self) -> None:
        """Make the pipelines and call ``open_spider``. Raises `SpiderError`; those already open are closed again."""
        for i, stage in enumerate(self._stages):
            try:
                await stage.open()
            except Exception as error:  # whatever the user's code raises: nothing is delivered yet
                log.error("%s could not be opened", stage.name, exc_info=True)
                self._stages = self._stages[:i]
                await self.close()
                raise SpiderError(f"pipeline {stage.name} could not be opened: {error}") from error

    async def process(self, items: Sequence[Any]) -> list[Passage]:
        """Send items through all pipelines; returns a passage for each, in the same order."""
        passages = [Passage(item) for item in items]
        going = passages
        for stage in self._stages:
            await stage.process(going)
            going = [passage for passage in going if passage.going]
        return passages

    async def close(self) -> None:
        """Call ``close_spider`` of every pipeline. Raises `CrawlFailed` after the last, if any of them failed."""
        failed = []
        stages, self._stages = self._stages, []
        for stage in stages:
            try:
                await stage.close()
            except Exception as error:  # the others are closed too; what this one kept back may be lost
                log.error("%s could not be closed", stage.name, exc_info=True)
                failed.append(f"pipeline {stage.name} could not be closed: {error}")
        if failed:
            raise CrawlFailed("; ".join(failed))


@contextlib.asynccontextmanager
async def running(spider: Any, count: int) -> AsyncIterator[Pipelines | None]:
    """The first ``count`` pipelines of a spider, which the master says are the workers': open until the end.

    None without any. The others need not be there. Raises `SpiderError`, and at the end `CrawlFailed`.
    """
    if not count:
        yield None
        return
    pipelines = Pipelines(loaded(listed(spider)[:count]), spider)
    await pipelines.open()
    try:
        yield pipelines
    finally:
        await pipelines.close()


class _Stage:
    """One pipeline, where it lives, and how its methods are called."""

    def __init__(self, cls: type, spider: Any) -> None:
        self.name = cls.__name__
        self._class = cls
        self._spider = spider
        self._self: Any = None
        self._process_item: Callable[[Any], Any]
        methods = [getattr(cls, name, None) for name in ("process_item", "open_spider", "close_spider")]
        on_loop = any(inspect.iscoroutinefunction(method) for method in methods)
        self._thread = None if on_loop else ThreadPoolExecutor(1, f"acrawl-{cls.__name__}")

    async def open(self) -> None:
        crawler = getattr(self._spider, "crawler", None)
        by_crawler = None if crawler is None else getattr(self._class, "from_crawler", None)
        self._self = await (self._call(self._class) if by_crawler is None else self._call(by_crawler, crawler))
        self._process_item = self._bound("process_item", 1)
        await self._optional("open_spider")

    async def process(self, passages: Sequence[Passage]) -> None:
        if self._thread is not None:
            await self._call(self._process_all, passages)
        elif len(passages) == 1:  # on a worker always
            await self._process(passages[0])
        else:
            room = asyncio.Semaphore(CONCURRENCY)

            async def one(passage: Passage) -> None:
                async with room:
                    await self._process(passage)

            await asyncio.gather(*map(one, passages))

    async def _process(self, passage: Passage) -> None:
        try:
            result = self._process_item(passage.item)
            passage.item = self._checked(await result if inspect.isawaitable(result) else result)
        except Exception as error:  # noqa: BLE001 - dropped or failed: recorded in the passage, the others go on
            _stopped(passage, error)

    def _process_all(self, passages: Sequence[Passage]) -> None:
        for passage in passages:
            try:
                passage.item = self._checked(self._process_item(passage.item))
            except Exception as error:  # noqa: BLE001 - dropped or failed: recorded in the passage, the others go on
                _stopped(passage, error)

    def _checked(self, item: Any) -> Any:
        """What goes on. A forgotten ``return`` is an error: as None the item would be lost, and nobody would see it."""
        if item is None:
            raise TypeError(f"{self.name}.process_item returned None: return the item, or raise DropItem")
        return item

    async def close(self) -> None:
        try:
            await self._optional("close_spider")
        finally:
            if self._thread is not None:
                self._thread.shutdown(wait=False)

    async def _optional(self, name: str) -> None:
        if hasattr(self._class, name):
            result = await self._call(self._bound(name, 0))
            if inspect.isawaitable(result):
                await result

    async def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        if self._thread is None:
            return function(*arguments)
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    def _bound(self, name: str, before: int) -> Callable[..., Any]:
        """A method that is given the spider if it takes one more argument than ``before``."""
        method: Callable[..., Any] = getattr(self._self, name)
        parameters = inspect.signature(method).parameters.values()
        many = any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters)
        if many or len(parameters) > before:
            return lambda *arguments: method(*arguments, self._spider)
        return method


def _stopped(passage: Passage, error: Exception) -> None:
    if isinstance(error, DropItem):
        passage.dropped = str(error)
        return
    passage.failed = f"{type(error).__name__}: {error}"
    passage.detail = "".join(traceback.format_exception(error))
