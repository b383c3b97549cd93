"""The drain: everything durable first, and only then forgotten."""

import asyncio
import contextlib
import json

import msgspec
import pytest

from acrawl.errors import CrawlFailed, DropItem
from acrawl.outcome import Captured, Derived, FileFact, Item, Refused, Tally
from acrawl.results import outbox
from acrawl.results.catalog import Catalog
from acrawl.results.feeds import open_feed
from acrawl.results.files.folder import FolderStore
from acrawl.results.outbox import Drain
from acrawl.results.pipelines import Pipelines
from results.helpers import MemoryFrontier, Spider, encode, png, readable, save, sightings


@contextlib.asynccontextmanager
async def draining(tmp_path, frontier, *pipelines, feed="items.jsonl", begun=None, **options):
    feeds = [open_feed(str(tmp_path / feed), frontier.marks)]
    catalog = Catalog(tmp_path / "results.db", tmp_path / "files")
    drain = Drain(frontier, feeds, catalog, Pipelines.of(Spider(*pipelines)), **options)
    await drain.open(begun)
    try:
        yield drain, catalog
    finally:
        await drain.close()


def lines(tmp_path):
    return [json.loads(line) for line in (tmp_path / "items.jsonl").read_text().splitlines()]


async def saved(tmp_path, *datas):
    store = FolderStore(tmp_path / "files")
    facts = [await save(store, f"https://e.org/{i}.png", data) for i, data in enumerate(datas)]
    store.close()
    return facts


class Picky:
    def process_item(self, item, spider):
        if item["n"] == 1:
            raise DropItem
        if item["n"] == 2:
            raise ValueError("two")
        return item if item["n"] != 3 else {"n": object()}


@pytest.mark.asyncio
async def test_everything_is_delivered_by_its_kind(tmp_path):
    facts = await saved(tmp_path, png(1), png(1), png(2))
    seen = sightings("https://e.org/", (facts[0].url, "one"))
    frontier = MemoryFrontier([{"n": 0}, facts[0], seen, facts[1], {"n": 1}, facts[2]])
    async with draining(tmp_path, frontier) as (drain, catalog):
        tally = await drain.drain()
        assert tally == Tally(delivered=6, items=2, files=3, sightings=1)
        (page,), count = await drain.in_thread(catalog.pages_of, facts[0].url, 9)
        assert (page.page, page.alt, count) == ("https://e.org/", "one", 1)
    assert frontier.waiting == []
    assert [line.get("n", line.get("path")) for line in lines(tmp_path)] == [
        0,
        "e.org/0.png",
        "e.org/0.png",
        1,
        "e.org/2.png",
    ]
    assert lines(tmp_path)[1] == {
        "url": "https://e.org/0.png", "path": "e.org/0.png", "sha256": facts[0].sha256, "size": len(png(1)),
        "type": "image/png", "width": 4, "height": 4,
    }  # fmt: skip
    assert set(readable(tmp_path / "files")) == {"e.org/0.png", "e.org/2.png"}


@pytest.mark.asyncio
async def test_files_stay_out_of_the_feeds_when_they_are_not_wanted_there(tmp_path):
    frontier = MemoryFrontier([*await saved(tmp_path, png(1)), {"n": 1}])
    async with draining(tmp_path, frontier, files_to_feeds=False) as (drain, _):
        await drain.drain()
    assert lines(tmp_path) == [{"n": 1}]


@pytest.mark.asyncio
async def test_an_item_that_cannot_be_taken_is_kept_with_its_reason_and_the_crawl_goes_on(tmp_path, caplog):
    things = [{"n": n} for n in range(5)] + [
        Item("item", b"\xc1"),
        Item("unknown", b""),
        FileFact("https://e.org/x", "0" * 64, 1),
    ]
    frontier = MemoryFrontier([*things, FileFact("https://e.org/y", "../../x", 1)])
    async with draining(tmp_path, frontier, Picky) as (drain, catalog):
        tally = await drain.drain()
        failed = {item.item_id: (item.kind, item.reason) for item in catalog.failed()}
    assert lines(tmp_path) == [{"n": 0}, {"n": 4}]
    assert (tally.items, tally.dropped, tally.failed, tally.delivered) == (2, 1, 6, 9)
    assert failed["id3"] == ("item", "ValueError: two")
    assert failed["id4"][1].startswith("JSON cannot hold it")
    assert failed["id6"][1].startswith("its bytes cannot be read")
    assert failed["id7"][1] == "unknown kind of item 'unknown'"
    assert failed["id8"][1].startswith("the saved file cannot be listed")
    assert len(failed) == 6
    assert "Traceback" in caplog.text
    assert frontier.waiting == []


