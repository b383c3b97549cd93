"""Which pipelines there are and where they run; what cannot be one is told in a line."""

import asyncio
from typing import ClassVar

import pytest

from acrawl.errors import CrawlFailed, DropItem, SpiderError
from acrawl.results.lineup import lineup
from acrawl.results.pipelines import running
from results.helpers import Spider


class Saving:
    def process_item(self, item): ...


class Cleaning(Saving):
    where = "worker"


class Checking(Cleaning):
    pass


class Lost:
    where = "moon"

    def process_item(self, item): ...


class Yielding:
    def process_item(self, item):
        yield item


class Uncallable:
    process_item = "item"


PLACE = f"{__name__}.Cleaning"


def test_the_workers_come_first_and_the_order_of_each_side_is_that_of_the_list():
    assert lineup(Spider(Checking, PLACE, Saving)) == ([Checking, Cleaning], [Saving])
    assert lineup(Spider()) == ([], [])


def test_scrapys_dict_has_sides_too():
    spider = Spider()
    spider.custom_settings = {"ITEM_PIPELINES": {Saving: 300, PLACE: 100}}
    assert lineup(spider) == ([Cleaning], [Saving])
    spider.custom_settings = {"ITEM_PIPELINES": {Saving: 100, PLACE: 300}}
    with pytest.raises(SpiderError, match="Cleaning runs on the worker and stands behind Saving"):
        lineup(spider)


@pytest.mark.parametrize(
    ("pipelines", "told"),
    [
        ([Saving()], "is an instance; list the class Saving, and acrawl makes one in each process"),
        ([asyncio], "is no class but module; list a class, or its name as module.Class"),
        (["json.dumps"], "pipeline 'json.dumps' is no class but function"),
        ([None], "pipeline None is no class but NoneType"),
        ([object], "pipeline object: has no process_item(item, spider)"),
        ([Uncallable], "pipeline Uncallable: process_item is 'item', no method"),
        ([Yielding], "pipeline Yielding: process_item has a yield in it; let it return the item"),
        ([Lost], """pipeline Lost: where = 'moon'; it is "master" or "worker\""""),
        (["nowhere.Pipeline"], "pipeline 'nowhere.Pipeline' cannot be loaded: No module named 'nowhere'"),
        (["Pipeline"], "pipeline 'Pipeline': write its module, too, as in module.Pipeline"),
        (Saving, "pipelines = Saving: it is a list, so write pipelines = [Saving]"),
        ("shop.Saving", "pipelines = 'shop.Saving': it is a list, so write pipelines = ['shop.Saving']"),
    ],
)
def test_what_cannot_be_a_pipeline_is_told_in_one_line(pipelines, told):
    spider = Spider()
    spider.pipelines = pipelines
    with pytest.raises(SpiderError) as caught:
        lineup(spider)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


class Opened:
    said: ClassVar[list[str]] = []

    def open_spider(self):
        self.said.append("opened")

    async def process_item(self, item):
        if item == 2:
            raise DropItem
        return item

    def close_spider(self):
        self.said.append("closed")
        if len(self.said) > 2:
            raise RuntimeError("flush failed")


@pytest.mark.asyncio
async def test_the_workers_pipelines_are_open_until_its_end_and_the_others_need_not_be_there():
    Opened.said.clear()
    spider = Spider(Opened, "nowhere.Pipeline")
    async with running(spider, 1) as pipelines:
        passages = await pipelines.process([1, 2])
        assert [passage.going for passage in passages] == [True, False]
        assert Opened.said == ["opened"]
    assert Opened.said == ["opened", "closed"]
    with pytest.raises(CrawlFailed, match="flush failed"):
        async with running(spider, 1):
            pass


@pytest.mark.asyncio
async def test_without_any_nothing_is_loaded():
    async with running(Spider("nowhere.Pipeline"), 0) as pipelines:
        assert pipelines is None
