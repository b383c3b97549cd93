"""Pipelines: an item passes all of them, is dropped, or fails alone."""

import asyncio
import threading

import pytest

from acrawl.errors import CrawlFailed, DropItem, SpiderError
from acrawl.results.pipelines import Pipelines
from results.helpers import Spider


class Doubling:
    def process_item(self, item, spider):
        return item | {"n": item["n"] * 2}


class AddingLater:
    async def process_item(self, item, spider):
        await asyncio.sleep(0)
        return item | {"n": item["n"] + 1}


class Picky:
    def process_item(self, item):
        if item["n"] == 2:
            raise DropItem("two is not wanted")
        return {3: 1 / (item["n"] - 3)} if item["n"] == 3 else item


class Forgetful:
    async def process_item(self, item, spider): ...


class Recording:
    def __init__(self):
        self.threads = [threading.current_thread().name]

    def open_spider(self, spider):
        spider.recording = self
        self.threads.append(threading.current_thread().name)

    def process_item(self, item, spider):
        self.threads.append(threading.current_thread().name)
        return item

    def close_spider(self, spider):
        self.threads.append("closed")


async def passed(items, *classes):
    pipelines = Pipelines.of(Spider(*classes))
    await pipelines.open()
    passages = await pipelines.process(items)
    await pipelines.close()
    return passages


@pytest.mark.asyncio
async def test_items_pass_all_pipelines_in_order():
    passages = await passed([{"n": n} for n in range(300)], Doubling, AddingLater, Doubling)
    assert [passage.item["n"] for passage in passages] == [(n * 2 + 1) * 2 for n in range(300)]
    assert all(passage.going for passage in passages)


@pytest.mark.asyncio
async def test_without_pipelines_items_pass():
    assert [passage.item for passage in await passed([1, 2])] == [1, 2]


@pytest.mark.asyncio
@pytest.mark.parametrize("after", [Doubling, AddingLater])
async def test_a_dropped_and_a_failed_item_go_no_further_and_the_others_do(after):
    one, two, three, four = await passed([{"n": n} for n in (1, 2, 3, 4)], Picky, after)
    assert one.going
    assert four.going
    assert (two.dropped, two.failed, two.item) == ("two is not wanted", "", {"n": 2})
    assert (three.dropped, three.failed) == (None, "ZeroDivisionError: division by zero")
    assert "in process_item" in three.detail


@pytest.mark.asyncio
async def test_a_forgotten_return_fails_the_item():
    (passage,) = await passed([{"n": 1}], Forgetful)
    assert passage.failed == "TypeError: Forgetful.process_item returned None: return the item, or raise DropItem"


@pytest.mark.asyncio
async def test_a_pipeline_without_async_lives_in_one_thread_of_its_own():
    spider = Spider(Recording)
    pipelines = Pipelines.of(spider)
    await pipelines.open()
    await pipelines.process([1, 2, 3])
    await pipelines.close()
    threads = spider.recording.threads
    assert threads.pop() == "closed"
    assert len(threads) == 5
    assert len(set(threads)) == 1
    assert threads[0] != threading.current_thread().name


@pytest.mark.asyncio
async def test_a_pipeline_with_any_async_lives_on_the_loop():
    class Mixed(Recording):
        async def close_spider(self, spider):
            await asyncio.sleep(0)
            self.threads.append("closed")

    spider = Spider(Mixed)
    pipelines = Pipelines.of(spider)
    await pipelines.open()
    await pipelines.process([1])
    await pipelines.close()
    assert spider.recording.threads == [threading.current_thread().name] * 3 + ["closed"]


@pytest.mark.asyncio
async def test_scrapys_dict_gives_the_order():
    spider = Spider()
    spider.custom_settings = {"ITEM_PIPELINES": {f"{__name__}.AddingLater": 300, Doubling: 100, "not.there": None}}
    pipelines = Pipelines.of(spider)
    await pipelines.open()
    (passage,) = await pipelines.process([{"n": 5}])
    assert passage.item == {"n": 11}
    await pipelines.close()


@pytest.mark.parametrize("place", ["nowhere.Pipeline", "json.Nothing", "json.dumps", "word", 7, object])
def test_a_pipeline_that_cannot_be_loaded_is_named(place):
    with pytest.raises(SpiderError, match="pipeline"):
        Pipelines.of(Spider(place))


@pytest.mark.asyncio
async def test_when_one_cannot_be_opened_the_others_are_closed_again(caplog):
    class Broken(Doubling):
        def open_spider(self, spider):
            raise RuntimeError("no database")

    spider = Spider(Recording, Broken)
    with pytest.raises(SpiderError, match="Broken could not be opened: no database"):
        await Pipelines.of(spider).open()
    assert spider.recording.threads[-1] == "closed"
    assert "Traceback" in caplog.text


@pytest.mark.asyncio
async def test_when_one_cannot_be_closed_the_others_are_and_the_crawl_fails():
    class Broken(Doubling):
        async def close_spider(self, spider):
            raise RuntimeError("flush failed")

    spider = Spider(Broken, Recording)
    pipelines = Pipelines.of(spider)
    await pipelines.open()
    with pytest.raises(CrawlFailed, match="Broken could not be closed: flush failed"):
        await pipelines.close()
    assert spider.recording.threads[-1] == "closed"
    await pipelines.close()