@pytest.mark.asyncio
async def test_nothing_is_forgotten_before_it_is_durable(tmp_path, monkeypatch):
    monkeypatch.setattr(outbox, "BATCH", 2)
    monkeypatch.setattr(outbox, "GROWTH", 1)
    facts = await saved(tmp_path, *map(png, range(3)))
    frontier = MemoryFrontier([thing for n, fact in enumerate(facts) for thing in ({"n": n}, fact)])
    seen = []

    def look():
        catalog = Catalog(tmp_path / "results.db", tmp_path / "files")  # another connection: sees what is committed
        seen.append((len(lines(tmp_path)), len(list(catalog.images())), len(readable(tmp_path / "files"))))
        catalog.close()

    frontier.before_done = look
    async with draining(tmp_path, frontier) as (drain, _):
        await drain.drain()
    assert seen == [(2, 1, 1), (4, 2, 2), (6, 3, 3)]


@pytest.mark.asyncio
async def test_a_batch_that_was_not_forgotten_is_delivered_again_and_stands_there_once(tmp_path):
    facts = await saved(tmp_path, png(1), png(2))
    things = [{"n": 1}, *facts, {"n": 2}]
    frontier = MemoryFrontier(things)

    def fail():
        raise OSError("the frontier's disk is full")

    frontier.before_done = fail
    async with draining(tmp_path, frontier) as (drain, _):
        with pytest.raises(CrawlFailed, match="disk is full"):
            await drain.drain()
        with pytest.raises(CrawlFailed, match="nothing more can be delivered"):
            await drain.drain()
    assert len(lines(tmp_path)) == 4
    frontier.before_done = lambda: None
    async with draining(tmp_path, frontier) as (drain, catalog):
        await drain.drain()
        assert catalog.totals().files == 2
    assert [line.get("n") for line in lines(tmp_path)] == [1, None, None, 2]
    assert len(readable(tmp_path / "files")) == 2


@pytest.mark.asyncio
async def test_a_full_disk_ends_the_drain_and_loses_nothing(tmp_path):
    frontier = MemoryFrontier([{"n": 1}])
    async with draining(tmp_path, frontier, feed="/dev/full:jsonl") as (drain, _):
        with pytest.raises(CrawlFailed, match="No space left"):
            await drain.run()
    assert len(frontier.waiting) == 1
    assert frontier.marks == {}


@pytest.mark.asyncio
async def test_the_first_mark_is_recorded_before_anything_is_written(tmp_path):
    (tmp_path / "items.jsonl").write_text('{"n": "mine"}\n')
    frontier = MemoryFrontier([])
    async with draining(tmp_path, frontier):
        assert list(frontier.marks.values()) == [14]


@pytest.mark.asyncio
async def test_run_delivers_what_comes_later(tmp_path):
    frontier = MemoryFrontier([])
    async with draining(tmp_path, frontier, poll=30) as (drain, _):
        running = asyncio.create_task(drain.run())
        arrived = asyncio.Event()
        frontier.before_done = arrived.set
        for n in range(3):
            await asyncio.sleep(0)
            arrived.clear()
            frontier.waiting = MemoryFrontier([{"n": n}]).waiting
            drain.wake()
            async with asyncio.timeout(10):
                await arrived.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert lines(tmp_path) == [{"n": n} for n in range(3)]


@pytest.mark.asyncio
async def test_a_cancelled_run_finishes_its_batch(tmp_path):
    started = asyncio.Event()
    go_on = asyncio.Event()

    class Slow:
        async def process_item(self, item, spider):
            started.set()
            await go_on.wait()
            return item

    frontier = MemoryFrontier([{"n": 1}, {"n": 2}])
    async with draining(tmp_path, frontier, Slow) as (drain, _):
        running = asyncio.create_task(drain.run())
        await started.wait()
        running.cancel()
        await asyncio.sleep(0)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert frontier.waiting == []
        assert await drain.drain() == Tally(delivered=2, items=2)
    assert lines(tmp_path) == [{"n": 1}, {"n": 2}]


@pytest.mark.asyncio
async def test_close_ends_run_and_may_be_called_again(tmp_path):
    async with draining(tmp_path, MemoryFrontier([{"n": 1}]), poll=30) as (drain, _):
        running = asyncio.create_task(drain.run())
        while drain.tally.delivered == 0:
            await asyncio.sleep(0)
        await drain.close()
        async with asyncio.timeout(10):
            await running


@pytest.mark.asyncio
async def test_the_loop_is_not_blocked_while_the_disk_works(tmp_path):
    facts = await saved(tmp_path, *(png(n) for n in range(50)))
    loop_thread_jobs = []

    class Feed:
        name = "f"

        def write(self, items):
            with pytest.raises(RuntimeError):
                asyncio.get_running_loop()
            loop_thread_jobs.append(len(items))
            return []

        def commit(self):
            with pytest.raises(RuntimeError):
                asyncio.get_running_loop()
            return {}

        def close(self): ...

    catalog = Catalog(tmp_path / "results.db", tmp_path / "files")
    drain = Drain(MemoryFrontier(facts), [Feed()], catalog, Pipelines.of(Spider()))
    await drain.open()
    await drain.drain()
    await drain.close()
    assert loop_thread_jobs == [50]


REFUSED = Refused("Product.price", "Product.price: expected `float`", "", b"\x01")


@pytest.mark.asyncio
async def test_what_workers_refused_is_kept_once_and_a_field_is_warned_of_once(tmp_path, caplog):
    broken = Refused("", "KeyError: 'price'", "Traceback ...", b"\x02")
    other = msgspec.structs.replace(REFUSED, about="Product.name", reason="Product.name: expected `str`")
    frontier = MemoryFrontier([{"n": 0}, *(Item("refused", encode(one)) for one in (REFUSED, REFUSED, broken, other))])
    forget = frontier.done
    frontier.done = fails_once(forget)
    with pytest.raises(CrawlFailed, match="the master dies here"):
        async with draining(tmp_path, frontier) as (drain, _):
            await drain.drain()
    frontier.done = forget
    caplog.clear()
    async with draining(tmp_path, frontier) as (drain, catalog):
        assert await drain.drain() == Tally(delivered=5, items=1, failed=4)
        failed = await drain.in_thread(lambda: list(catalog.failed()))
    assert [(one.item_id, one.kind, one.reason, one.detail, one.body) for one in failed] == [
        ("id2", "item", REFUSED.reason, "", b"\x01"),
        ("id3", "item", REFUSED.reason, "", b"\x01"),
        ("id4", "item", "KeyError: 'price'", "Traceback ...", b"\x02"),
        ("id5", "item", other.reason, "", b"\x01"),
    ]
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert ["Product.price" in warnings[0], "Product.name" in warnings[1], len(warnings)] == [True, True, 2]
    assert "KeyError: 'price'\nTraceback ..." in caplog.text


def fails_once(done):
    async def dies(ids, marks=None):
        if ids:
            raise CrawlFailed("the master dies here")
        await done(ids, marks)

    return dies


@pytest.mark.asyncio
async def test_what_pipelines_of_workers_dropped_is_counted_with_what_those_of_the_master_did(tmp_path):
    frontier = MemoryFrontier([Item("dropped", encode(3)), {"n": 1}, Item("dropped", encode(2)), {"n": 0}])
    async with draining(tmp_path, frontier, Picky) as (drain, _):
        assert await drain.drain() == Tally(delivered=4, items=1, dropped=6)
    assert lines(tmp_path) == [{"n": 0}]


@pytest.mark.asyncio
async def test_what_a_worker_says_that_cannot_be_is_failed_and_the_rest_is_delivered(tmp_path):
    (fact,) = await saved(tmp_path, png(1))
    thumb = Derived("thumb:a", fact.sha256, 1, "image/jpeg", 1, 1)
    lies = [
        *(msgspec.structs.replace(fact, size=size) for size in (-1, 1 << 63)),
        msgspec.structs.replace(fact, width=(1 << 64) - 1),
        msgspec.structs.replace(fact, derived=[msgspec.structs.replace(thumb, height=1 << 63)]),
        *(Item("dropped", encode(count)) for count in (-5, 1 << 63)),
        *(Item("exchange", encode(Captured(fact.url, date))) for date in (-1.0, 1e300, float("inf"))),
        *(Item("exchange", encode(Captured(fact.url, 1.0, **{name: -1}))) for name in ("request", "head", "size")),
    ]
    frontier = MemoryFrontier([*lies, fact])
    async with draining(tmp_path, frontier) as (drain, catalog):
        tally = await drain.drain()
        assert (tally.failed, tally.files, tally.dropped) == (len(lies), 1, 0)
        assert [image.size for image in catalog.images()] == [fact.size]


@pytest.mark.asyncio
async def test_a_long_outbox_is_delivered_in_larger_batches_as_long_as_they_are_small_in_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(outbox, "BATCH", 2)
    asked = []
    for text in ("", "x" * (2 << 20)):
        frontier = MemoryFrontier([{"text": text}] * 12)
        deliver, counts = frontier.outbox, []

        async def noted(n, deliver=deliver, counts=counts):
            counts.append(n)
            return await deliver(n)

        frontier.outbox = noted
        async with draining(tmp_path / str(len(text)), frontier) as (drain, _):
            await drain.drain()
        asked.append(counts)
    assert asked == [[2, 4, 8, 2], [2] * 7]


@pytest.mark.asyncio
async def test_a_batch_that_was_broken_off_comes_again_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(outbox, "BATCH", 2)
    frontier = MemoryFrontier([{"n": n} for n in range(12)])
    last = frontier.waiting[6].id
    batches, done = [], frontier.done

    async def noted(ids, marks=None):
        batches.append((list(ids), (marks or {}).get(outbox.BEGUN)))
        await done(ids, marks)

    ids = [entry.id for entry in frontier.waiting]
    frontier.done = noted
    async with draining(tmp_path, frontier, begun=last) as (drain, _):
        await drain.drain()
    delivered = [some for some, _ in batches if some]
    assert delivered[0] == ids[:7]
    assert [begun for some, begun in batches if begun] == [some[-1] for some in delivered[1:]]
    assert len(lines(tmp_path)) == 12
